"""Softmax and log-sum-exp over the entries of each row on CUDA.

One launch finds the largest value and the sum of each row (long rows in chunks, merged as a running
softmax is), a second one visits the entries in blocks and finds their rows by halving.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.triton.blocks import (
    Block,
    accumulator,
    block,
    cdiv,
    combine_sum,
    exp,
    row_of,
    span_of,
    split,
    steps,
)

__all__ = ["segment_logsumexp", "segment_softmax", "segment_softmax_backward"]


@triton.jit
def _finite(peak):
    """The peak, or 0 where it is infinite: what powers are taken relative to."""
    return tl.where((peak == float("inf")) | (peak == -float("inf")), 0, peak)


@triton.jit
def _level_of(peak):
    """The level that a sum is relative to; nothing was added yet at minus infinity."""
    return tl.where(peak == float("inf"), 0, peak)


@triton.jit
def _sum_rows(
    rowptr,
    perm,
    value,
    factor,
    peaks,
    totals,
    part_peaks,
    part_totals,
    chunk_row,
    chunk_start,
    num_chunks,
    heads,
    PERM: tl.constexpr,
    POWERS: tl.constexpr,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    """Row by row the peak of ``value`` and the sum of its powers, or the sum of two's products."""
    item = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    inside = head < heads
    row, start, end, whole = span_of(rowptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT)
    peak = tl.full([BLOCK_H], -float("inf"), ACC)
    total = tl.zeros([BLOCK_H], ACC)
    for e in range(start, end, BLOCK_E):
        entry = e + tl.arange(0, BLOCK_E)
        here = entry < end
        place = entry
        if PERM:
            place = tl.load(perm + entry, mask=here, other=0).to(tl.int64)
        both = here[:, None] & inside[None, :]
        at = place[:, None] * heads + head[None, :]
        if POWERS:
            one = tl.load(value + at, mask=both, other=-float("inf")).to(ACC)
            best = tl.maximum(peak, tl.max(one, 0))
            level = _finite(best)
            power = tl.where(both, exp(one - level[None, :]), 0)
            total = total * exp(_level_of(peak) - level) + tl.sum(power, 0)
            peak = best
        else:
            one = tl.load(value + at, mask=both, other=0).to(ACC)
            total += tl.sum(one * tl.load(factor + at, mask=both, other=0).to(ACC), 0)
    if SPLIT:
        if item < num_chunks:
            tl.store(part_totals + item * heads + head, total, mask=inside)
            if POWERS:
                tl.store(part_peaks + item * heads + head, peak, mask=inside)
    inside = head < tl.where(whole, heads, 0)
    tl.store(totals + row * heads + head, total, mask=inside)
    if POWERS:
        tl.store(peaks + row * heads + head, peak, mask=inside)


