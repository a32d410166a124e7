"""What is not 0 in a dense matrix, in compressed rows."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.library import implement

__all__ = ["nonzero_rows_reference"]

_INT32_MAX = 2**31 - 1


def nonzero_rows_reference(x: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::nonzero_rows`` in plain PyTorch.

    Args:
        x: ``[N, F]``, float32 or float64.
        most: Of how many entries E anything is made.

    Returns:
        ``rowptr [N+1]``, ``col [E]`` and ``value [E]``, in the order of rows and columns; indices
        are int32 where every one fits. Where there are more than ``most``, all three are empty.
    """
    row, col = x.nonzero(as_tuple=True)
    wide = max(*x.shape, min(most, x.numel())) >= _INT32_MAX
    dtype = torch.int64 if wide else torch.int32
    if len(col) > most:
        none = torch.empty(0, dtype=dtype, device=x.device)
        return none, none.clone(), x.new_empty(0)
    rowptr = torch.zeros(x.size(0) + 1, dtype=torch.int64, device=x.device)
    rowptr[1:] = torch.bincount(row, minlength=x.size(0)).cumsum(0)
    return rowptr.to(dtype), col.to(dtype), x[row, col]


def _fake(x: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    torch._check(x.dim() == 2)
    context = torch.library.get_ctx()
    rows, entries = context.new_dynamic_size(), context.new_dynamic_size()
    return (
        x.new_empty(rows, dtype=torch.int32),
        x.new_empty(entries, dtype=torch.int32),
        x.new_empty(entries),
    )


implement("nonzero_rows", reference=nonzero_rows_reference, fake=_fake)
