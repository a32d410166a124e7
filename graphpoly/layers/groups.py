"""The groups that an aggregation is given, by index or by pointers, as an operator."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops import CSR
from graphpoly.ops.entry import check_offsets
from graphpoly.ops.pool import ranges, segments

__all__ = ["groups_of"]


def groups_of(rows: Tensor, index: Tensor | None, ptr: Tensor | None, dim_size: int | None) -> CSR:
    """Return the operator whose row i lists the elements of group i, in their order.

    Args:
        rows: The elements, ``[N, ...]``; only their number is read.
        index: Group of each element, ``[N]``, in any order.
        ptr: Where each group begins, ``[G+1]``; read in place of ``index``.
        dim_size: Number of groups; default one more than the largest index.

    Raises:
        ValueError: If the groups do not fit the elements, or there are none.
    """
    size = rows.size(0)
    if ptr is not None:
        _check_ptr(ptr, size)
        return ranges(ptr, size)
    if index is None:
        raise ValueError("index: got None, and no ptr either")
    if index.dim() != 1 or index.size(0) != size:
        raise ValueError(f"index: got shape {tuple(index.shape)}, expected [{size}]")
    return segments(index, dim_size)


def _check_ptr(ptr: Tensor, size: int) -> None:
    check_offsets("ptr", ptr, size)
    if ptr.dim() != 1 or not ptr.numel():
        raise ValueError(f"ptr: got shape {tuple(ptr.shape)}, expected [G+1]")
    if not torch.compiler.is_compiling():
        first, last = int(ptr[0]), int(ptr[-1])
        if (first, last) != (0, size):
            raise ValueError(f"ptr: got {first} to {last}, expected 0 to {size}")
