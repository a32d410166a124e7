"""``multi_aggregate_backward`` on CUDA: one gather over the transpose.

Message e of row i gets ``alpha_i + beta_i m_e``, and what the extremes give where it is their
winner; column j adds these up over its entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.multi_aggregate import MAX, MIN, _middle, _spread, _terms
from graphpoly.ops.triton.blocks import accumulator, block, cdiv, combine_sum, span_of, split

__all__ = ["multi_aggregate_backward"]


@triton.jit
def _won(arg, grad, where, slot, both, entry, SLOTS: tl.constexpr, channels, ACC: tl.constexpr):
    """The gradient of an extreme, for the entries that gave it."""
    target, channel = where
    flat = target[:, None] * channels + channel[None, :]
    winner = tl.load(arg + flat, mask=both, other=-1) == entry[:, None]
    at = (target[:, None] * SLOTS + slot) * channels + channel[None, :]
    return tl.load(grad + at, mask=both & winner, other=0).to(ACC)


@triton.jit
def _kernel(
    colptr,
    row,
    tperm,
    weight,
    x,
    constant,
    linear,
    grad,
    arg_max,
    arg_min,
    out,
    partial,
    chunk_row,
    chunk_start,
    num_chunks,
    channels,
    SLOT_MAX: tl.constexpr,
    SLOT_MIN: tl.constexpr,
    SLOTS: tl.constexpr,
    LINEAR: tl.constexpr,
    WEIGHTED: tl.constexpr,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    item = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    inside = channel < channels
    node, start, end, whole = span_of(
        colptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT
    )
    here_x = tl.load(x + node * channels + channel, mask=inside, other=0).to(ACC)
    total = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    for k in range(start, end, BLOCK_E):
        place = k + tl.arange(0, BLOCK_E)
        here = place < end
        both = here[:, None] & inside[None, :]
        target = tl.load(row + place, mask=here, other=0).to(tl.int64)
        entry = tl.load(tperm + place, mask=here, other=0)
        flat = target[:, None] * channels + channel[None, :]
        value = tl.load(constant + flat, mask=both, other=0).to(ACC)
        if WEIGHTED:
            scale = tl.load(weight + entry, mask=here, other=0).to(ACC)[:, None]
        if LINEAR:
            message = here_x[None, :]
            if WEIGHTED:
                message = scale * message
            value += tl.load(linear + flat, mask=both, other=0).to(ACC) * message
        if SLOT_MAX >= 0:
            value += _won(
                arg_max, grad, (target, channel), SLOT_MAX, both, entry, SLOTS, channels, ACC
            )
        if SLOT_MIN >= 0:
            value += _won(
                arg_min, grad, (target, channel), SLOT_MIN, both, entry, SLOTS, channels, ACC
            )
        if WEIGHTED:
            value = value * scale
        total += tl.where(both, value, 0)
    result = tl.sum(total, 0)
    if SPLIT:
        if item < num_chunks:
            tl.store(partial + item * channels + channel, result, mask=inside)
    inside = channel < tl.where(whole, channels, 0)
    tl.store(out + node * channels + channel, result, mask=inside)


def multi_aggregate_backward(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    grad: Tensor,
    mean: Tensor | None,
    std: Tensor | None,
    arg_max: Tensor | None,
    arg_min: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    aggregations: Sequence[int],
) -> Tensor:
    """As the reference of ``graphpoly::multi_aggregate_backward``."""
    plan, (num_cols, channels), stored = list(aggregations), x.shape, x.dtype
    if stored == torch.bfloat16:  # its mean and deviation are not kept
        x, grad = x.float(), grad.float()
        mean, std = _middle(rowptr, col, weight, x) if _spread(plan) else (None, None)
    out = x.new_empty(num_cols, channels)
    if out.numel() == 0:
        return out.to(stored)
    constant, linear = _terms(rowptr, grad, mean, std, plan)
    slots = {
        kind: plan.index(kind) if kind in plan and arg is not None else -1
        for kind, arg in ((MAX, arg_max), (MIN, arg_min))
    }
    shape, parts = block(channels), split(colptr, row.size(0))
    dtype = torch.promote_types(x.dtype, torch.float32)
    partial = x.new_empty(parts.num_chunks, channels, dtype=dtype)
    _kernel[parts.num_chunks + num_cols, cdiv(channels, shape.channels)](
        colptr,
        row,
        tperm,
        row if weight is None else weight.contiguous(),
        x.contiguous(),
        constant.contiguous(),
        constant if linear is None else linear.contiguous(),
        grad.contiguous(),
        tperm if arg_max is None else arg_max.contiguous(),
        tperm if arg_min is None else arg_min.contiguous(),
        out,
        partial,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        channels,
        SLOT_MAX=slots[MAX],
        SLOT_MIN=slots[MIN],
        SLOTS=len(plan),
        LINEAR=linear is not None,
        WEIGHTED=weight is not None,
        SPLIT=parts.num_chunks > 0,
        LIMIT=parts.limit,
        ACC=accumulator(x),
        BLOCK_E=shape.entries,
        BLOCK_F=shape.channels,
        num_warps=1,
    )
    combine_sum(parts, partial, out, colptr)
    return out.to(stored)
