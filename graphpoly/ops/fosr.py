r"""First-order spectral rewiring: the edges that raise the spectral gap most, to first order.

With :math:`M = D^{-1/2} A D^{-1/2}` and x its second eigenvector, each step joins the pair

.. math::
    \arg\min_{(u, v) \notin E} \frac{x_u x_v}{\sqrt{(1 + d_u)(1 + d_v)}}

A node without edges is a component of its own, by a loop that makes its degree in M and its
diagonal 1; so it is joined before anything is added inside of a component. Entries are compared on
a grid of :math:`2^{20}` steps of the largest; x has the sign that makes the first node that is
clearly off 0 positive, and of equal products that of the smaller positive node comes first, then
that of the smaller negative one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.ops.check_rows import check_graphs, on_graphs
from graphpoly.ops.entry import INT64_MIN, as_size
from graphpoly.ops.hashing import hash64, uniform
from graphpoly.ops.library import implement

__all__ = ["fosr", "second_vector", "smallest_product"]

_GRID, _NOT_LEFT = 1 << 20, 1 << 4


def fosr(
    rowptr: Tensor,
    col: Tensor,
    ptr: Tensor,
    num_edges: int,
    *,
    power_steps: int | None = None,
    tolerance: float = 1e-10,
    seed: int = 0,
) -> Tensor:
    """Return the pairs that are joined, in turn, int64 ``[2, G, num_edges]``.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; undirected graphs without loops.
        ptr: Where the nodes of each graph begin, ``[G+1]``.
        num_edges: Number of edges to add to each graph.
        power_steps: Take so many steps of the power iteration from a random start, and one after
            each edge, as published, in place of an eigenvector.
        tolerance: Residual at which the eigenvector is good enough.
        seed: Of the start.

    Returns:
        Pairs with the smaller node first; -1 where a graph is complete.

    Raises:
        TypeError: If a tensor or a number is of another type.
        ValueError: If they are not such graphs, or a number is out of range.

    Complexity: O(E) for each step of the iteration, whose number grows with one over the root of
    the gap, and O(N) to find the pair.
    """
    num_edges, seed = as_size("num_edges", num_edges), as_size("seed", seed, INT64_MIN)
    steps = -1 if power_steps is None else as_size("power_steps", power_steps)
    if not 0 <= tolerance <= 1:
        raise ValueError(f"tolerance: got {tolerance}, expected 0 to 1")
    arguments = (rowptr, col, ptr, num_edges, steps, tolerance, seed)
    out: Tensor = on_graphs(torch.ops.graphpoly.fosr, f"num_edges: got {num_edges}", *arguments)
    return out


@on_cpu()
def fosr_reference(
    rowptr: Tensor,
    col: Tensor,
    ptr: Tensor,
    num_edges: int,
    power_steps: int,
    tolerance: float,
    seed: int,
) -> Tensor:
    """The definition: an eigendecomposition and all pairs, for each edge."""
    check_graphs(rowptr, col, ptr)
    out = col.new_full((2, ptr.numel() - 1, num_edges), -1)
    for graph, (first, last) in enumerate(zip(ptr.tolist(), ptr.tolist()[1:], strict=False)):
        size = last - first
        entries = slice(int(rowptr[first]), int(rowptr[last]))
        row = torch.repeat_interleave(rowptr.diff()[first:last])
        adjacency = torch.zeros(size, size, dtype=torch.float64)
        adjacency[row, col[entries].cpu() - first] = 1
        x = 2 * uniform(hash64(seed, torch.tensor(0), torch.arange(size))) - 1
        for step in range(num_edges if size > 1 else 0):
            if power_steps < 0:
                x = second_vector(adjacency)
            else:
                x = _power(adjacency, x, 1 if step else power_steps)
            pair = smallest_product(adjacency, x)
            if pair is None:
                break
            u, v = pair
            adjacency[u, v] = adjacency[v, u] = 1
            out[:, graph, step] = torch.tensor([first + min(u, v), first + max(u, v)])
    return out


def _normalised(adjacency: Tensor) -> tuple[Tensor, Tensor]:
    """M and its first eigenvector."""
    looped = adjacency + torch.diag((adjacency.sum(1) == 0).double())
    first = looped.sum(1).sqrt()
    return looped / torch.outer(first, first), first / first.norm()


def second_vector(adjacency: Tensor) -> Tensor:
    """Return an eigenvector of the largest eigenvalue of M beside the first one, ``[n]``.

    Args:
        adjacency: Dense, symmetric and without a diagonal, float64 ``[n, n]``.
    """
    matrix, first = _normalised(adjacency)
    _, vectors = torch.linalg.eigh(matrix - 2 * torch.outer(first, first))
    return vectors[:, -1]


def _power(adjacency: Tensor, x: Tensor, steps: int) -> Tensor:
    matrix, first = _normalised(adjacency)
    for _ in range(steps):
        x = x - (x @ first) * first
        x = x + matrix @ x
        norm = x.norm()
        x = x / norm if norm > 1e-300 else x
    return x - (x @ first) * first


def smallest_product(adjacency: Tensor, x: Tensor) -> tuple[int, int] | None:
    """Return the pair without an edge whose product is smallest, or None in a complete graph."""
    size = x.numel()
    value = x / (1 + adjacency.sum(1)).sqrt()
    largest = float(value.abs().max()) if size else 0.0
    scale = _GRID / largest if largest > 0 else 0.0
    level = [math.floor(abs(v) * scale + 0.5) * (1 if v > 0 else -1) for v in value.tolist()]
    level = [one if abs(one) >= _NOT_LEFT else 0 for one in level]
    sign = next((1 if one > 0 else -1 for one in level if one), 1)
    level = [sign * one for one in level]
    best = None
    for u in range(size):
        for v in range(u + 1, size):
            if adjacency[u, v] == 0:
                # of opposite signs the positive one is compared first
                pair = (v, u) if level[u] < 0 < level[v] else (u, v)
                key = level[u] * level[v], pair
                best = key if best is None else min(best, key)
    return None if best is None else best[1]


implement(
    "fosr",
    reference=fosr_reference,
    fake=lambda rowptr, col, ptr, num_edges, power_steps, tolerance, seed: col.new_empty(
        2, ptr.size(0) - 1, num_edges
    ),
)
