r"""Sparse-dense product with a choice of reduction: neighbourhood aggregation in one pass.

.. math::
    y_i = \bigoplus_{e \in \mathcal{N}(i)} w_e\, x_{\mathrm{col}(e)}, \qquad
    \bigoplus \in \{\textstyle\sum, \mathrm{mean}, \max, \min\}

No message of size ``[E, F]`` is ever stored. Sums run in the order of the entries, so that the
result does not depend on the number of threads.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import EXACT, check_real
from graphpoly.ops.library import call, direct, implement
from graphpoly.ops.turned_weight import turned_weight

__all__ = ["spmm", "spmm_max_reference", "spmm_reference"]

REDUCTIONS = ("sum", "mean", "max", "min")
_SUM = torch.ops.graphpoly.spmm_sum.default
_MAX = torch.ops.graphpoly.spmm_max.default


def spmm(adj: CSR, x: Tensor, reduce: str = "sum") -> Tensor:
    """Aggregate the rows of ``x`` over the neighbourhoods of ``adj``.

    Args:
        adj: The operator, R rows (targets) by C columns (sources); see
            :func:`~graphpoly.ops.to_csr`.
        x: Features, ``[C]`` or ``[C, ...]``; float32 and float64 are computed as they are, half
            precisions in float32. bfloat16 is read and written as it is, but for a maximum on CUDA.
        reduce: ``"sum"``, ``"mean"`` (over the entries, whatever their weights), ``"max"``,
            ``"min"``.

    Returns:
        ``[R, ...]``; rows without entries are 0.

    Raises:
        ValueError: If ``reduce`` is unknown or ``x`` has not C rows.

    Complexity: O(E F) time, O(R F) memory; the backward pass is another product with the transpose.

    >>> import torch
    >>> from graphpoly.ops import spmm, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
    >>> spmm(adj, torch.tensor([[1.0], [2.0], [4.0]]), "max").flatten().tolist()
    [4.0, 2.0, 0.0]
    """
    # on a small graph every call to torch counts
    rowptr, col, weight, _, num_cols, turn = adj
    if reduce not in REDUCTIONS:
        raise unknown("reduction", reduce, REDUCTIONS)
    shape, kept = x.shape, x.dtype
    if not shape or shape[0] != num_cols:
        raise ValueError(f"x: got shape {tuple(shape)}, the operator has {num_cols} columns")
    dtype = kept if kept in EXACT else _computed_in(x)
    linear = reduce in ("sum", "mean")
    flat = x if len(shape) == 2 else x.reshape(shape[0], math.prod(shape[1:]))
    if kept is not dtype and kept is not torch.bfloat16:
        flat = flat.to(dtype)
    if weight is not None and weight.dtype is not dtype:
        check_real(adj)
        weight = weight.to(dtype)
    arguments = (rowptr, col, weight, flat, *(turn or (None, None, None)))
    if linear:
        out = call(_SUM, *arguments, reduce == "mean")
    else:
        out, _ = call(_MAX, *arguments, reduce == "max")
    if out.dtype is not kept:
        out = out.to(kept)
    return out if len(shape) == 2 else out.reshape(adj.num_rows, *shape[1:])


def _computed_in(x: Tensor) -> torch.dtype:
    if not x.is_floating_point():
        raise TypeError(f"x: got dtype {x.dtype}, a floating-point dtype is accepted")
    return torch.promote_types(x.dtype, torch.float32)


def spmm_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    mean: bool = False,
) -> Tensor:
    """The definition of ``graphpoly::spmm_sum`` in plain PyTorch; x is ``[C, F]``.

    A bfloat16 x has float32 weights, is summed in float32 and rounded once.
    """
    if x.dtype == torch.bfloat16:
        wide = spmm_reference(rowptr, col, weight, x.float(), colptr, row, tperm, mean)
        return wide.to(x.dtype)
    rows = entry_rows(rowptr, col.size(0))
    message = x[col] if weight is None else weight.unsqueeze(-1) * x[col]
    out = x.new_zeros(rowptr.size(0) - 1, x.size(1)).index_add(0, rows, message)
    return out / _count(rowptr, x) if mean else out


def _count(rowptr: Tensor, x: Tensor) -> Tensor:
    return rowptr.diff().clamp(min=1).to(x.dtype).unsqueeze(-1)


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    mean: bool,
) -> Tensor:
    torch._check(x.dim() == 2)
    return x.new_empty(rowptr.size(0) - 1, x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, weight, x, colptr, row, tperm, ctx.mean = inputs
    ctx.num_cols, ctx.dtype = x.size(0), None if weight is None else weight.dtype
    held_weight = weight if ctx.needs_input_grad[3] else None
    held_x = x if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, held_weight, held_x, colptr, row, tperm)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, x, colptr, row, tperm = ctx.saved_tensors
    grad_x = grad_weight = None
    if ctx.needs_input_grad[2]:
        shared = grad.to(ctx.dtype)
        if ctx.mean:
            shared = shared / _count(rowptr, shared)
        pair = (shared, x.to(ctx.dtype))
        grad_weight = direct.sddmm(rowptr, col, *pair, colptr, row, tperm)
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.num_cols)
        # of a mean divided, so that grad is read as it is
        wide = torch.promote_types(grad.dtype, torch.float32)
        turned = turned_weight(weight, row, tperm, rowptr if ctx.mean else None, dtype=wide)
        grad_x = direct.spmm_sum(colptr, row, turned, grad, None, None, None, False)
    return None, None, grad_weight, grad_x, None, None, None, None


implement(
    "spmm_sum", reference=spmm_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def spmm_max_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    largest: bool = True,
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::spmm_max`` in plain PyTorch.

    Returns:
        ``out [R, F]`` (0 where a row is empty) and ``arg [R, F]``, the entry that gave it: the
        first of equals, E where a row is empty. A NaN wins over every number. A bfloat16 x has
        float32 weights, and what is compared is in float32.
    """
    if x.dtype == torch.bfloat16:
        best, arg = spmm_max_reference(rowptr, col, weight, x.float(), colptr, row, tperm, largest)
        return best.to(x.dtype), arg
    num_rows, num_entries = rowptr.size(0) - 1, col.size(0)
    rows = entry_rows(rowptr, num_entries).long().unsqueeze(-1).expand(-1, x.size(1))
    message = x[col] if weight is None else weight.unsqueeze(-1) * x[col]
    best = x.new_zeros(num_rows, x.size(1)).scatter_reduce(
        0, rows, message, "amax" if largest else "amin", include_self=False
    )
    chosen = best.gather(0, rows)
    holds = (message == chosen) | (message.isnan() & chosen.isnan())
    entry = torch.arange(num_entries, device=col.device).unsqueeze(-1)
    arg = torch.full((num_rows, x.size(1)), num_entries, device=col.device).scatter_reduce(
        0, rows, torch.where(holds, entry, num_entries), "amin"
    )
    return best, arg.to(col.dtype)


