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
    "chunk_span",
    "combine_sum",
    "row_of",
    "row_span",
    "rowwise",
    "span_of",
    "split",
    "steps",
]

LONG = 1024  # entries


class Block(NamedTuple):
    """``entries x channels`` at a time, by ``warps`` warps."""

    entries: int
    channels: int
    warps: int


def block(channels: int, *, widest: int = 128) -> Block:
    """Choose the block for rows of that many channels.

    About 16 values for each thread, so that several rows of x are on their way at once. Fixed by
    the shape and not by measuring: the order of a sum must not depend on the day.
    """
    wide = min(widest, max(16, triton.next_power_of_2(channels)))
    tall = 16 if wide <= 32 else 8
    return Block(tall, wide, max(1, min(4, tall * wide // 512)))


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

    The tables are as long as they can be for that many entries, so that nobody has to ask the
    device how long they are; a place that is not needed holds row -1.
    """

    limit: int
    num_chunks: int
    num_long: int
    chunk_row: Tensor
    chunk_start: Tensor
    long_row: Tensor
    long_first: Tensor
    long_last: Tensor


_SPLITS: Any = WeakTensorKeyDictionary()


def split(rowptr: Tensor, num_entries: int) -> Split:
    """Return the chunks of the rows of ``rowptr``, remembered for as long as it lives.

    Cost: a handful of passes over ``rowptr``, without a word between device and host.
    """
    # memory that a graph capture hands out is used again after it
    capturing = rowptr.is_cuda and torch.cuda.is_current_stream_capturing()
    if capturing or rowptr.is_inference() or num_entries <= LONG:
        return _split(rowptr, num_entries)
    state = (rowptr._version, num_entries, LONG)
    held, found = _SPLITS.get(rowptr, (None, None))
    if held != state:
        found = _split(rowptr, num_entries)
        _SPLITS[rowptr] = (state, found)
    return found


def _split(rowptr: Tensor, num_entries: int) -> Split:
    limit, num_rows = LONG, rowptr.size(0) - 1
    if num_entries <= limit:
        return Split(limit, 0, 0, *(rowptr.new_empty(0, dtype=torch.int64),) * 5)
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
    return Split(
        limit,
        num_chunks,
        num_long,
        torch.where(absent, -1, row),
        torch.where(absent, 0, start),
        torch.where(long_row == num_rows, -1, long_row),
        first[held],
        first[held + 1],
    )


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
    _combine_sum[parts.num_long, triton.cdiv(out.size(1), shape.channels)](
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
