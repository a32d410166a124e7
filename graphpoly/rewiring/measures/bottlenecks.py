"""What stands in the way of messages in many graphs, a few numbers each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly import ops
from graphpoly.rewiring.measures.resistance import MAX_DENSE
from graphpoly.rewiring.measures.spectral_gap import gap_of_connected
from graphpoly.rewiring.structure import Graphs

__all__ = ["Bottlenecks", "bottlenecks"]


class Bottlenecks(NamedTuple):
    """Measures of one simple graph.

    Attributes:
        edges: Number of edges.
        parts: Number of connected components.
        degree: Largest number of neighbours.
        gap: Second smallest eigenvalue of the normalised Laplacian, 0 for a graph in parts.
        resistance: Mean effective resistance of the pairs of nodes that a path joins.
        least: Smallest balanced Forman curvature of an edge.
        negative: Share of the edges whose curvature is below 0.

    A measure that the graph has no value of is None: means over no pairs and no edges; and gap and
    resistance of more than 20,000 nodes, whose cost is O(N^3).
    """

    edges: int
    parts: int | None
    degree: int
    gap: float | None
    resistance: float | None
    least: float | None
    negative: float | None


def bottlenecks(graphs: Graphs, curvature: Tensor | None = None) -> list[Bottlenecks]:
    """Measure each of some graphs.

    Args:
        graphs: The graphs.
        curvature: Balanced Forman curvature of each entry, ``[E]``, where it is at hand.

    Complexity: for each graph O(N^3) at most, O(N^2) memory, and the curvature of each edge.

    >>> square = Graphs.of(torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0], [1, 0, 2, 1, 3, 2, 0, 3]]), 4)
    >>> found = bottlenecks(square)[0]
    >>> found.edges, found.parts, round(found.gap, 9), round(found.resistance, 9), found.least
    (4, 1, 1.0, 0.833333333, 1.0)
    """
    if curvature is None:
        curvature = ops.balanced_forman(graphs.rowptr, graphs.col, graphs.ptr)
    bounds = graphs.rowptr[graphs.ptr].tolist()
    measured = []
    for place in range(graphs.num_graphs):
        one = graphs.single(place)
        own = curvature[bounds[place] : bounds[place + 1]]
        parts, gap, resistance = _connection(one)
        measured.append(
            Bottlenecks(
                edges=own.numel() // 2,
                parts=parts,
                degree=int(one.degree.max()) if one.num_nodes else 0,
                gap=gap,
                resistance=resistance,
                least=float(own.min()) if own.numel() else None,
                negative=float((own < -1e-12).double().mean()) if own.numel() else None,
            )
        )
    return measured


def _connection(graph: Graphs) -> tuple[int | None, float | None, float | None]:
    """Number of components, spectral gap and mean resistance."""
    if graph.num_nodes > MAX_DENSE:
        return None, None, None
    inverse, _, part = ops.laplacian_powers(graph.rowptr, graph.col)
    size = torch.bincount(part).double()
    pairs = float((size * (size - 1)).sum()) / 2
    # the resistances of a component add up to its size times the trace of its block
    total = float((size[part] * inverse.diagonal()).sum())
    gap = gap_of_connected(graph) if size.numel() == 1 else 0.0
    return size.numel(), gap, total / pairs if pairs else None
