r"""Optimal transport between the neighbourhoods of both ends of edges.

.. math::
    W_1(\mu_i, \mu_j), \qquad \mu_i = \frac{1}{d_i} \sum_{k \sim i} \delta_k

with the distances of the graph, which are 0 to 3 there: what Ollivier's curvature is made of.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.ops.balanced_forman import neighbour_sets
from graphpoly.ops.check_rows import check_graphs
from graphpoly.ops.entry import affordable, check_device, check_held, check_index, check_unmapped
from graphpoly.ops.library import implement, interruptible

__all__ = ["edge_transport"]

_TIE = 1e-9


def edge_transport(rowptr: Tensor, col: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cost of each edge, and between which nodes an optimal plan moves most.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; an undirected graph without loops.
        edges: Pairs of adjacent nodes, ``[2, P]``, int64.

    Returns:
        ``[P]``, float64, and ``[2, P]``, int64: a neighbour of the first end and one of the second,
        over which mass times distance is largest, of equals the first pair. Where several plans
        are optimal, which one is taken is not stated.

    Raises:
        TypeError: If a tensor is of another type.
        ValueError: If they are not such a graph and pairs.

    Complexity: for each pair, successive shortest paths in d_i x d_j, O((d_i + d_j) d_i d_j) as a
    rule, and the entries within two steps of the first end's neighbours.

    >>> path = torch.tensor([0, 1, 3, 5, 6]), torch.tensor([1, 0, 2, 1, 3, 2])
    >>> edge_transport(*path, torch.tensor([[0, 1], [1, 2]]))[0].tolist()
    [1.0, 1.0]
    """
    check_graphs(rowptr, col)
    _check_edges(rowptr, col, edges)
    found: tuple[Tensor, Tensor] = affordable(
        f"edges: got {edges.size(1)}",
        interruptible,
        *(torch.ops.graphpoly.edge_transport, rowptr, col, edges),
    )
    return found


def _check_edges(rowptr: Tensor, col: Tensor, edges: Tensor) -> None:
    if not isinstance(edges, Tensor) or edges.dtype != torch.int64:
        got = getattr(edges, "dtype", type(edges).__name__)
        raise TypeError(f"edges: got {got}, expected an int64 tensor")
    if edges.dim() != 2 or edges.size(0) != 2:
        raise ValueError(f"edges: got shape {tuple(edges.shape)}, expected [2, P]")
    check_held("edges", edges)
    for name, tensor in {"rowptr": rowptr, "col": col, "edges": edges}.items():
        check_unmapped(name, tensor)
    check_device("edges", edges, rowptr.device)
    size = rowptr.size(0) - 1
    check_index("edges", edges.flatten(), size)
    held = torch.repeat_interleave(rowptr.diff()) * size + col
    if not bool(torch.isin(edges[0] * size + edges[1], held).all()):
        raise ValueError("edges: got a pair of nodes that are not adjacent")


@on_cpu()
def edge_transport_reference(rowptr: Tensor, col: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, as a linear program."""
    near = neighbour_sets(rowptr, col)
    cost = torch.zeros(edges.size(1), dtype=torch.float64)
    farthest = torch.zeros(2, edges.size(1), dtype=torch.int64)
    for p, (i, j) in enumerate(edges.T.tolist()):
        rows, cols = sorted(near[i]), sorted(near[j])
        away = np.array([[_distance(near, k, w) for w in cols] for k in rows], dtype=float)
        marginals = [
            np.kron(np.eye(len(rows)), np.ones((1, len(cols)))),
            np.kron(np.ones((1, len(rows))), np.eye(len(cols))),
        ]
        mass = [np.full(len(rows), 1 / len(rows)), np.full(len(cols), 1 / len(cols))]
        solved = linprog(away.flatten(), A_eq=np.vstack(marginals), b_eq=np.concatenate(mass))
        moved = solved.x * away.flatten()
        place = int((moved >= moved.max() - _TIE).argmax())
        cost[p] = float(moved.sum())
        farthest[0, p], farthest[1, p] = rows[place // len(cols)], cols[place % len(cols)]
    return cost.to(col.device), farthest.to(col.device)


def _distance(near: list[set[int]], u: int, v: int) -> int:
    """Between neighbours of adjacent nodes."""
    if u == v:
        return 0
    return 1 if v in near[u] else 2 if near[u] & near[v] else 3


implement(
    "edge_transport",
    reference=edge_transport_reference,
    fake=lambda rowptr, col, edges: (
        col.new_empty(edges.size(1), dtype=torch.float64),
        edges.new_empty(2, edges.size(1)),
    ),
)
