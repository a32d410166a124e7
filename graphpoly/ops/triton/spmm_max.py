"""``spmm_max`` and its backward pass on CUDA.

Each place of a block of entries keeps its own best value and the first entry that had it; the
places are compared at the end, and chunks of a long row in their order. The minimum is the maximum
of the opposite numbers. The backward pass is a gather over the transpose: what an entry gets from
the targets that it won.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.triton.blocks import (
    accumulator,
    block,
    cdiv,
    combine_sum,
    rowwise,
    span_of,
    split,
)

__all__ = ["first_best", "spmm_max", "spmm_max_backward", "take_best"]


@triton.jit
def take_best(best, arg, value, entry, here, nobody):
    """Keep the larger of two, the earlier of equals; a NaN wins over every number."""
    better = (arg == nobody) | (value > best) | ((value != value) & (best == best))
    better = better & here
    return tl.where(better, value, best), tl.where(better, entry, arg)


@triton.jit
def first_best(best, arg, nobody):
    """Compare the places of a block ``[entries, channels]``: the best value and its first entry."""
    valid = arg != nobody
    nan = (best != best) & valid
    some_nan = tl.max(nan.to(tl.int32), 0) > 0
    peak = tl.max(tl.where(valid & (best == best), best, -float("inf")), 0)
    holds = valid & tl.where(some_nan[None, :], nan, best == peak[None, :])
    first = tl.min(tl.where(holds, arg, nobody), 0)
    return tl.where(some_nan, float("nan"), peak), first


@triton.jit
def _kernel(
    rowptr,
    col,
    weight,
    x,
    out,
    arg_out,
    partial,
    partial_arg,
    chunk_row,
    chunk_start,
    num_chunks,
    num_entries,
    channels,
    x_stride,
    WEIGHTED: tl.constexpr,
    SIGN: tl.constexpr,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    item = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    inside = channel < channels
    row, start, end, whole = span_of(rowptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT)
    nobody = num_entries + tl.zeros([BLOCK_E, BLOCK_F], tl.int64)
    best = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    arg = nobody
    for e in range(start, end, BLOCK_E):
        entry = e + tl.arange(0, BLOCK_E)
        here = entry < end
        source = tl.load(col + entry, mask=here, other=0).to(tl.int64)
        value = tl.load(
            x + source[:, None] * x_stride + channel[None, :],
            mask=here[:, None] & inside[None, :],
            other=0,
        ).to(ACC)
        if WEIGHTED:
            value = value * tl.load(weight + entry, mask=here, other=0).to(ACC)[:, None]
        best, arg = take_best(best, arg, SIGN * value, entry[:, None], here[:, None], nobody)
    peak, first = first_best(best, arg, nobody)
    if SPLIT:
        if item < num_chunks:
            tl.store(partial + item * channels + channel, peak, mask=inside)
            tl.store(partial_arg + item * channels + channel, first, mask=inside)
    inside = channel < tl.where(whole, channels, 0)
    tl.store(out + row * channels + channel, tl.where(end > start, SIGN * peak, 0), mask=inside)
    tl.store(arg_out + row * channels + channel, first, mask=inside)


@triton.jit
def _combine(
    partial,
    partial_arg,
    out,
    arg_out,
    long_row,
    long_first,
    long_last,
    num_entries,
    channels,
    SIGN: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    slot = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    row = tl.load(long_row + slot)
    inside = channel < tl.where(row >= 0, channels, 0)
    nobody = num_entries + tl.zeros([BLOCK_F], tl.int64)
    best = tl.zeros([BLOCK_F], ACC)
    arg = nobody
    for chunk in range(tl.load(long_first + slot), tl.load(long_last + slot)):
        place = chunk * channels + channel
        value = tl.load(partial + place, mask=inside, other=0)
        entry = tl.load(partial_arg + place, mask=inside, other=0)
        best, arg = take_best(best, arg, value, entry, inside, nobody)
    row = tl.maximum(row, 0)
    tl.store(out + row * channels + channel, SIGN * best, mask=inside)
    tl.store(arg_out + row * channels + channel, arg, mask=inside)


def spmm_max(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    largest: bool = True,
) -> tuple[Tensor, Tensor]:
    """As :func:`graphpoly.ops.spmm.spmm_max_reference`."""
    num_rows, channels = rowptr.size(0) - 1, x.size(1)
    out, arg = x.new_empty(num_rows, channels), col.new_empty(num_rows, channels)
    if out.numel() == 0:
        return out, arg
    x, shape = rowwise(x), block(channels)
    parts = split(rowptr, col.size(0))
    dtype = torch.promote_types(x.dtype, torch.float32)
    partial = x.new_empty(parts.num_chunks, channels, dtype=dtype)
    partial_arg = x.new_empty(parts.num_chunks, channels, dtype=torch.int64)
    rule = {"SIGN": 1 if largest else -1, "ACC": accumulator(x), "BLOCK_F": shape.channels}
    columns = cdiv(channels, shape.channels)
    _kernel[parts.num_chunks + num_rows, columns](
        rowptr,
        col,
        col if weight is None else weight.contiguous(),
        x,
        out,
        arg,
        partial,
        partial_arg,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        col.size(0),
        channels,
        x.stride(0),
        WEIGHTED=weight is not None,
        SPLIT=parts.num_chunks > 0,
        LIMIT=parts.limit,
        BLOCK_E=shape.entries,
        num_warps=1,
        **rule,
    )
    if parts.num_long:
        _combine[parts.num_long, columns](
            partial,
            partial_arg,
            out,
            arg,
            parts.long_row,
            parts.long_first,
            parts.long_last,
            col.size(0),
            channels,
            num_warps=1,
            **rule,
        )
    return out, arg


@triton.jit
def _backward(
    colptr,
    row,
    tperm,
    weight,
    grad,
    arg,
    out,
    partial,
    chunk_row,
    chunk_start,
    num_chunks,
    channels,
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
    total = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    for k in range(start, end, BLOCK_E):
        place = k + tl.arange(0, BLOCK_E)
        here = place < end
        target = tl.load(row + place, mask=here, other=0).to(tl.int64)
        entry = tl.load(tperm + place, mask=here, other=0)
        both = here[:, None] & inside[None, :]
        where = target[:, None] * channels + channel[None, :]
        won = tl.load(arg + where, mask=both, other=-1) == entry[:, None]
        value = tl.load(grad + where, mask=won & both, other=0).to(ACC)
        if WEIGHTED:
            value = value * tl.load(weight + entry, mask=here, other=0).to(ACC)[:, None]
            value = tl.where(won & both, value, 0)  # 0 times an infinite weight
        total += value
    result = tl.sum(total, 0)
    if SPLIT:
        if item < num_chunks:
            tl.store(partial + item * channels + channel, result, mask=inside)
    inside = channel < tl.where(whole, channels, 0)
    tl.store(out + node * channels + channel, result, mask=inside)


def spmm_max_backward(
    colptr: Tensor, row: Tensor, tperm: Tensor, weight: Tensor | None, grad: Tensor, arg: Tensor
) -> Tensor:
    """``dx[j] = sum of w_e grad[i]`` over the entries e = (i, j) that won at i, by channel."""
    num_cols, channels = colptr.size(0) - 1, grad.size(1)
    out = grad.new_empty(num_cols, channels)
    if out.numel() == 0:
        return out
    grad, arg, shape = grad.contiguous(), arg.contiguous(), block(channels)
    parts = split(colptr, row.size(0))
    dtype = torch.promote_types(grad.dtype, torch.float32)
    partial = grad.new_empty(parts.num_chunks, channels, dtype=dtype)
    _backward[parts.num_chunks + num_cols, cdiv(channels, shape.channels)](
        colptr,
        row,
        tperm,
        row if weight is None else weight.contiguous(),
        grad,
        arg,
        out,
        partial,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        channels,
        WEIGHTED=weight is not None,
        SPLIT=parts.num_chunks > 0,
        LIMIT=parts.limit,
        ACC=accumulator(grad),
        BLOCK_E=shape.entries,
        BLOCK_F=shape.channels,
        num_warps=1,
    )
    combine_sum(parts, partial, out, colptr)
    return out
