"""``attention`` on CUDA: a program for each row and head, one pass with the running softmax.

Whenever a larger score comes the sums so far are scaled down; chunks of a long row are merged by
the same rule. The dropout mask is the hash of
:func:`graphpoly.ops.attention_operator.dropout_mask`, made in 64-bit integers so that no version of
Triton has a say in how unsigned ones are promoted.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.hashing import threshold
from graphpoly.ops.triton.blocks import Split, accumulator, exp, power_of_two, span_of, split

__all__ = ["Shape", "attention", "keep_of", "score_of", "settings"]


@triton.jit
def _mix(x):
    """Mix the bits of 32-bit words held in int64."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x735A2D97) & 0xFFFFFFFF
    return x ^ (x >> 15)


@triton.jit
def keep_of(entry, head, seed, THRESHOLD: tl.constexpr, KEEP: tl.constexpr, ACC: tl.constexpr):
    """``m / (1 - p)`` of each entry, for one head."""
    bits, entry = tl.load(seed), entry.to(tl.int64)
    first = _mix(bits & 0xFFFFFFFF)
    second = _mix((((bits >> 32) & 0xFFFFFFFF) + first + 0x9E3779B9) & 0xFFFFFFFF)
    word = _mix((entry & 0xFFFFFFFF) ^ first) + second + (entry >> 32) * 0x9E3779B9
    word = _mix((word + (head + 1) * 0x9E3779B9) & 0xFFFFFFFF)
    kept = (word >> 8) >= THRESHOLD
    return tl.where(kept, tl.full(entry.shape, KEEP, ACC), tl.full(entry.shape, 0, ACC))


@triton.jit
def score_of(
    to,
    of,
    entry,
    here,
    head,
    heads,
    depth,
    d,
    edge,
    att,
    ADDITIVE: tl.constexpr,
    EDGE: tl.constexpr,
    ATT: tl.constexpr,
    SCALE: tl.constexpr,
    SLOPE: tl.constexpr,
    ACC: tl.constexpr,
):
    """Scores of a block of entries, and the argument of an additive score ``[entries, depth]``.

    ``to`` and ``of`` are ``[entries or 1, depth]``.
    """
    both = here[:, None] & (d < depth)[None, :]
    if ADDITIVE:
        argument = to + of
        if EDGE:
            place = (entry * heads + head) * depth
            argument += tl.load(edge + place[:, None] + d[None, :], mask=both, other=0).to(ACC)
        leaky = tl.where(argument > 0, argument, SLOPE * argument)
        if ATT:
            vector = tl.load(att + head * depth + d, mask=d < depth, other=0).to(ACC)
            leaky = leaky * vector[None, :]
        score = tl.sum(tl.where(both, leaky, 0), 1)
    else:
        argument = to * of
        score = SCALE * tl.sum(tl.where(both, argument, 0), 1)
        if EDGE:
            score += tl.load(edge + entry * heads + head, mask=here, other=0).to(ACC)
    return score, argument


@triton.jit
def _merge(peak, total, sums, other_peak, other_total, other_sums):
    """The running softmax: two parts of a row, each relative to its own largest score."""
    best = tl.maximum(peak, other_peak)
    level = tl.where(best == -float("inf"), 0, best)
    one, two = exp(peak - level), exp(other_peak - level)
    return best, one * total + two * other_total, one * sums + two * other_sums


@triton.jit
def _store(out, lse, place, head, heads, width, f, peak, total, sums, live):
    """Write one row and head; rows without weight are 0."""
    empty = total == 0
    safe = tl.where(empty, 1, total)
    level = tl.where(peak == -float("inf"), 0, peak)
    at = place * heads + head
    inside = f < tl.where(live, width, 0)
    tl.store(out + at * width + f, sums / safe, mask=inside)
    tl.store(lse + at, tl.where(empty, -float("inf"), level + tl.log(safe)), mask=live)


@triton.jit
def _kernel(
    rowptr,
    col,
    target,
    source,
    value,
    edge,
    att,
    seed,
    out,
    lse,
    part_sums,
    part_stats,
    chunk_row,
    chunk_start,
    num_chunks,
    heads,
    depth,
    width,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ADDITIVE: tl.constexpr,
    EDGE: tl.constexpr,
    ATT: tl.constexpr,
    DROP: tl.constexpr,
    SCALE: tl.constexpr,
    SLOPE: tl.constexpr,
    THRESHOLD: tl.constexpr,
    KEEP: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    pid = tl.program_id(0).to(tl.int64)
    item, head = pid // heads, pid % heads
    d, f = tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_F)
    row, start, end, whole = span_of(rowptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT)
    at = row * heads + head
    to = tl.load(target + at * depth + d, mask=d < depth, other=0).to(ACC)
    peak = tl.full([], -float("inf"), ACC)
    total = tl.full([], 0, ACC)
    sums = tl.zeros([BLOCK_F], ACC)
    for e in range(start, end, BLOCK_E):
        entry = e + tl.arange(0, BLOCK_E)
        here = entry < end
        node = tl.load(col + entry, mask=here, other=0).to(tl.int64) * heads + head
        of = tl.load(
            source + node[:, None] * depth + d[None, :],
            mask=here[:, None] & (d < depth)[None, :],
            other=0,
        ).to(ACC)
        score, _ = score_of(
            to[None, :], of, entry, here, head, heads, depth, d, edge, att, ADDITIVE, EDGE, ATT,
            SCALE, SLOPE, ACC,
        )  # fmt: skip
        score = tl.where(here, score, -float("inf"))
        best = tl.max(score, 0)
        power = exp(score - tl.where(best == -float("inf"), 0, best))
        share = power
        if DROP:
            share = power * keep_of(entry, head, seed, THRESHOLD, KEEP, ACC)
        rows = tl.load(
            value + node[:, None] * width + f[None, :],
            mask=here[:, None] & (f < width)[None, :],
            other=0,
        ).to(ACC)
        block_sums = tl.sum(share[:, None] * rows, 0)
        peak, total, sums = _merge(peak, total, sums, best, tl.sum(power, 0), block_sums)
    if SPLIT:
        if item < num_chunks:
            tl.store(part_sums + pid * width + f, sums, mask=f < width)
            tl.store(part_stats + 2 * pid, peak)
            tl.store(part_stats + 2 * pid + 1, total)
    _store(out, lse, row, head, heads, width, f, peak, total, sums, whole)


