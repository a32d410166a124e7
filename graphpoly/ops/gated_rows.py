"""Chosen rows, each times a number of its own: what a pooling keeps of the nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.library import call, differentiated, implement

__all__ = ["gated_rows", "gated_rows_reference"]

_OPERATOR = torch.ops.graphpoly.gated_rows.default


def gated_rows(x: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """Return ``x[index] * gate[index]``, a number for each row, ``[R, F]``.

    Args:
        x: ``[N, F]``, float32 or float64, as is ``gate``.
        gate: ``[N]``.
        index: ``[R]``, int64, no row twice.

    Raises:
        RuntimeError: If a row is out of range, or twice where a gradient is wanted.

    Complexity: O(R F), and O(N F) for both gradients together.
    """
    out: Tensor = call(_OPERATOR, x, gate, index)
    return out


def _check(op: str, x: Tensor, index: Tensor) -> None:
    if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < x.size(0):
        raise RuntimeError(f"{op}: index: a row is out of range")


def gated_rows_reference(x: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """The definition of ``graphpoly::gated_rows`` in plain PyTorch."""
    _check("gated_rows", x, index)
    return x[index] * gate[index].unsqueeze(-1)


def _fake(x: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    torch._check(x.dim() == 2)
    return x.new_empty(index.size(0), x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    found = torch.ops.graphpoly.gated_rows_backward(*ctx.saved_tensors, grad)
    wanted = ctx.needs_input_grad[:2]
    return *(g if want else None for g, want in zip(found, wanted, strict=True)), None


implement(
    "gated_rows",
    reference=gated_rows_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _backward_reference(
    x: Tensor, gate: Tensor, index: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of ``x`` and ``gate``."""
    _check("gated_rows_backward", x, index)
    if len(index.unique()) < len(index):
        raise RuntimeError("gated_rows_backward: index: a row is taken twice")
    return _gradients(x, gate, index, grad)


def _gradients(x: Tensor, gate: Tensor, index: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    to_x = torch.zeros_like(x).index_copy(0, index, grad * gate[index].unsqueeze(-1))
    return to_x, torch.zeros_like(gate).index_copy(0, index, (grad * x[index]).sum(-1))


def _backward_fake(x: Tensor, gate: Tensor, index: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), gate.new_empty(gate.shape)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the definition, of products all."""
    inputs = ctx.saved_tensors
    wanted = [i for i in (0, 1, 3) if inputs[i].requires_grad]
    return tuple(differentiated(_gradients, inputs, wanted, outer))


implement(
    "gated_rows_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_setup,
    backward=_double_backward,
)
