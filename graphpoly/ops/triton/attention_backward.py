"""``attention_backward`` on CUDA: a pass over the rows and one over the rows of the transpose.

Both make scores and weights again from the inputs and the log-sum-exp of the row. The first gives
the gradients of targets, entries and ``att``, and the product <grad, out> of each row and head that
the second needs; the second gives those of sources and values.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.triton.attention import Shape, attention, keep_of, score_of, settings
from graphpoly.ops.triton.blocks import combine_sum, exp, span_of, split

__all__ = ["attention_backward"]


@triton.jit
def _weights(
    score,
    level,
    here,
    entry,
    head,
    seed,
    DROP: tl.constexpr,
    THRESHOLD: tl.constexpr,
    KEEP: tl.constexpr,
    ACC: tl.constexpr,
):
    """The softmax and the same with dropout; entries at minus infinity weigh 0."""
    alpha = tl.where(here & (score > -float("inf")), exp(score - level), 0)
    alpha = tl.where(score != score, score, alpha)  # a NaN shows
    kept = alpha
    if DROP:
        kept = alpha * keep_of(entry, head, seed, THRESHOLD, KEEP, ACC)
    return alpha, kept


@triton.jit
def _rows(
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
    grad,
    delta,
    to_target,
    to_edge,
    part_att,
    part_target,
    chunk_row,
    chunk_start,
    num_chunks,
    heads,
    depth,
    width,
    EDGE_GRAD: tl.constexpr,
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
    g = tl.load(grad + at * width + f, mask=f < width, other=0).to(ACC)
    mean = tl.sum(g * tl.load(out + at * width + f, mask=f < width, other=0).to(ACC), 0)
    level = tl.load(lse + at).to(ACC)
    # every row once: a long one by the program that would have had it
    tl.store(delta + at, mean, mask=item >= num_chunks)
    if ATT:
        vector = tl.load(att + head * depth + d, mask=d < depth, other=0).to(ACC)
    sum_target = tl.zeros([BLOCK_E, BLOCK_D], ACC)
    sum_att = tl.zeros([BLOCK_E, BLOCK_D], ACC)
    for e in range(start, end, BLOCK_E):
        entry = e + tl.arange(0, BLOCK_E)
        here = entry < end
        deep = here[:, None] & (d < depth)[None, :]
        node = tl.load(col + entry, mask=here, other=0).to(tl.int64) * heads + head
        of = tl.load(source + node[:, None] * depth + d[None, :], mask=deep, other=0).to(ACC)
        score, argument = score_of(
            to[None, :], of, entry, here, head, heads, depth, d, edge, att, ADDITIVE, EDGE, ATT,
            SCALE, SLOPE, ACC,
        )  # fmt: skip
        alpha, kept = _weights(score, level, here, entry, head, seed, DROP, THRESHOLD, KEEP, ACC)
        rows = tl.load(
            value + node[:, None] * width + f[None, :],
            mask=here[:, None] & (f < width)[None, :],
            other=0,
        ).to(ACC)
        pull = kept * tl.sum(g[None, :] * rows, 1) - alpha * mean
        if ADDITIVE:
            gated = tl.where(argument > 0, pull[:, None], SLOPE * pull[:, None])
            gated = tl.where(deep, gated, 0)
            sum_att += gated * tl.where(deep, argument, 0)
            if ATT:
                gated = gated * vector[None, :]
            sum_target += gated
            if EDGE_GRAD:
                place = (entry * heads + head) * depth
                tl.store(to_edge + place[:, None] + d[None, :], gated, mask=deep)
        else:
            sum_target += SCALE * pull[:, None] * of
            if EDGE_GRAD:
                tl.store(to_edge + entry * heads + head, pull, mask=here)
    result = tl.sum(sum_target, 0)
    if SPLIT:
        if item < num_chunks:
            tl.store(part_target + pid * depth + d, result, mask=d < depth)
    inside = d < tl.where(whole, depth, 0)
    tl.store(to_target + at * depth + d, result, mask=inside)
    if ATT:
        tl.store(part_att + pid * depth + d, tl.sum(sum_att, 0), mask=d < depth)


@triton.jit
def _columns(
    colptr,
    row,
    tperm,
    target,
    source,
    value,
    edge,
    att,
    seed,
    lse,
    grad,
    delta,
    to_source,
    to_value,
    part_source,
    part_value,
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
    node, start, end, whole = span_of(
        colptr, chunk_row, chunk_start, item, num_chunks, SPLIT, LIMIT
    )
    at = node * heads + head
    of = tl.load(source + at * depth + d, mask=d < depth, other=0).to(ACC)
    v = tl.load(value + at * width + f, mask=f < width, other=0).to(ACC)
    if ATT:
        vector = tl.load(att + head * depth + d, mask=d < depth, other=0).to(ACC)
    sum_source = tl.zeros([BLOCK_E, BLOCK_D], ACC)
    sum_value = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    for k in range(start, end, BLOCK_E):
        place = k + tl.arange(0, BLOCK_E)
        here = place < end
        deep = here[:, None] & (d < depth)[None, :]
        entry = tl.load(tperm + place, mask=here, other=0).to(tl.int64)
        to_row = tl.load(row + place, mask=here, other=0).to(tl.int64) * heads + head
        to = tl.load(target + to_row[:, None] * depth + d[None, :], mask=deep, other=0).to(ACC)
        score, argument = score_of(
            to, of[None, :], entry, here, head, heads, depth, d, edge, att, ADDITIVE, EDGE, ATT,
            SCALE, SLOPE, ACC,
        )  # fmt: skip
        level = tl.load(lse + to_row, mask=here, other=0).to(ACC)
        alpha, kept = _weights(score, level, here, entry, head, seed, DROP, THRESHOLD, KEEP, ACC)
        g = tl.load(
            grad + to_row[:, None] * width + f[None, :],
            mask=here[:, None] & (f < width)[None, :],
            other=0,
        ).to(ACC)
        mean = tl.load(delta + to_row, mask=here, other=0).to(ACC)
        pull = kept * tl.sum(g * v[None, :], 1) - alpha * mean
        sum_value += kept[:, None] * g
        if ADDITIVE:
            gated = tl.where(argument > 0, pull[:, None], SLOPE * pull[:, None])
            if ATT:
                gated = gated * vector[None, :]
            sum_source += tl.where(deep, gated, 0)
        else:
            sum_source += SCALE * pull[:, None] * to
    one, two = tl.sum(sum_source, 0), tl.sum(sum_value, 0)
    if SPLIT:
        if item < num_chunks:
            tl.store(part_source + pid * depth + d, one, mask=d < depth)
            tl.store(part_value + pid * width + f, two, mask=f < width)
    tl.store(to_source + at * depth + d, one, mask=d < tl.where(whole, depth, 0))
    tl.store(to_value + at * width + f, two, mask=f < tl.where(whole, width, 0))


def attention_backward(
    rowptr: Tensor,
    col: Tensor,
    target: Tensor,
    source: Tensor,
    value: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    seed: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    additive: bool,
    scale: float,
    slope: float,
    dropout: float,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    edge_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of ``target, source, value, edge, att``; absent ones have no elements."""
    num_rows, num_cols = rowptr.size(0) - 1, colptr.size(0) - 1
    (heads, width), depth = value.shape[1:], source.size(2)
    nothing = lse.new_empty(0)
    to_target, to_source, to_value = (
        torch.empty_like(t, memory_format=torch.contiguous_format) for t in (target, source, value)
    )
    to_edge = (
        torch.empty_like(edge, memory_format=torch.contiguous_format)
        if edge is not None and edge_grad
        else source.new_empty(0)
    )
    tensors = [t if t is None else t.contiguous() for t in (target, source, value, edge, att, seed)]
    given = [col if t is None else t for t in tensors]
    rule = (additive, scale, slope, dropout)
    if value.dtype == torch.bfloat16:  # <grad, out> of what was rounded would be too far off
        wide: Any = (*tensors[:2], value.float(), *tensors[3:], None, None, None, *rule)
        out, _ = attention(rowptr, col, *wide)
    out, lse, grad = out.contiguous(), lse.contiguous(), grad.contiguous()
    shape, dtype = Shape(depth, width), torch.promote_types(value.dtype, torch.float32)
    sizes = {"BLOCK_E": shape.entries, "BLOCK_D": shape.depth, "BLOCK_F": shape.width}
    delta = value.new_empty(num_rows, heads, dtype=dtype)

    parts = split(rowptr, col.size(0))
    items = parts.num_chunks + num_rows
    part_target = value.new_empty(parts.num_chunks, heads * depth, dtype=dtype)
    part_att = value.new_empty(items if att is not None else 0, heads, depth, dtype=dtype)
    if num_rows and heads:
        _rows[(items * heads,)](
            rowptr,
            col,
            *given,
            out,
            lse,
            grad,
            delta,
            to_target,
            to_edge,
            part_att,
            part_target,
            parts.chunk_row,
            parts.chunk_start,
            parts.num_chunks,
            heads,
            depth,
            width,
            EDGE_GRAD=edge is not None and edge_grad,
            num_warps=shape.warps,
            **sizes,
            **settings(edge, att, seed, value, parts, *rule),
        )
        combine_sum(parts, part_target, to_target.view(num_rows, heads * depth), rowptr)
    to_att = nothing if att is None else part_att.sum(0).to(att.dtype)

    parts = split(colptr, row.size(0))
    items = parts.num_chunks + num_cols
    part_source = value.new_empty(parts.num_chunks, heads * depth, dtype=dtype)
    part_value = value.new_empty(parts.num_chunks, heads * width, dtype=dtype)
    if num_cols and heads:
        _columns[(items * heads,)](
            colptr,
            row,
            tperm,
            *given,
            lse,
            grad,
            delta,
            to_source,
            to_value,
            part_source,
            part_value,
            parts.chunk_row,
            parts.chunk_start,
            parts.num_chunks,
            heads,
            depth,
            width,
            num_warps=shape.warps,
            **sizes,
            **settings(edge, att, seed, value, parts, *rule),
        )
        combine_sum(parts, part_source, to_source.view(num_cols, heads * depth), colptr)
        combine_sum(parts, part_value, to_value.view(num_cols, heads * width), colptr)
    return to_target, to_source, to_value, to_edge, to_att if att is not None else nothing.clone()
