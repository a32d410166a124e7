r"""``polynomial`` and ``polynomial_moments`` on CUDA: one launch for each step.

Step k makes, row by row, the product with A, the recurrence and the weighted sum, and writes
:math:`p_k` over :math:`p_{k-2}`, which only its own row still reads. Where rows are longer than a
limit a second, small launch finishes them. Moments are summed over the rows of a program, and over
programs in float64.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.triton.blocks import (
    Split,
    accumulator,
    add_chunks,
    block,
    cdiv,
    chunk_span,
    power_of_two,
    row_span,
    split,
)
from graphpoly.ops.triton.spmm_sum import weighted_sum

__all__ = ["polynomial", "polynomial_moments"]

# Where there are moments, programs take several rows once there are more than that many programs:
# enough to keep a device busy, few enough for the partial moments to be small.
MANY_ROWS = 8192


@triton.jit
def _advance(
    product,
    row,
    inside,
    channel,
    channels,
    now,
    before,
    following,
    z,
    y,
    theta,
    recurrence,
    order,
    step,
    MOMENTS: tl.constexpr,
    FIRST: tl.constexpr,
    LAST: tl.constexpr,
    ACC: tl.constexpr,
):
    """One row of one step; returns what it adds to the moments of p_k and, at first, of p_0."""
    place = row * channels + channel
    known = channel < channels
    bound = order * channels
    a = tl.load(recurrence + step * channels + channel, mask=known, other=1)
    b = tl.load(recurrence + bound + step * channels + channel, mask=known, other=0)
    here = tl.load(now + place, mask=inside, other=0).to(ACC)
    value = product - b * here
    if not FIRST:
        c = tl.load(recurrence + 2 * bound + step * channels + channel, mask=known, other=0)
        value = value - c * tl.load(before + place, mask=inside, other=0).to(ACC)
    value = value / a
    if not LAST:
        stored = value.to(following.dtype.element_ty)
        tl.store(following + place, stored, mask=inside)
        value = stored.to(ACC)
    gain = tl.load(theta + (step + 1) * channels + channel, mask=known, other=0) * value
    if FIRST:
        total = gain + tl.load(theta + channel, mask=known, other=0) * here
    else:
        total = gain + tl.load(z + place, mask=inside, other=0)
    tl.store(z + place, total, mask=inside)
    if MOMENTS:
        against = tl.load(y + place, mask=inside, other=0).to(ACC)
        value = value * against
        here = here * against
    # what lies outside adds nothing, whatever came out of it
    return tl.where(inside, value, 0), tl.where(inside, here, 0)


@triton.jit(do_not_specialize=["step"])
def _step(
    rowptr,
    col,
    weight,
    now,
    before,
    following,
    z,
    y,
    theta,
    recurrence,
    partial,
    moments,
    chunk_row,
    chunk_start,
    num_chunks,
    num_rows,
    num_programs,
    channels,
    order,
    step,
    WEIGHTED: tl.constexpr,
    MOMENTS: tl.constexpr,
    FIRST: tl.constexpr,
    LAST: tl.constexpr,
    SPLIT: tl.constexpr,
    LIMIT: tl.constexpr,
    ROWS: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    item = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    inside = channel < channels
    if SPLIT:
        if item < num_chunks:
            _, first, last = chunk_span(rowptr, chunk_row, chunk_start, item, LIMIT)
            part = weighted_sum(
                first, last, col, weight, now, channels, channel, inside, WEIGHTED, ACC, BLOCK_E,
                BLOCK_F,
            )  # fmt: skip
            tl.store(partial + item * channels + channel, part, mask=inside)
    moment = tl.zeros([BLOCK_F], ACC)
    origin = tl.zeros([BLOCK_F], ACC)
    for r in range(ROWS):
        row = (item - num_chunks) * ROWS + r
        live = (row >= 0) & (row < num_rows)
        row = tl.where(live, row, 0)
        start, end, count = row_span(rowptr, row, live, LIMIT)
        product = weighted_sum(
            start, end, col, weight, now, channels, channel, inside, WEIGHTED, ACC, BLOCK_E, BLOCK_F
        )
        mine = channel < tl.where(live & (count <= LIMIT), channels, 0)
        gain, base = _advance(
            product, row, mine, channel, channels, now, before, following, z, y, theta, recurrence,
            order, step, MOMENTS, FIRST, LAST, ACC,
        )  # fmt: skip
        moment += gain
        origin += base
    if MOMENTS:
        inside = channel < tl.where(item >= num_chunks, channels, 0)
        place = (item - num_chunks) * channels + channel
        tl.store(moments + place, moment, mask=inside)
        if FIRST:
            tl.store(moments + num_programs * channels + place, origin, mask=inside)


@triton.jit(do_not_specialize=["step"])
def _finish(
    now,
    before,
    following,
    z,
    y,
    theta,
    recurrence,
    partial,
    moments,
    long_row,
    long_first,
    long_last,
    skipped,
    num_programs,
    channels,
    order,
    step,
    MOMENTS: tl.constexpr,
    FIRST: tl.constexpr,
    LAST: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    slot = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK_F + tl.arange(0, BLOCK_F)
    row = tl.load(long_row + slot)
    inside = channel < tl.where(row >= 0, channels, 0)
    product = add_chunks(
        partial, tl.load(long_first + slot), tl.load(long_last + slot), channels, channel, inside,
        ACC, BLOCK_F,
    )  # fmt: skip
    moment, origin = _advance(
        product, tl.maximum(row, 0), inside, channel, channels, now, before, following, z, y, theta,
        recurrence, order, step, MOMENTS, FIRST, LAST, ACC,
    )  # fmt: skip
    if MOMENTS:
        place = (skipped + slot) * channels + channel
        tl.store(moments + place, moment, mask=channel < channels)
        if FIRST:
            place += num_programs * channels
            tl.store(moments + place, origin, mask=channel < channels)


def polynomial(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """As :func:`graphpoly.ops.polynomial.polynomial_reference`."""
    return _run(rowptr, col, weight, x, theta, recurrence, None)[0]


def polynomial_moments(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As :func:`graphpoly.ops.polynomial.polynomial_moments_reference`."""
    return _run(rowptr, col, weight, x, theta, recurrence, y)


