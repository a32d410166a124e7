r"""Curvature by optimal transport between the neighbourhoods of both ends.

.. math::
    \kappa_\alpha(i, j) = 1 - W_1(\mu_i, \mu_j), \qquad
    \mu_i = \alpha\,\delta_i + \frac{1 - \alpha}{d_i} \sum_{k \sim i} \delta_k

with the distances of the graph. Between neighbours of adjacent nodes they are 0 to 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.ops import edge_transport
from graphpoly.rewiring.curvature.edges import graph_of, in_given_order
from graphpoly.rewiring.structure import Graphs

__all__ = ["Transport", "lin_lu_yau", "ollivier_ricci"]


@on_cpu()
def ollivier_ricci(
    edge_index: Tensor, num_nodes: int | None = None, *, alpha: float = 0.0
) -> Tensor:
    r"""Return the Ollivier-Ricci curvature of each edge, float64 ``[E]``.

    Args:
        edge_index: Undirected graph, ``[2, E]``; loops and duplicates do not count, and loops have
            the curvature 0.
        num_nodes: Number of nodes.
        alpha: Laziness :math:`\alpha` in [0, 1).

    Raises:
        ImportError: Without POT, which solves the transport problems where alpha is not 0; the
            message names the extra.

    Complexity: one transport problem of d_i x d_j for each edge, about cubic in the degrees.

    Ollivier, "Ricci curvature of Markov chains on metric spaces", Journal of Functional Analysis
    2009.
    """
    if not 0 <= alpha < 1:
        raise ValueError(f"alpha: got {alpha}, expected at least 0 and less than 1")
    graphs = graph_of(edge_index, num_nodes)
    value = torch.zeros(graphs.col.numel(), dtype=torch.float64)
    if alpha == 0:
        value[graphs.row < graphs.col] = 1 - edge_transport(*graphs[:2], graphs.edges)[0]
        return in_given_order(graphs, _both(graphs, value), edge_index)
    transport = Transport(graphs)
    for entry, (i, j) in _once(graphs):
        value[entry] = 1 - transport.cost(i, j, alpha)
    return in_given_order(graphs, _both(graphs, value), edge_index)


@on_cpu()
def lin_lu_yau(edge_index: Tensor, num_nodes: int | None = None) -> Tensor:
    r"""Return the curvature of Lin, Lu and Yau of each edge, float64 ``[E]``.

    .. math::
        \lim_{\alpha \to 1} \frac{\kappa_\alpha(i, j)}{1 - \alpha} = \frac{D + 1}{D}\,
        \kappa_{1 / (D + 1)}(i, j), \qquad D = \max(d_i, d_j)

    where the right side is no limit (Bourne et al. 2018).

    Arguments, errors and cost are those of :func:`ollivier_ricci`.

    Lin, Lu and Yau, "Ricci curvature of graphs", Tohoku Mathematical Journal 2011.
    """
    graphs = graph_of(edge_index, num_nodes)
    transport, degree = Transport(graphs), graphs.degree.tolist()
    value = torch.zeros(graphs.col.numel(), dtype=torch.float64)
    for entry, (i, j) in _once(graphs):
        most = max(degree[i], degree[j])
        value[entry] = (most + 1) / most * (1 - transport.cost(i, j, 1 / (most + 1)))
    return in_given_order(graphs, _both(graphs, value), edge_index)


def _once(graphs: Graphs) -> list[tuple[int, tuple[int, int]]]:
    pairs = zip(graphs.row.tolist(), graphs.col.tolist(), strict=True)
    return [(entry, pair) for entry, pair in enumerate(pairs) if pair[0] < pair[1]]


def _both(graphs: Graphs, value: Tensor) -> Tensor:
    """Give the entries below the diagonal what those above it have."""
    size, row, col = graphs.num_nodes, graphs.row, graphs.col
    mirror = torch.searchsorted(row * size + col, col * size + row)
    return torch.where(row < col, value, value[mirror])


class Transport:
    """Transport problems between neighbourhoods in a graph that may change.

    Args:
        graphs: One graph.

    Raises:
        ImportError: Without POT.
    """

    def __init__(self, graphs: Graphs) -> None:
        try:
            from ot.lp import emd
        except ImportError as error:
            raise ImportError(
                "optimal transport needs POT: pip install 'graphpoly[rewiring]'"
            ) from error
        self._emd: Any = emd
        bounds, every = graphs.rowptr.tolist(), graphs.col.tolist()
        self.near = [set(every[bounds[v] : bounds[v + 1]]) for v in range(graphs.num_nodes)]

    def cost(self, i: int, j: int, alpha: float = 0.0) -> float:
        """Return :math:`W_1` between the ends of an edge."""
        plan, cost, *_ = self.plan(i, j, alpha)
        return float((plan * cost).sum())

    def plan(
        self, i: int, j: int, alpha: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray, list[int], list[int]]:
        """Return an optimal plan, the distances, and the nodes of its rows and columns."""
        rows, cols = sorted(self.near[i]), sorted(self.near[j])
        source, target = np.full(len(rows), 1.0), np.full(len(cols), 1.0)
        source *= (1 - alpha) / len(rows)
        target *= (1 - alpha) / len(cols)
        if alpha > 0:
            rows, cols = [i, *rows], [j, *cols]
            source, target = np.append(alpha, source), np.append(alpha, target)
        cost = self.distances(rows, cols)
        return self._emd(source, target, cost, check_marginals=False), cost, rows, cols

    def distances(self, rows: list[int], cols: list[int]) -> np.ndarray:
        """Distances between nodes that are at most 3 apart."""
        cost = np.full((len(rows), len(cols)), 3.0)
        place = {w: q for q, w in enumerate(cols)}
        for p, k in enumerate(rows):
            near = self.near[k]
            for m in near:
                for w in self.near[m] & place.keys():
                    cost[p, place[w]] = 2.0
            for w in near & place.keys():
                cost[p, place[w]] = 1.0
            if k in place:
                cost[p, place[k]] = 0.0
        return cost
