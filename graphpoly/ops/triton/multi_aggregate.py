"""``multi_aggregate`` on CUDA: sum, extremes and the spread around the mean, in one program.

A program walks its row once for sum and extremes and, where a variance is asked for, a second time
around the mean that it has found; by then the row is in the cache. Chunks of a long row are merged
with the formula for the variance of two groups (Chan, Golub and LeVeque, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.multi_aggregate import (
    LEAST_VARIANCE,
    MAX,
    MEAN,
    MIN,
    STD,
    SUM,
    VAR,
    _keeps_mean,
)
from graphpoly.ops.triton.blocks import accumulator, block, cdiv, rowwise, span_of, split
from graphpoly.ops.triton.spmm_max import first_best, take_best

__all__ = ["multi_aggregate"]


@triton.jit
def _messages(
    entry,
    here,
    col,
    weight,
    x,
    x_stride,
    channel,
    inside,
    WEIGHTED: tl.constexpr,
    ACC: tl.constexpr,
):
    """``w_e x[col_e]`` of a block of entries."""
    source = tl.load(col + entry, mask=here, other=0).to(tl.int64)
    value = tl.load(
        x + source[:, None] * x_stride + channel[None, :],
        mask=here[:, None] & inside[None, :],
        other=0,
    ).to(ACC)
    if WEIGHTED:
        value = value * tl.load(weight + entry, mask=here, other=0).to(ACC)[:, None]
    return value


@triton.jit
def _write(
    row,
    inside,
    channel,
    channels,
    count,
    total,
    around,
    high,
    high_arg,
    low,
    low_arg,
    out,
    mean_out,
    arg_max,
    arg_min,
    SLOT_SUM: tl.constexpr,
    SLOT_MEAN: tl.constexpr,
    SLOT_VAR: tl.constexpr,
    SLOT_STD: tl.constexpr,
    SLOT_MIN: tl.constexpr,
    SLOT_MAX: tl.constexpr,
    SLOTS: tl.constexpr,
    KEEPS_MEAN: tl.constexpr,
    LEAST: tl.constexpr,
):
    """Write one row of every output."""
    base = row * SLOTS
    flat = row * channels + channel
    mean = total / count
    variance = tl.maximum(around / count, 0)
    variance = tl.where(around != around, around, variance)  # a NaN shows
    if SLOT_SUM >= 0:
        tl.store(out + (base + SLOT_SUM) * channels + channel, total, mask=inside)
    if SLOT_MEAN >= 0:
        tl.store(out + (base + SLOT_MEAN) * channels + channel, mean, mask=inside)
    if KEEPS_MEAN:
        tl.store(mean_out + flat, mean, mask=inside)
    if SLOT_VAR >= 0:
        tl.store(out + (base + SLOT_VAR) * channels + channel, variance, mask=inside)
    if SLOT_STD >= 0:
        std = tl.where(variance <= LEAST, 0, tl.sqrt(variance))
        tl.store(out + (base + SLOT_STD) * channels + channel, std, mask=inside)
    if SLOT_MAX >= 0:
        tl.store(out + (base + SLOT_MAX) * channels + channel, high, mask=inside)
        tl.store(arg_max + flat, high_arg, mask=inside)
    if SLOT_MIN >= 0:
        tl.store(out + (base + SLOT_MIN) * channels + channel, -low, mask=inside)
        tl.store(arg_min + flat, low_arg, mask=inside)


@triton.jit
def _kernel(
    rowptr,
    col,
    weight,
    x,
    out,
    mean_out,
    arg_max,
    arg_min,
    part,
    part_arg,
    chunk_row,
    chunk_start,
    num_chunks,
    num_entries,
    channels,
    x_stride,
    SPREAD: tl.constexpr,
    SLOT_SUM: tl.constexpr,
    SLOT_MEAN: tl.constexpr,
    SLOT_VAR: tl.constexpr,
    SLOT_STD: tl.constexpr,
    SLOT_MIN: tl.constexpr,
    SLOT_MAX: tl.constexpr,
    SLOTS: tl.constexpr,
    KEEPS_MEAN: tl.constexpr,
    LEAST: tl.constexpr,
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
    row, start, end, whole = span_of(rowptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT)
    nobody = num_entries + tl.zeros([BLOCK_E, BLOCK_F], tl.int64)
    sums = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    high, low, high_arg, low_arg = sums, sums, nobody, nobody
    for e in range(start, end, BLOCK_E):
        entry = e + tl.arange(0, BLOCK_E)
        here = entry < end
        value = _messages(entry, here, col, weight, x, x_stride, channel, inside, WEIGHTED, ACC)
        sums += value
        if SLOT_MAX >= 0:
            high, high_arg = take_best(high, high_arg, value, entry[:, None], here[:, None], nobody)
        if SLOT_MIN >= 0:
            low, low_arg = take_best(low, low_arg, -value, entry[:, None], here[:, None], nobody)
    total = tl.sum(sums, 0)
    around = tl.zeros([BLOCK_F], ACC)
    count = tl.maximum(end - start, 1).to(ACC)
    if SPREAD:
        mean = total / count
        squares = tl.zeros([BLOCK_E, BLOCK_F], ACC)
        rests = tl.zeros([BLOCK_E, BLOCK_F], ACC)
        for e in range(start, end, BLOCK_E):
            entry = e + tl.arange(0, BLOCK_E)
            here = entry < end
            value = _messages(entry, here, col, weight, x, x_stride, channel, inside, WEIGHTED, ACC)
            apart = tl.where(here[:, None], value - mean[None, :], 0)
            squares += apart * apart
            rests += apart
        rest = tl.sum(rests, 0)
        around = tl.sum(squares, 0) - rest * rest / count
    best, best_arg = first_best(high, high_arg, nobody)
    least, least_arg = first_best(low, low_arg, nobody)
    if SPLIT:
        if item < num_chunks:
            place = 4 * item * channels + channel
            tl.store(part + place, total, mask=inside)
            tl.store(part + place + channels, around, mask=inside)
            tl.store(part + place + 2 * channels, best, mask=inside)
            tl.store(part + place + 3 * channels, least, mask=inside)
            place = 2 * item * channels + channel
            tl.store(part_arg + place, best_arg, mask=inside)
            tl.store(part_arg + place + channels, least_arg, mask=inside)
    best = tl.where(best_arg == num_entries, 0, best)
    least = tl.where(least_arg == num_entries, 0, least)
    _write(
        row, channel < tl.where(whole, channels, 0), channel, channels, count, total, around, best,
        best_arg, least, least_arg, out, mean_out, arg_max, arg_min, SLOT_SUM, SLOT_MEAN, SLOT_VAR,
        SLOT_STD, SLOT_MIN, SLOT_MAX, SLOTS, KEEPS_MEAN, LEAST,
    )  # fmt: skip


@triton.jit
def _combine(
    rowptr,
    out,
    mean_out,
    arg_max,
    arg_min,
    part,
    part_arg,
    long_row,
    long_first,
    long_last,
    num_entries,
    channels,
    SPREAD: tl.constexpr,
    SLOT_SUM: tl.constexpr,
    SLOT_MEAN: tl.constexpr,
    SLOT_VAR: tl.constexpr,
    SLOT_STD: tl.constexpr,
    SLOT_MIN: tl.constexpr,
    SLOT_MAX: tl.constexpr,
    SLOTS: tl.constexpr,
    KEEPS_MEAN: tl.constexpr,
    LEAST: tl.constexpr,
    LIMIT: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    slot = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    row = tl.load(long_row + slot)
    inside = channel < tl.where(row >= 0, channels, 0)
    row = tl.maximum(row, 0)
    degree = tl.load(rowptr + row + 1).to(tl.int64) - tl.load(rowptr + row).to(tl.int64)
    nobody = num_entries + tl.zeros([BLOCK_F], tl.int64)
    total = tl.zeros([BLOCK_F], ACC)
    around, high, low, high_arg, low_arg = total, total, total, nobody, nobody
    seen = degree * 0
    first = tl.load(long_first + slot)
    for chunk in range(first, tl.load(long_last + slot)):
        place = 4 * chunk * channels + channel
        size = tl.minimum(degree - seen, LIMIT)
        more = tl.load(part + place, mask=inside, other=0)
        if SPREAD:
            apart = tl.where(seen > 0, more / size.to(ACC) - total / tl.maximum(seen, 1).to(ACC), 0)
            share = seen.to(ACC) * size.to(ACC) / (seen + size).to(ACC)
            around += tl.load(part + place + channels, mask=inside, other=0) + apart * apart * share
        total += more
        seen += size
        value = tl.load(part + place + 2 * channels, mask=inside, other=0)
        entry = tl.load(part_arg + 2 * chunk * channels + channel, mask=inside, other=0)
        high, high_arg = take_best(high, high_arg, value, entry, inside, nobody)
        value = tl.load(part + place + 3 * channels, mask=inside, other=0)
        entry = tl.load(part_arg + (2 * chunk + 1) * channels + channel, mask=inside, other=0)
        low, low_arg = take_best(low, low_arg, value, entry, inside, nobody)
    _write(
        row, inside, channel, channels, tl.maximum(degree, 1).to(ACC), total, around, high,
        high_arg, low, low_arg, out, mean_out, arg_max, arg_min, SLOT_SUM, SLOT_MEAN, SLOT_VAR,
        SLOT_STD, SLOT_MIN, SLOT_MAX, SLOTS, KEEPS_MEAN, LEAST,
    )  # fmt: skip


def multi_aggregate(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    aggregations: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As :func:`graphpoly.ops.multi_aggregate.multi_aggregate_reference`."""
    plan, num_rows, channels = list(aggregations), rowptr.size(0) - 1, x.size(1)
    out = x.new_empty(num_rows, len(plan), channels)
    mean = x.new_empty(num_rows, channels if _keeps_mean(plan, x.dtype) else 0)
    arg_max, arg_min = (
        col.new_empty(num_rows, channels if kind in plan else 0) for kind in (MAX, MIN)
    )
    if out.numel() == 0:
        return out, mean, arg_max, arg_min
    x, shape, parts = rowwise(x), block(channels), split(rowptr, col.size(0))
    dtype = torch.promote_types(x.dtype, torch.float32)
    part = x.new_empty(parts.num_chunks, 4, channels, dtype=dtype)
    part_arg = x.new_empty(parts.num_chunks, 2, channels, dtype=torch.int64)
    names = {"SUM": SUM, "MEAN": MEAN, "VAR": VAR, "STD": STD, "MIN": MIN, "MAX": MAX}
    rule: dict[str, Any] = {
        f"SLOT_{name}": plan.index(kind) if kind in plan else -1 for name, kind in names.items()
    }
    rule |= {
        "SPREAD": VAR in plan or STD in plan,
        "SLOTS": len(plan),
        "KEEPS_MEAN": _keeps_mean(plan, x.dtype),
        "LEAST": LEAST_VARIANCE,
        "LIMIT": parts.limit,
        "ACC": accumulator(x),
        "BLOCK_F": shape.channels,
    }
    columns = cdiv(channels, shape.channels)
    _kernel[parts.num_chunks + num_rows, columns](
        rowptr,
        col,
        col if weight is None else weight.contiguous(),
        x,
        out,
        mean,
        arg_max,
        arg_min,
        part,
        part_arg,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        col.size(0),
        channels,
        x.stride(0),
        WEIGHTED=weight is not None,
        SPLIT=parts.num_chunks > 0,
        BLOCK_E=shape.entries,
        num_warps=2,
        **rule,
    )
    if parts.num_long:
        _combine[parts.num_long, columns](
            rowptr,
            out,
            mean,
            arg_max,
            arg_min,
            part,
            part_arg,
            parts.long_row,
            parts.long_first,
            parts.long_last,
            col.size(0),
            channels,
            num_warps=1,
            **rule,
        )
    return out, mean, arg_max, arg_min
