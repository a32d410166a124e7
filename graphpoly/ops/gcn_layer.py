r"""The layer of a GCN in one operator: :math:`(A x) W^\top + b`.

On a small graph the way to an operator and back through autograd takes as long as the work. A layer
goes there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.library import call, differentiated, direct, implement
from graphpoly.ops.spmm import spmm_reference
from graphpoly.ops.turned_weight import turned_weight

__all__ = ["gcn_layer", "gcn_layer_reference"]

_OPERATOR = torch.ops.graphpoly.gcn_layer.default


def gcn_layer(adj: CSR, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``(adj @ x) @ weight.T + bias``, ``[R, C]``.

    Args:
        adj: The operator, R rows (targets) by N columns (sources).
        x: ``[N, F]``, float32 or float64, as is everything else.
        weight: ``[C, F]``.
        bias: ``[C]``.

    Raises:
        ValueError: If ``x`` has not N rows.

    Complexity: O(E F + R F C) time; O(R F) memory until the backward pass, which is of the same
    cost.
    """
    rowptr, col, values, _, num_cols, turn = adj
    if len(x) != num_cols:
        raise ValueError(f"x: got {len(x)} rows, the operator has {num_cols} columns")
    if values is not None and values.dtype is not x.dtype:
        values = values.to(x.dtype)
    turned = turn or (None, None, None)
    out: Tensor = call(_OPERATOR, rowptr, col, values, x, weight, bias, *turned)[0]
    return out


def gcn_layer_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    map: Tensor,
    bias: Tensor | None,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::gcn_layer`` in plain PyTorch; ``sum`` is what is mapped."""
    sums = spmm_reference(rowptr, col, weight, x)
    out = sums @ map.T
    return out if bias is None else out + bias, sums


def _fake(
    rowptr: Tensor, col: Tensor, weight: Tensor | None, x: Tensor, map: Tensor, *_: Any
) -> tuple[Tensor, Tensor]:
    torch._check(x.dim() == 2 and map.dim() == 2)
    rows = rowptr.size(0) - 1
    return x.new_empty(rows, map.size(0)), x.new_empty(rows, x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    rowptr, col, weight, x, map, _, colptr, row, tperm = inputs
    to_weight, to_x, to_map = ctx.needs_input_grad[2:5]
    ctx.num_cols = x.size(0)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(
        *(rowptr, col, weight if to_x else None, x if to_weight else None),
        *(map if to_x or to_weight else None, output[1] if to_map else None),
        *(colptr, row, tperm),
    )


def _backward(ctx: Any, grad: Tensor | None, inner: Tensor | None) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, x, map, sums, *turn = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:6]
    if wanted[3] and turn[0] is None:
        turn = transpose(rowptr, col, ctx.num_cols)
    found: tuple[Tensor | None, ...]
    if grad is not None and inner is None and not wanted[2]:
        found = direct.gcn_layer_backward(grad, sums, map, weight, *turn, wanted[5])
        found = (None, None, None, *found)
    else:
        back, to_map, to_bias = inner, None, None
        if grad is not None:
            parts = direct.linear_backward(grad, sums, map, None, None, wanted[5])
            back, to_map, _, _, to_bias = parts
            back = back if inner is None or map is None else back + inner
        found = (None, None, *_through_sum(back, wanted, rowptr, col, weight, x, turn))
        found = (*found, to_map, to_bias)
    return *(g if want else None for g, want in zip(found, wanted, strict=True)), None, None, None


def _through_sum(
    back: Tensor | None,
    wanted: tuple[bool, ...],
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor | None,
    turn: Sequence[Tensor],
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of ``weight`` and ``x``, of that of their sum."""
    to_weight = to_x = None
    if back is not None and wanted[2]:
        to_weight = direct.sddmm(rowptr, col, back, x, *turn)
    if back is not None and wanted[3]:
        turned = turned_weight(weight, *turn[1:])
        nothing = (None, None, None, False)
        to_x = direct.spmm_sum(turn[0], turn[1], turned, back, *nothing)
    return to_weight, to_x


implement(
    "gcn_layer", reference=gcn_layer_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def _backward_reference(
    grad: Tensor,
    sum: Tensor | None,
    map: Tensor | None,
    weight: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of ``x, map, bias``; empty without ``map``, ``sum`` and ``bias``."""
    to_x, to_map = grad.new_empty(0, 0), grad.new_empty(0, 0)
    if map is not None:
        assert colptr is not None
        assert row is not None
        turned = None if weight is None or tperm is None else weight.index_select(0, tperm)
        to_x = spmm_reference(colptr, row, turned, grad @ map)
    if sum is not None:
        to_map = grad.T @ sum
    return to_x, to_map, grad.sum(0) if bias else grad.new_empty(0)


def _backward_fake(
    grad: Tensor,
    sum: Tensor | None,
    map: Tensor | None,
    weight: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    bias: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    channels = grad.size(1)
    to_x = (0, 0) if map is None or colptr is None else (colptr.size(0) - 1, map.size(1))
    to_map = (0, 0) if sum is None else (channels, sum.size(1))
    return grad.new_empty(to_x), grad.new_empty(to_map), grad.new_empty(channels if bias else 0)


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.bias = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference, of products all."""
    inputs = (*ctx.saved_tensors, ctx.bias)
    wanted = [i for i, t in enumerate(inputs[:4]) if t is not None and t.requires_grad]
    return tuple(differentiated(_backward_reference, inputs, wanted, outer))


implement(
    "gcn_layer_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
