"""From an edge list to compressed rows: a stable counting sort."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.library import implement

__all__ = ["coo_to_csr_reference", "entry_rows", "transpose", "transposed_rows_reference"]

_TRANSPOSED = torch.ops.graphpoly.transposed_rows.default


def coo_to_csr_reference(
    row: Tensor, col: Tensor, num_rows: int, num_cols: int, narrow: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Sort the entries ``(row, col)`` by row; entries of one row keep their order.

    Args:
        row: Row of each entry, ``[E]``, int32 or int64.
        col: Column of each entry, ``[E]``, of the same dtype.
        num_rows: Number of rows R.
        num_cols: Number of columns.
        narrow: Return int32, once every index is known to fit; ``row`` and ``col`` may then differ
            in dtype.

    Returns:
        ``rowptr [R+1]``, ``col [E]`` in row order, and ``perm [E]``, the place of each sorted
        entry in the input; all of the dtype of ``row``, or int32.

    Raises:
        ValueError: If an index is negative or too large.
    """
    for name, index, size in (("row", row, num_rows), ("col", col, num_cols)):
        if index.numel() and (int(index.min()) < 0 or int(index.max()) >= size):
            raise ValueError(
                f"coo_to_csr: a {name} index lies outside [0, {size}): "
                f"got {int(index.min())} to {int(index.max())}"
            )
    if narrow:
        row, col = row.to(torch.int32), col.to(torch.int32)
    perm = torch.argsort(row, stable=True)
    count = torch.bincount(row, minlength=num_rows)
    rowptr = torch.zeros(num_rows + 1, dtype=row.dtype, device=row.device)
    rowptr[1:] = count.cumsum(0)
    return rowptr, col[perm], perm.to(row.dtype)


def _fake(
    row: Tensor, col: Tensor, num_rows: int, num_cols: int, narrow: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    torch._check(row.dim() == 1 and col.dim() == 1)
    dtype = torch.int32 if narrow else row.dtype
    size = row.size(0)
    return (
        row.new_empty(num_rows + 1, dtype=dtype),
        row.new_empty(size, dtype=dtype),
        row.new_empty(size, dtype=dtype),
    )


implement("coo_to_csr", reference=coo_to_csr_reference, fake=_fake)


def entry_rows(rowptr: Tensor, num_entries: int) -> Tensor:
    """Return the row of each entry, ``[E]``, in the dtype of ``rowptr``."""
    rows = torch.arange(rowptr.size(0) - 1, dtype=rowptr.dtype, device=rowptr.device)
    return torch.repeat_interleave(rows, rowptr.diff(), output_size=num_entries)


def transpose(rowptr: Tensor, col: Tensor, num_cols: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(colptr, row, tperm)`` of an operator in compressed rows.

    Cost: one counting sort, O(E + R + C).
    """
    return _TRANSPOSED(rowptr, col, num_cols)


def transposed_rows_reference(
    rowptr: Tensor, col: Tensor, num_cols: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::transposed_rows``: the same sort, by column."""
    rows = entry_rows(rowptr, col.size(0))
    return torch.ops.graphpoly.coo_to_csr(col, rows, num_cols, rowptr.size(0) - 1)


def _transposed_fake(rowptr: Tensor, col: Tensor, num_cols: int) -> tuple[Tensor, Tensor, Tensor]:
    torch._check(rowptr.dim() == 1 and col.dim() == 1)
    return col.new_empty(num_cols + 1), torch.empty_like(col), torch.empty_like(col)


implement("transposed_rows", reference=transposed_rows_reference, fake=_transposed_fake)
