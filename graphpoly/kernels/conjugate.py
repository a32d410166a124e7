"""A sparse operator on each side of a dense matrix."""

from __future__ import annotations

from torch import Tensor

from graphpoly.ops import CSR, spmm

__all__ = ["conjugate"]


def conjugate(left: CSR, matrix: Tensor, right: CSR) -> Tensor:
    """Return ``left @ matrix @ right.T``.

    Args:
        left: ``[I', I]``, E entries.
        matrix: ``[I, J]``.
        right: ``[J', J]``, E' entries.

    Returns:
        ``[I', J']``, column by column in memory if ``matrix`` lies row by row, and the other way
        round: one copy for each call.

    Complexity: O(E J + E' I') time, O(I' J) memory.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> swap = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> conjugate(swap, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), swap).tolist()
    [[4.0, 3.0], [2.0, 1.0]]
    """
    if not matrix.is_contiguous():
        return conjugate(right, matrix.t(), left).t()
    return spmm(right, spmm(left, matrix).t()).t()