def _run(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor | None,
) -> tuple[Tensor, Tensor]:
    order, (num_rows, channels) = theta.size(0) - 1, x.shape
    if order == 0 or x.numel() == 0:
        moments = theta.new_zeros(theta.shape)
        if y is not None and order == 0:
            moments[0] = (y.double() * x.double()).sum(0)
        return theta[0] * x, moments
    dtype = torch.promote_types(x.dtype, torch.float32)
    x, shape, parts = x.contiguous(), block(channels), split(rowptr, col.size(0))
    theta_, recurrence_ = theta.to(dtype).contiguous(), recurrence.to(dtype).contiguous()
    rows = 1
    if y is not None:
        rows = min(16, power_of_two(max(1, num_rows // MANY_ROWS)))
    blocks = cdiv(num_rows, rows)
    programs = blocks + parts.num_long if y is not None else 0
    z = x.new_empty(x.shape, dtype=dtype)
    buffers = [torch.empty_like(x) if k < order - 1 else x for k in range(2)]
    partial = x.new_empty(parts.num_chunks, channels, dtype=dtype)
    sums = x.new_empty(2, programs, channels, dtype=dtype)
    moments = torch.zeros(theta.shape, dtype=torch.float64, device=x.device)
    against = x if y is None else y.contiguous()
    columns, before, now = cdiv(channels, shape.channels), x, x
    for step in range(order):
        following = buffers[step % 2]
        state = (now, before, following, z, against, theta_, recurrence_)
        rule: dict[str, Any] = {
            "MOMENTS": y is not None,
            "FIRST": step == 0,
            "LAST": step == order - 1,
            "ACC": accumulator(x),
            "BLOCK_F": shape.channels,
        }
        _step[parts.num_chunks + blocks, columns](
            rowptr,
            col,
            col if weight is None else weight.contiguous(),
            *state,
            partial,
            sums,
            parts.chunk_row,
            parts.chunk_start,
            parts.num_chunks,
            num_rows,
            programs,
            channels,
            order,
            step,
            WEIGHTED=weight is not None,
            SPLIT=parts.num_chunks > 0,
            LIMIT=parts.limit,
            ROWS=rows,
            BLOCK_E=shape.entries,
            num_warps=1,
            **rule,
        )
        _finish_long(parts, state, partial, sums, blocks, programs, order, step, columns, rule)
        if y is not None:
            moments[step + 1] = sums[0].sum(0, dtype=torch.float64)
            if step == 0:
                moments[0] = sums[1].sum(0, dtype=torch.float64)
        before, now = now, following
    return z.to(x.dtype), moments.to(theta.dtype)


def _finish_long(
    parts: Split,
    state: tuple[Tensor, ...],
    partial: Tensor,
    sums: Tensor,
    blocks: int,
    programs: int,
    order: int,
    step: int,
    columns: int,
    rule: dict[str, Any],
) -> None:
    if parts.num_long == 0:
        return
    _finish[parts.num_long, columns](
        *state,
        partial,
        sums,
        parts.long_row,
        parts.long_first,
        parts.long_last,
        blocks,
        programs,
        partial.size(1),
        order,
        step,
        num_warps=1,
        **rule,
    )
