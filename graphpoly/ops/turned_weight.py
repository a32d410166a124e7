"""Values of an operator in the order of its transpose, which every gradient multiplies by."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.library import implement

__all__ = ["turned_weight", "turned_weight_reference"]

_OPERATOR = torch.ops.graphpoly.turned_weight.default


def turned_weight(
    weight: Tensor | None,
    row: Tensor,
    tperm: Tensor,
    rowptr: Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor | None:
    """Return ``weight[tperm]``, of a mean divided by the number of entries of each row.

    Args:
        weight: ``[E]``, float32 or float64, or None for ones.
        row: The target of each entry of the transpose, ``[E]``.
        tperm: The place of each in ``weight``, ``[E]``: a permutation.
        rowptr: ``[R+1]`` of the operator, if it takes means.
        dtype: float32 or float64, where there is no weight to tell.

    Returns:
        ``[E]``, or None: ones.

    Complexity: O(E), in as many threads as there are; ``index_select`` of a vector has one.
    """
    if weight is None and rowptr is None:
        return None
    out: Tensor = _OPERATOR(weight, row, tperm, rowptr, dtype == torch.float64)
    return out


def turned_weight_reference(
    weight: Tensor | None, row: Tensor, tperm: Tensor, rowptr: Tensor | None, wide: bool
) -> Tensor:
    """The definition of ``graphpoly::turned_weight`` in plain PyTorch."""
    if weight is None:
        weight = torch.ones(row.size(0), dtype=_ones(wide), device=row.device)
    return _divided(weight.index_select(0, tperm), row, rowptr)


def _divided(value: Tensor, row: Tensor, rowptr: Tensor | None) -> Tensor:
    if rowptr is None:
        return value
    return value / rowptr.diff().index_select(0, row).to(value.dtype)


def _ones(wide: bool) -> torch.dtype:
    return torch.float64 if wide else torch.float32


def _fake(
    weight: Tensor | None, row: Tensor, tperm: Tensor, rowptr: Tensor | None, wide: bool
) -> Tensor:
    torch._check(row.dim() == 1 and tperm.dim() == 1)
    return row.new_empty(row.size(0), dtype=_ones(wide) if weight is None else weight.dtype)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, row, tperm, rowptr, _ = inputs
    ctx.save_for_backward(row, tperm, rowptr)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    row, tperm, rowptr = ctx.saved_tensors
    grad = _divided(grad, row, rowptr)
    return torch.empty_like(grad).index_copy(0, tperm.long(), grad), None, None, None, None


implement(
    "turned_weight",
    reference=turned_weight_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)
