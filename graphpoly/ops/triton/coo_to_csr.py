"""``coo_to_csr`` on CUDA: the stable radix sort of PyTorch, then a search for the starts of rows.

No kernel of our own: PyTorch's sort is CUB's, which is what one would write.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["coo_to_csr"]


def coo_to_csr(
    row: Tensor, col: Tensor, num_rows: int, num_cols: int, narrow: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`graphpoly.ops.coo_to_csr.coo_to_csr_reference`."""
    if row.numel():
        extremes = torch.stack([*row.aminmax(), *col.aminmax()]).tolist()
        for name, least, most, size in (
            ("row", *extremes[:2], num_rows),
            ("col", *extremes[2:], num_cols),
        ):
            if least < 0 or most >= size:
                raise ValueError(
                    f"coo_to_csr: a {name} index lies outside [0, {size}): got {least} to {most}"
                )
    if narrow:
        row, col = row.to(torch.int32), col.to(torch.int32)
    ordered, perm = torch.sort(row, stable=True)
    starts = torch.arange(num_rows + 1, dtype=row.dtype, device=row.device)
    rowptr = torch.searchsorted(ordered, starts, out_int32=row.dtype == torch.int32)
    return rowptr, col[perm], perm.to(row.dtype)
