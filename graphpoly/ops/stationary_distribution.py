r"""Where a random walk that jumps now and then is found in the long run.

With P the matrix of the walk, :math:`P_{vu} = w_{vu} / \sum_j w_{vj}`, and :math:`\alpha` the
probability of a jump to a node drawn uniformly,

.. math::
    \pi \propto x, \qquad x = (1 - \alpha) P^\top x + 1

A node without an edge out of it always jumps: its row of P is zero, which changes x by a factor
alone. The jumps make :math:`\pi` the only distribution that stays, and positive, whatever the
graph; without edges between them, what one part of a graph gets in proportion is what it would get
alone. Page et al., The PageRank citation ranking, 1999.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, bicgstab
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import check_real
from graphpoly.ops.entry import check_square
from graphpoly.ops.spmm import spmm

__all__ = ["stationary_distribution"]

_LEAST = 1e-6
_SMALL = 500  # nodes, up to which the system is a matrix
_ROUNDING = 1e-15  # change of a step that means nothing
_RESIDUAL, _KRYLOV_STEPS = 1e-14, 1000


def stationary_distribution(adj: CSR, damping: float = 1e-3) -> Tensor:
    r"""Return the stationary distribution of a random walk with jumps.

    The system is solved as a matrix on graphs with up to 500 nodes, by a Krylov method (BiCGSTAB)
    on others; steps of the walk then go on until rounding alone is left. They contract by
    :math:`1 - \alpha` whatever the graph, and so arrive even where the Krylov method breaks down.

    Args:
        adj: Square operator, a column for each node that is left and a row for each that is
            entered, as :func:`~graphpoly.ops.to_csr` makes it; weights are not negative.
        damping: Probability of a jump :math:`\alpha`, from 1e-6 to 1.

    Returns:
        ``[N]``, float64, without a gradient; positive, and sums to 1.

    Raises:
        ValueError: If the operator is not square, a weight is negative or not finite, or
            ``damping`` is out of range.

    Complexity: O(E) for a step, and steps of the order of :math:`1 / \alpha` at most. Graphs of
    neighbours in the plane take some hundreds.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> star = to_csr(torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]]), num_nodes=3)
    >>> [round(p, 3) for p in stationary_distribution(star, 1e-6).tolist()]
    [0.5, 0.25, 0.25]
    """
    check_square(adj)
    check_real(adj)
    check_damping(damping)
    with torch.no_grad():
        walk = _walk(adj, 1 - damping)
        x = _solution(walk, damping)
        before = math.inf
        while True:
            x, last = spmm(walk, x) + 1, x
            change = float((x - last).abs().sum())
            if change <= _ROUNDING * float(x.sum()) or not change < before:
                return x / x.sum()
            before = change


def check_damping(damping: float) -> None:
    """Refuse a probability of a jump that is none, or too small to count on."""
    if not _LEAST <= damping <= 1:
        raise ValueError(f"damping: got {damping}, expected from {_LEAST:g} to 1")


def _walk(adj: CSR, rate: float) -> CSR:
    r""":math:`(1 - \alpha) P^\top`."""
    weight, device = adj.weight, adj.col.device
    if weight is None:
        weight = torch.ones(adj.num_entries, dtype=torch.float64, device=device)
    weight = weight.detach().double()
    if not bool((weight >= 0).all() & weight.isfinite().all()):
        raise ValueError("adj: got a negative weight or one that is not finite")
    # weights by the largest one of their node first, whose sum would not be finite otherwise
    col = adj.col.long()
    largest = weight.new_zeros(adj.num_cols).scatter_reduce(0, col, weight, "amax")[col]
    weight = torch.where(largest > 0, weight / torch.where(largest > 0, largest, 1), 0)
    total = weight.new_zeros(adj.num_cols).index_add(0, col, weight)[col]
    return adj.with_weight(rate * torch.where(total > 0, weight / total, 0))


def _solution(walk: CSR, damping: float) -> Tensor:
    r"""Nearly the solution of x = W x + 1, none of whose entries is below 1.

    The start :math:`1 / \alpha` has the right sum where every node has an edge out of it: what the
    walk forgets most slowly is right from the beginning.
    """
    size, device = walk.num_cols, walk.col.device

    def without_walk(x: Any) -> Any:
        return x - spmm(walk, torch.from_numpy(x).to(device)).cpu().numpy()

    ones = np.ones(size)
    if size <= _SMALL:
        system = torch.eye(size, dtype=torch.float64, device=device) - walk.to_dense()
        return torch.linalg.solve(system, torch.from_numpy(ones).to(device)).clamp(min=1)
    start = ones / damping
    operator = LinearOperator((size, size), matvec=without_walk, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # of a breakdown, which is no matter
        found, _ = bicgstab(operator, ones, start, rtol=_RESIDUAL, atol=0, maxiter=_KRYLOV_STEPS)
    found = found if np.isfinite(found).all() else start
    return torch.from_numpy(found).to(device).clamp(min=1)
