"""``spmm_sum`` on CUDA: a program for each row and block of channels.

The entries of a row are taken a block at a time, each place of the block with its own running sum;
the places are added at the end. Rows longer than a limit go in chunks, see
:mod:`graphpoly.ops.triton.blocks`.
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
    chunk_span,
    combine_sum,
    row_span,
    rowwise,
    split,
)

__all__ = ["spmm_sum", "weighted_sum"]


@triton.jit
def weighted_sum(
    start,
    end,
    col,
    weight,
    x,
    x_stride,
    channel,
    inside,
    WEIGHTED: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    """Sum ``w_e x[col_e]`` over a span of entries, for a block of channels."""
    total = tl.zeros([BLOCK_E, BLOCK_F], ACC)
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
        total += value
    return tl.sum(total, 0)


@triton.jit
def _kernel(
    rowptr,
    col,
    weight,
    x,
    out,
    partial,
    chunk_row,
    chunk_start,
    num_chunks,
    channels,
    x_stride,
    WEIGHTED: tl.constexpr,
    MEAN: tl.constexpr,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    item = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    inside = channel < channels
    row = item
    start, end, count = row_span(rowptr, tl.maximum(row - num_chunks, 0), item >= num_chunks, LIMIT)
    row = row - num_chunks
    if SPLIT:
        if item < num_chunks:
            row, start, end = chunk_span(rowptr, chunk_row, chunk_start, item, LIMIT)
    total = weighted_sum(
        start, end, col, weight, x, x_stride, channel, inside, WEIGHTED, ACC, BLOCK_E, BLOCK_F
    )
    if SPLIT:
        if item < num_chunks:
            tl.store(partial + item * channels + channel, total, mask=inside)
    if MEAN:
        total = total / tl.maximum(count, 1).to(ACC)
    whole = (item >= num_chunks) & (count <= LIMIT)
    inside = channel < tl.where(whole, channels, 0)
    tl.store(out + row * channels + channel, total, mask=inside)


def spmm_sum(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    mean: bool = False,
) -> Tensor:
    """As :func:`graphpoly.ops.spmm.spmm_reference`; half precisions are summed in float32."""
    num_rows, channels = rowptr.size(0) - 1, x.size(1)
    out = x.new_empty(num_rows, channels)
    if out.numel() == 0:
        return out
    x, shape = rowwise(x), block(channels)
    parts = split(rowptr, col.size(0))
    partial = _partial(parts.num_chunks, channels, x)
    _kernel[parts.num_chunks + num_rows, cdiv(channels, shape.channels)](
        rowptr,
        col,
        col if weight is None else weight.contiguous(),
        x,
        out,
        partial,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        channels,
        x.stride(0),
        WEIGHTED=weight is not None,
        MEAN=mean,
        SPLIT=parts.num_chunks > 0,
        LIMIT=parts.limit,
        ACC=accumulator(x),
        BLOCK_E=shape.entries,
        BLOCK_F=shape.channels,
        num_warps=1,
    )
    combine_sum(parts, partial, out, rowptr, mean=mean)
    return out


def _partial(num_chunks: int, channels: int, like: Tensor) -> Tensor:
    if not num_chunks:
        return like  # nobody reads it
    dtype = torch.promote_types(like.dtype, torch.float32)
    return like.new_empty(num_chunks, channels, dtype=dtype)