def _max_fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    largest: bool,
) -> tuple[Tensor, Tensor]:
    shape = (rowptr.size(0) - 1, x.size(1))
    return x.new_empty(shape), col.new_empty(shape)


def _max_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    rowptr, col, weight, x, colptr, row, tperm, _ = inputs
    ctx.num_cols, ctx.dtype = x.size(0), None if weight is None else weight.dtype
    held_weight = weight if ctx.needs_input_grad[3] else None
    held_x = x if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, held_weight, held_x, colptr, row, tperm, output[1])


def _max_backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, x, colptr, row, tperm, arg = ctx.saved_tensors
    grad_x = grad_weight = None
    if ctx.needs_input_grad[2]:
        picked = _pick(x, col, arg).to(ctx.dtype)
        grad_weight = _sum_by_entry(grad.to(ctx.dtype) * picked, arg, col.size(0))
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.num_cols)
        grad_x = direct.spmm_max_backward(colptr, row, tperm, weight, grad, arg)
    return None, None, grad_weight, grad_x, None, None, None, None


def _pick(x: Tensor, col: Tensor, arg: Tensor) -> Tensor:
    """``x[col[arg]]`` channel by channel, 0 where ``arg`` names no entry."""
    if col.numel() == 0:
        return x.new_zeros(arg.shape)
    source = col[arg.clamp(max=col.size(0) - 1).long()].long()
    return torch.where(arg < col.size(0), x.gather(0, source), 0)


def _sum_by_entry(values: Tensor, arg: Tensor, num_entries: int) -> Tensor:
    out, index = values.new_zeros(num_entries + 1), arg.reshape(-1).long()
    if values.is_cuda:  # index_add would add with atomics there; this sorts first
        return out.index_put((index,), values.reshape(-1), accumulate=True)[:num_entries]
    return out.index_add(0, index, values.reshape(-1))[:num_entries]


implement(
    "spmm_max",
    reference=spmm_max_reference,
    fake=_max_fake,
    setup_context=_max_setup,
    backward=_max_backward,
)


def _max_grad_reference(
    colptr: Tensor, row: Tensor, tperm: Tensor, weight: Tensor | None, grad: Tensor, arg: Tensor
) -> Tensor:
    """``dx[j] = sum of w_e grad[i]`` over the entries e = (i, j) that won at i, by channel.

    A bfloat16 grad is summed in float32 and rounded once.
    """
    if grad.dtype == torch.bfloat16:
        return _max_grad_reference(colptr, row, tperm, weight, grad.float(), arg).to(grad.dtype)
    cols = entry_rows(colptr, row.size(0))
    value = torch.where(arg[row] == tperm.unsqueeze(-1), grad[row], 0)
    if weight is not None:
        value = value * weight[tperm].unsqueeze(-1)
    return grad.new_zeros(colptr.size(0) - 1, grad.size(1)).index_add(0, cols, value)


def _max_grad_fake(
    colptr: Tensor, row: Tensor, tperm: Tensor, weight: Tensor | None, grad: Tensor, arg: Tensor
) -> Tensor:
    return grad.new_empty(colptr.size(0) - 1, grad.size(1))


def _max_grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    colptr, row, tperm, weight, grad, arg = inputs
    held_weight = weight if ctx.needs_input_grad[4] else None
    held_grad = grad if ctx.needs_input_grad[3] else None
    ctx.save_for_backward(colptr, row, tperm, held_weight, held_grad, arg)


def _max_grad_backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
    colptr, row, tperm, weight, grad, arg = ctx.saved_tensors
    col = torch.empty_like(row).index_copy(0, tperm.long(), entry_rows(colptr, row.size(0)))
    picked = _pick(outer, col, arg)
    grad_weight = grad_grad = None
    if ctx.needs_input_grad[3]:
        wide = torch.promote_types(grad.dtype, torch.float32)
        grad_weight = _sum_by_entry(grad.to(wide) * picked.to(wide), arg, col.size(0))
    if ctx.needs_input_grad[4]:
        grad_grad = picked
        if weight is not None and weight.numel():
            chosen = weight[arg.clamp(max=weight.size(0) - 1).long()]
            grad_grad = (picked * chosen).to(picked.dtype)
    return None, None, None, grad_weight, grad_grad, None


implement(
    "spmm_max_backward",
    reference=_max_grad_reference,
    fake=_max_grad_fake,
    setup_context=_max_grad_setup,
    backward=_max_grad_backward,
)