@triton.jit
def _combine(
    peaks,
    totals,
    part_peaks,
    part_totals,
    long_row,
    long_first,
    long_last,
    heads,
    ACC: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    slot = tl.program_id(0)
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    row = tl.load(long_row + slot)
    inside = head < tl.where(row >= 0, heads, 0)
    peak = tl.full([BLOCK_H], -float("inf"), ACC)
    total = tl.zeros([BLOCK_H], ACC)
    for chunk in range(tl.load(long_first + slot), tl.load(long_last + slot)):
        at = chunk * heads + head
        other = tl.load(part_peaks + at, mask=inside, other=0)
        best = tl.maximum(peak, other)
        level = _finite(best)
        theirs = tl.load(part_totals + at, mask=inside, other=0)
        # both sums are relative to the finite part of their peaks
        total = total * exp(_level_of(peak) - level) + theirs * exp(_level_of(other) - level)
        peak = best
    at = tl.maximum(row, 0) * heads + head
    tl.store(totals + at, total, mask=inside)
    tl.store(peaks + at, peak, mask=inside)


@triton.jit
def _share(
    rowptr,
    perm,
    value,
    factor,
    peaks,
    totals,
    out,
    num_rows,
    num_entries,
    heads,
    PERM: tl.constexpr,
    POWERS: tl.constexpr,
    STEPS: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_H: tl.constexpr,
):
    """Entry by entry ``exp(v - peak) / total``, or ``p (g - total)``."""
    entry = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    head = tl.program_id(1) * BLOCK_H + tl.arange(0, BLOCK_H)
    here = entry < num_entries
    both = here[:, None] & (head < heads)[None, :]
    row = row_of(tl.minimum(entry, num_entries - 1), rowptr, num_rows, STEPS)
    place = entry
    if PERM:
        place = tl.load(perm + entry, mask=here, other=0).to(tl.int64)
    at = place[:, None] * heads + head[None, :]
    of_row = row[:, None] * heads + head[None, :]
    one = tl.load(value + at, mask=both, other=0).to(ACC)
    total = tl.load(totals + of_row, mask=both, other=1).to(ACC)
    if POWERS:
        peak = tl.load(peaks + of_row, mask=both, other=0).to(ACC)
        infinite = (peak == float("inf")) | (peak == -float("inf"))
        power = exp(one - tl.where(infinite, 0, peak))
        # the division of float32 is else an approximate one
        result = tl.div_rn(power, total) if tl.float32 == ACC else power / total
        result = tl.where(infinite, float("nan"), result)  # inf - inf
    else:
        result = one * (tl.load(factor + at, mask=both, other=0).to(ACC) - total)
    tl.store(out + at, result, mask=both)


def _shape(heads: int) -> Block:
    shape = block(heads)
    return shape._replace(entries=max(32, 512 // shape.channels))


def _totals(
    rowptr: Tensor, perm: Tensor | None, value: Tensor, factor: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Peaks and totals of the rows, ``[R, H]`` each, in the type of sums."""
    (num_entries, heads), num_rows = value.shape, rowptr.size(0) - 1
    dtype = torch.promote_types(value.dtype, torch.float32)
    powers = factor is None
    totals = value.new_empty(num_rows, heads, dtype=dtype)
    peaks = torch.empty_like(totals) if powers else totals
    if totals.numel() == 0:
        return peaks, totals
    parts, shape = split(rowptr, num_entries), _shape(heads)
    part_totals = value.new_empty(parts.num_chunks, heads, dtype=dtype)
    part_peaks = torch.empty_like(part_totals) if powers else part_totals
    columns = cdiv(heads, shape.channels)
    _sum_rows[parts.num_chunks + num_rows, columns](
        rowptr,
        rowptr if perm is None else perm,
        value,
        value if factor is None else factor,
        peaks,
        totals,
        part_peaks,
        part_totals,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        heads,
        PERM=perm is not None,
        POWERS=powers,
        SPLIT=parts.num_chunks > 0,
        LIMIT=parts.limit,
        ACC=accumulator(value),
        BLOCK_E=shape.entries,
        BLOCK_H=shape.channels,
        num_warps=1,
    )
    if not powers:
        combine_sum(parts, part_totals, totals, rowptr)
    elif parts.num_long:
        _combine[parts.num_long, columns](
            peaks,
            totals,
            part_peaks,
            part_totals,
            parts.long_row,
            parts.long_first,
            parts.long_last,
            heads,
            ACC=accumulator(value),
            BLOCK_H=shape.channels,
            num_warps=1,
        )
    return peaks, totals


def _spread(
    rowptr: Tensor,
    perm: Tensor | None,
    value: Tensor,
    factor: Tensor | None,
    peaks: Tensor,
    totals: Tensor,
) -> Tensor:
    out = torch.empty_like(value)
    if out.numel() == 0:
        return out
    (num_entries, heads), num_rows, shape = value.shape, rowptr.size(0) - 1, _shape(value.size(1))
    grid = cdiv(num_entries, shape.entries), cdiv(heads, shape.channels)
    _share[grid](
        rowptr,
        rowptr if perm is None else perm,
        value,
        value if factor is None else factor,
        peaks,
        totals,
        out,
        num_rows,
        num_entries,
        heads,
        PERM=perm is not None,
        POWERS=factor is None,
        STEPS=steps(num_rows),
        ACC=accumulator(value),
        BLOCK_E=shape.entries,
        BLOCK_H=shape.channels,
        num_warps=1,
    )
    return out


def segment_softmax(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    """As :func:`graphpoly.ops.segment.softmax_reference`."""
    value = value.contiguous()
    return _spread(rowptr, perm, value, None, *_totals(rowptr, perm, value, None))


def segment_softmax_backward(
    rowptr: Tensor, perm: Tensor | None, out: Tensor, grad: Tensor
) -> Tensor:
    """``p (g - s)``, where s is the sum of p g over the row."""
    out, grad = out.contiguous(), grad.contiguous()
    return _spread(rowptr, perm, out, grad, *_totals(rowptr, perm, out, grad))


def segment_logsumexp(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    """As :func:`graphpoly.ops.segment.logsumexp_reference`."""
    peaks, totals = _totals(rowptr, perm, value.contiguous(), None)
    # [R, H] is small beside the entries
    level = torch.where(peaks.isinf(), 0, peaks)
    empty = (rowptr.diff() == 0).unsqueeze(-1)
    result = torch.where(empty, 0, torch.where(empty, 1, totals).log() + level)
    return result.to(value.dtype)