@triton.jit
def _combine(
    out,
    lse,
    part_sums,
    part_stats,
    long_row,
    long_first,
    long_last,
    heads,
    width,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    pid = tl.program_id(0).to(tl.int64)
    slot, head = pid // heads, pid % heads
    f = tl.arange(0, BLOCK_F)
    row = tl.load(long_row + slot)
    first = tl.load(long_first + slot)
    last = tl.where(row < 0, first, tl.load(long_last + slot))
    peak = tl.full([], -float("inf"), ACC)
    total = tl.full([], 0, ACC)
    sums = tl.zeros([BLOCK_F], ACC)
    for chunk in range(first, last):
        part = chunk * heads + head
        one = tl.load(part_sums + part * width + f, mask=f < width, other=0)
        peak, total, sums = _merge(
            peak, total, sums, tl.load(part_stats + 2 * part), tl.load(part_stats + 2 * part + 1),
            one,
        )  # fmt: skip
    _store(out, lse, tl.maximum(row, 0), head, heads, width, f, peak, total, sums, row >= 0)


class Shape:
    """Blocks for heads of that depth and width: whole heads, and as many entries as fit."""

    def __init__(self, depth: int, width: int) -> None:
        self.depth = max(2, power_of_two(depth))
        self.width = max(2, power_of_two(width))
        widest = max(self.depth, self.width)
        self.entries = max(4, min(16, 2048 // widest))
        self.warps = max(1, min(8, self.entries * widest // 512))


def settings(
    edge: Tensor | None,
    att: Tensor | None,
    seed: Tensor | None,
    value: Tensor,
    parts: Split,
    additive: bool,
    scale: float,
    slope: float,
    dropout: float,
) -> dict[str, Any]:
    """What is compiled in. Floats must be: as arguments they would be rounded to float32."""
    return {
        "SPLIT": parts.num_chunks > 0,
        "LIMIT": parts.limit,
        "ADDITIVE": additive,
        "EDGE": edge is not None,
        "ATT": att is not None,
        "DROP": seed is not None,
        "SCALE": float(scale),
        "SLOPE": float(slope),
        "THRESHOLD": threshold(dropout),
        "KEEP": 1 / (1 - dropout) if dropout < 1 else 0.0,
        "ACC": accumulator(value),
    }


def attention(
    rowptr: Tensor,
    col: Tensor,
    target: Tensor,
    source: Tensor,
    value: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    seed: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    additive: bool,
    scale: float,
    slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    """As :func:`graphpoly.ops.attention_operator.attention_reference`."""
    num_rows, (heads, width), depth = rowptr.size(0) - 1, value.shape[1:], source.size(2)
    dtype = torch.promote_types(value.dtype, torch.float32)
    out, lse = (
        value.new_empty(num_rows, heads, width),
        value.new_empty(num_rows, heads, dtype=dtype),
    )
    if lse.numel() == 0:
        return out, lse
    tensors = [t if t is None else t.contiguous() for t in (target, source, value, edge, att, seed)]
    parts, shape = split(rowptr, col.size(0)), Shape(depth, width)
    part_sums = value.new_empty(parts.num_chunks, heads, width, dtype=dtype)
    part_stats = value.new_empty(parts.num_chunks, heads, 2, dtype=dtype)
    _kernel[((parts.num_chunks + num_rows) * heads,)](
        rowptr,
        col,
        *(col if t is None else t for t in tensors),
        out,
        lse,
        part_sums,
        part_stats,
        parts.chunk_row,
        parts.chunk_start,
        parts.num_chunks,
        heads,
        depth,
        width,
        BLOCK_E=shape.entries,
        BLOCK_D=shape.depth,
        BLOCK_F=shape.width,
        num_warps=shape.warps,
        **settings(edge, att, seed, value, parts, additive, scale, slope, dropout),
    )
    if parts.num_long:
        _combine[(parts.num_long * heads,)](
            out,
            lse,
            part_sums,
            part_stats,
            parts.long_row,
            parts.long_first,
            parts.long_last,
            heads,
            width,
            ACC=accumulator(value),
            BLOCK_F=shape.width,
            num_warps=1,
        )
    return out, lse
