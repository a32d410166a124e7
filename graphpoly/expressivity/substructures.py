r"""Refinement that begins from counts of small induced subgraphs.

:math:`S_k` gives each node, for every connected graph with k nodes, the number of its induced
copies that the node lies in, wherever in the copy, and then refines colours. Counts of copies as
subgraphs, not necessarily induced, have closed forms in the adjacency A, its square and the
triangles

.. math::
    t_v = \tfrac{1}{2} (A^3)_{vv}, \qquad K_4(uv) = \tfrac{1}{2} \sum_{a, b}
    A_{ua} A_{va} A_{ab} A_{ub} A_{vb}

and follow from those of induced copies by an integer triangular matrix (the four cycles and six
paths in each :math:`K_4`, and so on), which is inverted here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.expressivity.colors import Coloring, wl_colors
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.tuples import groups_of_one_size
from graphpoly.ops import label_names

__all__ = ["SUBSTRUCTURES", "substructure_colors", "substructure_counts"]

SUBSTRUCTURES = {
    3: ("path", "triangle"),
    4: ("path", "star", "cycle", "paw", "diamond", "clique"),
}
# How many copies of the row's graph span the column's.
_SPANNED = {
    3: [[1, 3], [0, 1]],
    4: [
        [1, 0, 4, 2, 6, 12],
        [0, 1, 0, 1, 2, 4],
        [0, 0, 1, 0, 1, 3],
        [0, 0, 0, 1, 4, 12],
        [0, 0, 0, 0, 1, 6],
        [0, 0, 0, 0, 0, 1],
    ],
}
_MOST_CELLS = 1 << 22  # common neighbours of edges that are held at once


@on_cpu()
def substructure_colors(
    graphs: Any, size: int = 4, *, features: bool = True, edge_features: bool = True
) -> Coloring:
    """Refine colours that begin from counts of induced subgraphs.

    Args:
        graphs: See :meth:`GraphSet.of`; undirected. ``x`` and ``edge_attr`` are labels, which the
            counts do not see.
        size: Number of nodes of the subgraphs, 3 or 4.
        features: Begin from ``x``, too, where the graphs have it.
        edge_features: Tell edges apart by ``edge_attr``, where the graphs have it.

    Returns:
        Stable names, comparable across graphs and runs.

    Complexity: that of :func:`substructure_counts` and of colour refinement.

    References:
        Wang and Zhang, arXiv:2304.07702 (S3, S4). Bouritsas, Frasca, Zafeiriou and Bronstein,
        arXiv:2006.09252.

    >>> from graphpoly.data import cycle_pairs
    >>> hexagon, triangles = substructure_colors(cycle_pairs((6,)), 3).graph.tolist()
    >>> hexagon == triangles
    False
    """
    whole = GraphSet.of(graphs, features=features, edge_features=edge_features)
    x = substructure_counts(whole, size)
    if whole.x is not None:
        x = torch.cat([x, label_names(whole.x).unsqueeze(1)], 1)
    return wl_colors(replace(whole, x=x))


@on_cpu()
def substructure_counts(graphs: Any, size: int = 4) -> Tensor:
    """Count the connected induced subgraphs that each node lies in.

    Args:
        graphs: See :meth:`GraphSet.of`; undirected, loops do not count.
        size: Number of nodes of the subgraphs, 3 or 4.

    Returns:
        ``[N, 2]`` or ``[N, 6]``, int64, in the order of :data:`SUBSTRUCTURES`.

    Complexity: O(n^3) for size 3 and O(n^3 + m n^2) for size 4, for a graph of n nodes and m edges;
    O(n^2) memory.

    >>> clique = (1 - torch.eye(4)).nonzero().T
    >>> from torch_geometric.data import Data
    >>> substructure_counts(Data(edge_index=clique, num_nodes=4), 4).tolist()[0]
    [0, 0, 0, 0, 0, 1]
    """
    if size not in SUBSTRUCTURES:
        raise ValueError(f"size: got {size}; 3 and 4 are accepted")
    whole = GraphSet.of(graphs, features=False, edge_features=False)
    out = torch.zeros(whole.num_nodes, len(SUBSTRUCTURES[size]), dtype=torch.int64)
    for index, _, joined in groups_of_one_size(whole, 2):
        if not torch.equal(joined, joined.transpose(1, 2)):
            raise ValueError("graphs: an edge lacks its reverse; undirected graphs are accepted")
        nodes = joined.size(1)
        adjacency = (joined * (1 - torch.eye(nodes, dtype=torch.int64))).double()
        counts = _triples(adjacency) if size == 3 else _quadruples(adjacency)
        place = (whole.ptr[index].unsqueeze(1) + torch.arange(nodes)).flatten()
        out[place] = counts.round().long().flatten(0, 1)
    inverse = torch.linalg.inv(torch.tensor(_SPANNED[size], dtype=torch.float64)).round().long()
    return out @ inverse.T


def _triples(a: Tensor) -> Tensor:
    """Paths and triangles as subgraphs, ``[B, n, 2]``."""
    degree = a.sum(2)
    triangles = torch.bmm(a, a).mul(a).sum(2) / 2
    return torch.stack([_choose2(degree) + _along(a, degree - 1), triangles], 2)


def _quadruples(a: Tensor) -> Tensor:
    """The six connected graphs of four nodes as subgraphs, ``[B, n, 6]``."""
    degree, square = a.sum(2), torch.bmm(a, a)
    common = square * a  # triangles at each edge
    triangles = common.sum(2) / 2
    more = _along(a, degree - 1)
    path_end = _along(a, more) - degree * (degree - 1) - 2 * triangles
    path_inside = (degree - 1) * more - 2 * triangles
    star = degree * _choose2(degree - 1) / 3 + _along(a, _choose2(degree - 1))
    walks = _choose2(square)
    cycle = walks.sum(2) - walks.diagonal(dim1=1, dim2=2)
    hub = triangles * (degree - 2)
    side = (common * (degree - 2).unsqueeze(1)).sum(2)
    hanging = _along(a, triangles) - common.sum(2)
    spine = (a * _choose2(square)).sum(2)
    tip = torch.bmm(a, a * (square - 1)).mul(a).sum(2) / 2
    return torch.stack(
        [path_end + path_inside, star, cycle, hub + side + hanging, spine + tip, _cliques(a)], 2
    )


def _cliques(a: Tensor) -> Tensor:
    """Cliques of four nodes at each node, from those at each edge, ``[B, n]``."""
    count, size, _ = a.shape
    graph, source, target = a.triu(1).nonzero().T
    edges = torch.bincount(graph, minlength=count)
    slot = torch.arange(graph.numel()) - (edges.cumsum(0) - edges)[graph]
    out = a.new_zeros(count, size)
    most = int(edges.max()) if count else 0
    width = max(1, min(most, _MOST_CELLS // max(1, count * size)))
    for first in range(0, most, width):
        chosen = (slot >= first) & (slot < first + width)
        g, u, v = graph[chosen], source[chosen], target[chosen]
        joint = a.new_zeros(count, width, size)  # common neighbours of the ends
        joint[g, slot[chosen] - first] = a[g, u] * a[g, v]
        found = torch.bmm(joint, a).mul(joint).sum(2)[g, slot[chosen] - first] / 2
        out.index_put_((g, u), found, accumulate=True).index_put_((g, v), found, accumulate=True)
    return out / 3


def _along(a: Tensor, value: Tensor) -> Tensor:
    """Sum of the neighbours' values, ``[B, n]``."""
    return torch.bmm(a, value.unsqueeze(2)).squeeze(2)


def _choose2(count: Tensor) -> Tensor:
    return count * (count - 1) / 2
