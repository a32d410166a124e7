"""Operators of one structure side by side, as the blocks of a larger one."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, trusted_csr

__all__ = ["block_diagonal"]


def block_diagonal(adj: CSR, values: Tensor) -> CSR:
    """Return one block for each row of ``values``, all of the structure of ``adj``.

    Args:
        adj: The structure, square; its transpose is turned into that of the blocks where it is
            there.
        values: Of the entries of each block, ``[B, E]``.

    Returns:
        An operator of B N rows with int64 indices; block b has the rows from b N on.
    """
    blocks, entries = values.shape
    number = torch.arange(blocks, device=values.device).unsqueeze(1)
    rowptr, col = _beside(number, adj.rowptr, adj.col, adj.num_cols)
    transposed = None
    if adj.transposed is not None:
        colptr, row, tperm = adj.transposed
        colptr, row = _beside(number, colptr, row, adj.num_rows)
        transposed = colptr, row, (number * entries + tperm).flatten()
    size = blocks * adj.num_cols
    return trusted_csr(rowptr, col, values.reshape(-1), None, size, transposed)


def _beside(number: Tensor, pointer: Tensor, index: Tensor, size: int) -> tuple[Tensor, Tensor]:
    entries = index.size(0)
    starts = (number * entries + pointer[:-1]).flatten()
    end = torch.full((1,), 1, device=index.device) * (number.size(0) * entries)
    return torch.cat([starts, end]), (number * size + index).flatten()
