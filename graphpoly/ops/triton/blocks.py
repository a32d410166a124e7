"""What the kernels share: the shape of a block, and long rows in pieces.

A program takes one row and one block of channels, so that a row of a hub would keep a single
program busy long after all others have ended. Rows of more than :data:`LONG` entries are therefore
cut into chunks, which programs of their own sum into a buffer; a second, small launch adds the
chunks of each such row in their order. There are no atomics: who adds what, and in which order,
depends on the shapes alone.

Kernels keep to what the compiler and the interpreter of Triton both know. The one rule that needs
saying: a condition on the whole program goes into the bound of a mask (``channel < where(..)``),
not into an ``&`` with the mask, for which the interpreter makes integers of it.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = [
    "LONG",
    "Block",
    "Split",
    "accumulator",
    "add_chunks",
    "block",
    "cdiv",
    "chunk_span",
    "combine_sum",
    "exp",
    "power_of_two",
    "row_of",
    "row_span",
    "rowwise",
    "span_of",
    "split",
    "steps",
]

LONG = 1024  # entries


def cdiv(a: int, b: int) -> int:
    """Return ``a / b``, rounded up; Triton's own does more, at each launch."""
    return -(-a // b)


def power_of_two(size: int) -> int:
    """Return the least power of two that is ``size`` or more."""
    return 1 << max(0, size - 1).bit_length()


class Block(NamedTuple):
    """``entries x channels`` at a time."""

    entries: int
    channels: int


@functools.cache
def block(channels: int) -> Block:
    """Choose the block for rows of that many channels.

    One warp, and few entries at once, so that many rows are on their way together; no more than 64
    channels, so that the part of x that a block of them reads fits into the cache. Fixed by the
    shape and not by measuring: the order of a sum must not depend on the day.
    """
    wide = min(64, max(16, power_of_two(channels)))
    return Block(16 if wide <= 32 else 2, wide)


def accumulator(tensor: Tensor) -> Any:
    """Return the type that sums of ``tensor`` are kept in."""
    return tl.float64 if tensor.dtype == torch.float64 else tl.float32


def rowwise(x: Tensor) -> Tensor:
    """Return ``x [N, F]`` with the channels of a row side by side, as it is where they are."""
    return x if x.stride(-1) == 1 else x.contiguous()


def steps(num_rows: int) -> int:
    """Return how many halvings :func:`row_of` needs."""
    return max(1, num_rows.bit_length())


class Split(NamedTuple):
    """The chunks of the long rows.

    A place of the tables that is not needed holds row -1.
    """

    limit: int
    num_chunks: int
    num_long: int
    chunk_row: Tensor
    chunk_start: Tensor
    long_row: Tensor
    long_first: Tensor
    long_last: Tensor


class _Held:
    """The tables of one ``rowptr``, cut to what they hold once the device has said how much."""

    def __init__(self, state: tuple[int, ...], tables: Split, counts: Tensor) -> None:
        self.state, self.tables = state, tables
        self.counts: Tensor | None = counts.to("cpu", non_blocking=True)  # into pinned memory
        self.arrived = torch.cuda.Event() if counts.is_cuda else None
        if self.arrived is not None:
            self.arrived.record()

    def read(self) -> Split:
        counts = self.counts  # of which a backward pass, in its own thread, may have made an end
        if counts is not None and (self.arrived is None or self.arrived.query()):
            chunks, rows = counts.tolist()
            self.tables = Split(
                self.tables.limit,
                chunks,
                rows,
                *(table[:chunks] for table in self.tables[3:5]),
                *(table[:rows] for table in self.tables[5:]),
            )
            self.counts = None
        return self.tables


_SPLITS: Any = WeakTensorKeyDictionary()


def split(rowptr: Tensor, num_entries: int) -> Split:
    """Return the chunks of the rows of ``rowptr``, remembered for as long as it lives.

    Nobody waits for the device: until it has said how many chunks there are, the tables are as long
    as they can be. The sums are the same with both.

    Cost: a handful of passes over ``rowptr``, the first time.
    """
    if num_entries <= LONG:
        return Split(LONG, 0, 0, *(rowptr.new_empty(0, dtype=torch.int64),) * 5)
    if rowptr.is_inference():
        return _split(rowptr, num_entries)[0]
    state = (rowptr._version, num_entries, LONG)
    held: _Held | None = _SPLITS.get(rowptr)
    known = held is not None and held.state == state
    if rowptr.is_cuda and torch.cuda.is_current_stream_capturing():
        # memory that a graph capture hands out is used again after it, and events are not asked
        return held.tables if held is not None and known else _split(rowptr, num_entries)[0]
    if held is None or not known:
        held = _Held(state, *_split(rowptr, num_entries))
        _SPLITS[rowptr] = held
        return held.tables
    return held.read()


def _split(rowptr: Tensor, num_entries: int) -> tuple[Split, Tensor]:
    """Return the tables at their full length, and how much of them is in use: chunks, rows."""
    limit, num_rows = LONG, rowptr.size(0) - 1
    pointer = rowptr.long()
    degree = pointer.diff()
    is_long = degree > limit
    count = torch.where(is_long, (degree + limit - 1) // limit, 0)
    first = torch.nn.functional.pad(count.cumsum(0), (1, 0))
    # more than `limit` entries make at most 2 * entries / limit chunks
    num_chunks, num_long = 2 * num_entries // limit, num_entries // (limit + 1)
    chunk = torch.arange(num_chunks, device=rowptr.device)
    row = torch.searchsorted(first, chunk, right=True) - 1
    inside = row.clamp(max=num_rows - 1)
    start = pointer[inside] + (chunk - first[inside]) * limit
    absent = row == num_rows
    rank = is_long.cumsum(0)
    slot = torch.arange(1, num_long + 1, device=rowptr.device)
    long_row = torch.searchsorted(rank, slot)
    held = long_row.clamp(max=num_rows - 1)
    tables = Split(
        limit,
        num_chunks,
        num_long,
        torch.where(absent, -1, row),
        torch.where(absent, 0, start),
        torch.where(long_row == num_rows, -1, long_row),
        first[held],
        first[held + 1],
    )
    return tables, torch.stack([first[-1], rank[-1]])


@triton.jit
def exp(x):
    """``e^x`` to a rounding or two; Triton's own is off by ``|x|`` of them in float32."""
    if x.dtype == tl.float64:
        result = tl.exp(x)
    else:
        # e^x = 2^n e^r with |r| <= ln(2) / 2; n times the first part of ln(2) is exact
        n = tl.floor(x * 1.4426950408889634 + 0.5)
        r = (x - n * 0.693359375) + n * 2.12194440e-4
        p = 1.9875691500e-4 * r + 1.3981999507e-3
        p = p * r + 8.3334519073e-3
        p = p * r + 4.1665795894e-2
        p = p * r + 1.6666665459e-1
        p = p * r + 5.0000001201e-1
        careful = tl.exp2(n) * (p * r * r + (r + 1))
        # what overflows, vanishes or is no number
        result = tl.where((x > -87.3) & (x < 88), careful, tl.exp(x))
    return result


@triton.jit
def row_span(rowptr, row, live, LIMIT: tl.constexpr):
    """First and last entry of a row; an empty span for a long row and for one that is not live."""
    start = tl.load(rowptr + row, mask=live, other=0).to(tl.int64)
    end = tl.load(rowptr + row + 1, mask=live, other=0).to(tl.int64)
    return start, tl.where(end - start > LIMIT, start, end), end - start


@triton.jit
def chunk_span(rowptr, chunk_row, chunk_start, chunk, LIMIT: tl.constexpr):
    """Row and entries of a chunk; row -1 and an empty span where there is none."""
    row = tl.load(chunk_row + chunk)
    start = tl.load(chunk_start + chunk)
    last = tl.load(rowptr + tl.maximum(row, 0) + 1).to(tl.int64)
    return row, start, tl.where(row < 0, start, tl.minimum(start + LIMIT, last))


@triton.jit
def span_of(
    rowptr, chunk_row, chunk_start, item, num_chunks, SPLIT: tl.constexpr, LIMIT: tl.constexpr
):
    """Row and entries of an item, of which chunks come first, and whether it is a whole row.

    A long row has its entries in its chunks, and none itself; where there is nothing, the row is 0.
    """
    row = item - num_chunks
    start, end, count = row_span(rowptr, tl.maximum(row, 0), item >= num_chunks, LIMIT)
    whole = (item >= num_chunks) & (count <= LIMIT)
    if SPLIT:
        if item < num_chunks:
            row, start, end = chunk_span(rowptr, chunk_row, chunk_start, item, LIMIT)
    return tl.maximum(row, 0), start, end, whole


@triton.jit
def row_of(entry, rowptr, num_rows, STEPS: tl.constexpr):
    """Row of each entry: the last one that starts at it or before, by halving."""
    low = tl.zeros_like(entry)
    high = low + num_rows
    for _ in range(STEPS):
        middle = (low + high) // 2
        after = tl.load(rowptr + middle).to(tl.int64) <= entry
        low = tl.where(after, middle, low)
        high = tl.where(after, high, middle)
    return low


@triton.jit
def _combine_sum(
    partial,
    out,
    rowptr,
    long_row,
    long_first,
    long_last,
    channels,
    out_stride,
    MEAN: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    slot = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    row = tl.load(long_row + slot)
    inside = channel < tl.where(row >= 0, channels, 0)
    total = add_chunks(
        partial, tl.load(long_first + slot), tl.load(long_last + slot), channels, channel, inside,
        ACC, BLOCK_F,
    )  # fmt: skip
    row = tl.maximum(row, 0)
    if MEAN:
        count = tl.load(rowptr + row + 1) - tl.load(rowptr + row)
        total = total / tl.maximum(count, 1).to(ACC)
    tl.store(out + row * out_stride + channel, total, mask=inside)


@triton.jit
def add_chunks(
    partial,
    first,
    last,
    channels,
    channel,
    inside,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    """Add chunks ``first .. last - 1`` of ``partial [chunks, channels]`` in their order."""
    total = tl.zeros([BLOCK_F], ACC)
    for chunk in range(first, last):
        total += tl.load(partial + chunk * channels + channel, mask=inside, other=0)
    return total


def combine_sum(
    parts: Split, partial: Tensor, out: Tensor, rowptr: Tensor, *, mean: bool = False
) -> None:
    """Add the chunks of each long row into its row of ``out [R, F]``."""
    if parts.num_long == 0:
        return
    shape = block(out.size(1))
    _combine_sum[parts.num_long, cdiv(out.size(1), shape.channels)](
        partial,
        out,
        rowptr,
        parts.long_row,
        parts.long_first,
        parts.long_last,
        out.size(1),
        out.stride(0),
        MEAN=mean,
        ACC=accumulator(partial),
        BLOCK_F=shape.channels,
        num_warps=1,
    )
