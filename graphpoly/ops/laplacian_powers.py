r"""The pseudo-inverse of a Laplacian and its square, by elimination of one node after the other.

With :math:`L = D - A` of a simple undirected graph these are :math:`L^+` and :math:`(L^+)^2`: all
effective resistances, and by how much an edge would change them. Each component has a block of its
own.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphpoly.ops.check_rows import check_graphs
from graphpoly.ops.entry import affordable
from graphpoly.ops.library import implement, interruptible

__all__ = ["laplacian_powers"]


def laplacian_powers(rowptr: Tensor, col: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return :math:`L^+`, :math:`(L^+)^2` and the component of each node.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours, ascending in each row, ``[E]``, int64; one undirected graph without loops.

    Returns:
        Two matrices ``[N, N]``, float64, and ``[N]``, int64: components are counted from 0 in the
        order of their first nodes.

    Raises:
        TypeError: If a tensor is of another type.
        ValueError: If they are not such a graph.

    Complexity: O(N F) with F the entries of the factor, nodes of few neighbours being eliminated
    first: O(N^2) for trees and what is near to them, O(N^3) at most. Memory O(N^2).

    >>> rowptr, col = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0])
    >>> inverse, square, part = laplacian_powers(rowptr, col)
    >>> inverse[0].tolist(), square[0].tolist(), part.tolist()
    ([0.25, -0.25, 0.0], [0.125, -0.125, 0.0], [0, 0, 1])
    """
    check_graphs(rowptr, col)
    found: tuple[Tensor, Tensor, Tensor] = affordable(
        f"rowptr: got {rowptr.size(0) - 1} nodes",
        interruptible,
        *(torch.ops.graphpoly.laplacian_powers, rowptr, col),
    )
    return found


def laplacian_powers_reference(rowptr: Tensor, col: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A constant on each component makes L positive definite, and is taken off the inverse."""
    size = rowptr.size(0) - 1
    entries = np.ones(col.numel(), dtype=np.int8)
    matrix = csr_matrix((entries, col.cpu().numpy(), rowptr.cpu().numpy()), shape=(size, size))
    part = torch.from_numpy(connected_components(matrix, directed=False)[1].astype(np.int64))
    part = part.to(col.device)
    same = (part[:, None] == part) / torch.bincount(part).double()[part]
    laplacian = torch.diag(rowptr.diff().double()) + same
    laplacian[torch.repeat_interleave(rowptr.diff()), col] -= 1
    if not size:
        return laplacian, laplacian.clone(), part
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(laplacian))
    inverse = (inverse - same).contiguous()  # column by column on a GPU
    return inverse, inverse @ inverse, part


def _fake(rowptr: Tensor, col: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    size = rowptr.size(0) - 1
    matrix = col.new_empty(size, size, dtype=torch.float64)
    return matrix, torch.empty_like(matrix), col.new_empty(size)


implement("laplacian_powers", reference=laplacian_powers_reference, fake=_fake)
