r"""Effective resistance and what follows from it.

With :math:`L^+` the pseudo-inverse of the Laplacian of a simple undirected graph,

.. math::
    R(u, v) = L^+_{uu} + L^+_{vv} - 2 L^+_{uv}, \qquad
    \mathrm{commute}(u, v) = 2 |E|\, R(u, v)

and infinity between components; the commute time counts the edges of the component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.rewiring.structure import Graphs

__all__ = [
    "commute_time",
    "components",
    "effective_resistance",
    "laplacian_pinv",
    "sketched_resistance",
    "total_resistance",
]

MAX_DENSE = 20_000
_LEAST_SKETCH = 8


def components(graphs: Graphs) -> Tensor:
    """Return the number of the connected component of each node, ``[N]``."""
    size = graphs.num_nodes
    values = np.ones(graphs.col.numel(), dtype=np.int8)
    matrix = csr_matrix((values, graphs.col.numpy(), graphs.rowptr.numpy()), shape=(size, size))
    return torch.from_numpy(connected_components(matrix, directed=False)[1].astype(np.int64))


@on_cpu()
def laplacian_pinv(graphs: Graphs, part: Tensor | None = None) -> Tensor:
    r"""Return :math:`L^+`, float64 ``[N, N]``.

    A constant on each component makes L positive definite, and is taken off the inverse again: one
    Cholesky factorisation in place of an eigendecomposition.

    Args:
        graphs: One graph, or several as one.
        part: What :func:`components` returns, where it is at hand.

    Raises:
        ValueError: If there are more than 20,000 nodes.

    Complexity: O(N^3) time, O(N^2) memory.
    """
    size = graphs.num_nodes
    if size > MAX_DENSE:
        raise ValueError(
            f"graph: got {size} nodes, expected at most {MAX_DENSE} for a dense pseudo-inverse; "
            "sketched_resistance takes larger ones"
        )
    part = components(graphs) if part is None else part
    count = torch.bincount(part).double()[part]
    same = (part[:, None] == part) / count
    laplacian = torch.diag(graphs.degree.double()) + same
    laplacian[graphs.row, graphs.col] -= 1
    if not size:
        return laplacian
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(laplacian))
    return inverse - same


@on_cpu()
def effective_resistance(
    edge_index: Tensor, num_nodes: int | None = None, *, pairs: Tensor | None = None
) -> Tensor:
    """Return the effective resistance of pairs of nodes, float64.

    Args:
        edge_index: Undirected graph, ``[2, E]``; loops and duplicates are left out.
        num_nodes: Number of nodes; default one more than the largest index.
        pairs: ``[2, P]``; default all pairs.

    Returns:
        ``[P]``, or ``[N, N]`` without ``pairs``; infinity between components.

    Raises:
        ValueError: If an edge has no reverse, or there are more than 20,000 nodes.

    Complexity: O(N^3) time, O(N^2) memory.

    Klein and Randić, "Resistance distance", Journal of Mathematical Chemistry 1993.

    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> [round(r, 6) for r in effective_resistance(triangle)[0].tolist()]
    [0.0, 0.666667, 0.666667]
    """
    graphs = as_graph(edge_index, num_nodes)
    part = components(graphs)
    pinv = laplacian_pinv(graphs, part)
    own = pinv.diagonal()
    if pairs is None:
        resistance = own[:, None] + own - 2 * pinv
        resistance[part[:, None] != part] = torch.inf
        return resistance.fill_diagonal_(0)
    u, v = _checked(pairs, graphs.num_nodes)
    resistance = torch.where(u == v, 0, own[u] + own[v] - 2 * pinv[u, v])
    return torch.where(part[u] == part[v], resistance, torch.inf)


@on_cpu()
def commute_time(
    edge_index: Tensor, num_nodes: int | None = None, *, pairs: Tensor | None = None
) -> Tensor:
    """Return the expected number of steps of a random walk from u to v and back, float64.

    Arguments, errors and cost are those of :func:`effective_resistance`.

    Chandra, Raghavan, Ruzzo, Smolensky and Tiwari, "The electrical resistance of a graph captures
    its commute and cover times", 1989.

    >>> commute_time(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))[0].round().tolist()
    [0.0, 4.0, 8.0]
    """
    graphs = as_graph(edge_index, num_nodes)
    resistance = effective_resistance(edge_index, num_nodes, pairs=pairs)
    part = components(graphs)
    volume = torch.zeros(int(part.max()) + 1 if part.numel() else 0).double()
    volume = volume.index_add(0, part, graphs.degree.double())[part]
    steps = volume[:, None] if pairs is None else volume[pairs[0]]
    # of a node without edges the volume is 0, and infinity stays what it is
    return torch.where(resistance.isinf(), resistance, steps * resistance)


@on_cpu()
def total_resistance(edge_index: Tensor, num_nodes: int | None = None) -> float:
    r"""Return the sum of the effective resistances of all unordered pairs, the Kirchhoff index.

    :math:`n \sum_{i > 1} 1 / \lambda_i` for a connected graph; infinity otherwise.

    Complexity: O(N^3).

    >>> square = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0], [1, 0, 2, 1, 3, 2, 0, 3]])
    >>> round(total_resistance(square), 9)
    5.0
    """
    graphs = as_graph(edge_index, num_nodes)
    part = components(graphs)
    if bool((part != 0).any()):
        return float("inf")
    return graphs.num_nodes * float(laplacian_pinv(graphs, part).trace())


@on_cpu()
def sketched_resistance(
    edge_index: Tensor,
    num_nodes: int | None = None,
    *,
    pairs: Tensor,
    error: float = 0.1,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Tensor:
    r"""Estimate the effective resistance of pairs in a graph too large for :math:`L^+`.

    :math:`R(u, v) = \|B L^+ (e_u - e_v)\|^2` with B the incidence matrix, whose rows are projected
    onto :math:`\lceil 24 \ln(n) / \epsilon^2 \rceil` random directions; each takes one solution of
    a linear system by conjugate gradients with the diagonal as preconditioner.

    Args:
        edge_index: Undirected graph, ``[2, E]``.
        num_nodes: Number of nodes.
        pairs: ``[2, P]``.
        error: :math:`\epsilon`. With high probability all estimates are within a factor
            :math:`1 \pm \epsilon`; typical errors are a fifth of it.
        tolerance: Relative residual of the solutions.
        seed: Of the directions.

    Returns:
        ``[P]``, float64; infinity between components.

    Complexity: O(log(N) / error^2) solutions, each O(E) for each iteration; O(N) memory.

    Spielman and Srivastava, "Graph sparsification by effective resistances", STOC 2008.
    """
    if not 0 < error < 1:
        raise ValueError(f"error: got {error}, expected between 0 and 1")
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: got {tolerance}, expected between 0 and 1")
    graphs = as_graph(edge_index, num_nodes)
    u, v = _checked(pairs, graphs.num_nodes)
    part = components(graphs)
    count = int(np.ceil(24 * np.log(max(graphs.num_nodes, 2)) / error**2))
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(u.numel(), dtype=torch.float64)
    block = max(_LEAST_SKETCH, 2**22 // max(graphs.num_nodes, 1))
    for begin in range(0, count, block):
        width = min(block, count - begin)
        sign = torch.randint(0, 2, (graphs.edges.size(1), width), generator=generator).double()
        sign = 2 * sign - 1
        low, high = graphs.edges
        right = torch.zeros(graphs.num_nodes, width, dtype=torch.float64)
        right = right.index_add(0, low, sign).index_add(0, high, -sign)
        z = _solve(graphs, right, tolerance)
        total += (z[u] - z[v]).square().sum(1)
    return torch.where(part[u] == part[v], total / count, torch.inf)


def _solve(graphs: Graphs, right: Tensor, tolerance: float) -> Tensor:
    """Conjugate gradients for L z = right, every column by itself."""
    size = graphs.num_nodes
    adjacency = torch.sparse_csr_tensor(
        graphs.rowptr, graphs.col, torch.ones(graphs.col.numel()).double(), (size, size)
    )
    degree = graphs.degree.double()[:, None]
    scale = torch.where(degree > 0, 1 / degree.clamp(min=1), 0)
    z, rest = torch.zeros_like(right), right
    step = scale * rest
    along = (rest * step).sum(0)
    goal = tolerance**2 * right.square().sum(0)
    for _ in range(10 * size + 10):
        if bool((rest.square().sum(0) <= goal).all()):
            break
        image = degree * step - adjacency @ step
        size_of_step = along / (step * image).sum(0).clamp(min=torch.finfo(z.dtype).tiny)
        z = z + size_of_step * step
        rest = rest - size_of_step * image
        better = scale * rest
        before, along = along, (rest * better).sum(0)
        step = better + along / before.clamp(min=torch.finfo(z.dtype).tiny) * step
    return z


def as_graph(edge_index: Any, num_nodes: int | None) -> Graphs:
    """One graph out of pairs."""
    if num_nodes is None:
        num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    return Graphs.of(edge_index, num_nodes)


def _checked(pairs: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    if pairs.dim() != 2 or pairs.size(0) != 2:
        raise ValueError(f"pairs: got shape {list(pairs.shape)}, expected [2, P]")
    if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < num_nodes:
        raise ValueError(f"pairs: a node lies outside [0, {num_nodes})")
    return pairs[0], pairs[1]
