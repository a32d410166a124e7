"""``sddmm`` on CUDA: a program for each block of entries, whatever the rows they belong to.

Each entry finds its row by halving ``rowptr``; neighbours in a block take nearly the same steps, so
that these reads stay in the cache.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from graphpoly.ops.triton.blocks import accumulator, block, cdiv, row_of, rowwise, steps

__all__ = ["sddmm"]


@triton.jit
def _kernel(
    rowptr,
    col,
    a,
    b,
    out,
    num_rows,
    num_entries,
    channels,
    a_stride,
    b_stride,
    STEPS: tl.constexpr,
    ACC: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_F: tl.constexpr,
):
    entry = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    here = entry < num_entries
    row = row_of(tl.minimum(entry, num_entries - 1), rowptr, num_rows, STEPS)
    source = tl.load(col + entry, mask=here, other=0).to(tl.int64)
    total = tl.zeros([BLOCK_E, BLOCK_F], ACC)
    for f in range(0, channels, BLOCK_F):
        channel = f + tl.arange(0, BLOCK_F)
        both = here[:, None] & (channel < channels)[None, :]
        left = tl.load(a + row[:, None] * a_stride + channel[None, :], mask=both, other=0)
        right = tl.load(b + source[:, None] * b_stride + channel[None, :], mask=both, other=0)
        total += left.to(ACC) * right.to(ACC)
    tl.store(out + entry, tl.sum(total, 1), mask=here)


def sddmm(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """As :func:`graphpoly.ops.sddmm.sddmm_reference`."""
    num_entries, channels = col.size(0), a.size(1)
    out = a.new_empty(num_entries)
    if num_entries == 0:
        return out
    if channels == 0:
        return out.zero_()
    a, b, shape = rowwise(a), rowwise(b), block(channels)
    num_rows, entries = rowptr.size(0) - 1, 1024 // shape.channels
    _kernel[(cdiv(num_entries, entries),)](
        rowptr,
        col,
        a,
        b,
        out,
        num_rows,
        num_entries,
        channels,
        a.stride(0),
        b.stride(0),
        STEPS=steps(num_rows),
        ACC=accumulator(a),
        BLOCK_E=entries,
        BLOCK_F=shape.channels,
        num_warps=2,
    )
    return out
