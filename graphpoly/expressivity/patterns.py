r"""How often a graph has each small pattern, and each of its nodes, by closed forms.

For a simple graph with adjacency A, the 5-cycles through u run over the edge (w, x) opposite of it,
and the 6-cycles over the node w opposite of it, joined to u by two paths of three edges. What is
taken off are pairs of paths that meet: with :math:`T_{ab} = A_{ua} A_{ab} A_{bw}`, row sums r and
column sums c,

.. math::
    2 C_6(u) = \sum_{w \neq u} \Big( \big(\textstyle\sum T\big)^2 - \sum_a (r_a + c_a)^2
    + \sum_{a, b} T_{ab} (T_{ab} + T_{ba}) \Big),

as 0-1 entries of T make :math:`\sum_a (r_a^2 + c_a^2 + 2 r_a c_a)` the ordered pairs with a node in
common, and the last sum those with two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity.graphs import GraphSet

__all__ = ["PATTERNS", "count_patterns"]

# name: what it is, nodes that are counted in each, the lowest rung that counts it
PATTERNS: dict[str, tuple[str, int, str]] = {
    "path3": ("paths with 2 edges", 1, "1-WL"),
    "path4": ("paths with 3 edges", 2, "2-FWL"),
    "triangle": ("triangles", 3, "2-FWL"),
    "cycle4": ("4-cycles", 4, "2-FWL"),
    "cycle5": ("5-cycles", 5, "2-FWL"),
    "cycle6": ("6-cycles", 6, "2-FWL"),
    "clique4": ("4-cliques", 4, "3-FWL"),
}


@on_cpu()
def count_patterns(graphs: Any, pattern: str) -> tuple[Tensor, Tensor]:
    """Count a pattern as a subgraph, induced or not.

    Args:
        graphs: See :meth:`GraphSet.of`; simple and undirected, of up to some dozens of nodes.
        pattern: One of :data:`PATTERNS`.

    Returns:
        How many each graph has, ``[G]``; and how many each node is in, ``[N]``: of ``path3`` those
        that it is the middle of, of ``path4`` those that end in it. Both int64.

    Complexity: products of the padded adjacencies, O(n^4) for 6-cycles and 4-cliques; n^2 numbers
    for each node of one graph.

    References:
        Harary and Manvel, On the number of cycles in a graph, 1971, for forms in traces.

    >>> from graphpoly.expressivity import hard_pair
    >>> count_patterns(hard_pair("hexagon"), "cycle6")[0].tolist()
    [1, 0]
    >>> count_patterns(hard_pair("hexagon"), "triangle")[1].tolist()
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    """
    if pattern not in PATTERNS:
        raise unknown("pattern", pattern, PATTERNS)
    whole = GraphSet.of(graphs, features=False, edge_features=False)
    share = PATTERNS[pattern][1]
    nodes = torch.zeros(whole.num_nodes, dtype=torch.int64)
    for g in range(whole.num_graphs):
        adjacency = _adjacency(whole, g)
        begin, end = whole.ptr[g : g + 2].tolist()
        nodes[begin:end] = _COUNTS[pattern](adjacency).round().long()
    total = torch.zeros(whole.num_graphs, dtype=torch.int64).index_add(0, whole.batch, nodes)
    return total // share, nodes


def _adjacency(whole: GraphSet, g: int) -> Tensor:
    data = whole.graph(g)
    size = int(data.num_nodes or 0)
    adjacency = torch.zeros(size, size, dtype=torch.float64)
    adjacency[data.edge_index[0], data.edge_index[1]] = 1
    if not torch.equal(adjacency, adjacency.T) or bool(adjacency.diagonal().any()):
        raise ValueError(f"graphs[{g}]: expected an undirected graph without loops")
    return adjacency


def _path3(a: Tensor) -> Tensor:
    degree = a.sum(1)
    return degree * (degree - 1) / 2


def _path4(a: Tensor) -> Tensor:
    # u - a - b - c: b is not u, c neither a nor u
    degree, two = a.sum(1), a @ a
    step = a @ (degree - 1)  # over b next to a, u among them
    return a @ step - degree * (degree - 1) - (two * a).sum(1)


def _triangle(a: Tensor) -> Tensor:
    return ((a @ a) * a).sum(1) / 2


def _cycle4(a: Tensor) -> Tensor:
    two = a @ a
    two.fill_diagonal_(0)
    return (two * (two - 1)).sum(1) / 2


def _cycle5(a: Tensor) -> Tensor:
    two = a @ a
    two.fill_diagonal_(0)
    # common[u, w, x]: neighbours of all three
    common = torch.einsum("ui,wi,xi->uwx", a, a, a)
    q_w, q_x = two.unsqueeze(2), two.unsqueeze(1)
    a_w, a_x = a.unsqueeze(2), a.unsqueeze(1)
    pairs = q_w * q_x - common - a_x * q_x - a_w * q_w + a_w * a_x
    away = 1 - torch.eye(a.size(0), dtype=a.dtype)
    return (a * away.unsqueeze(2) * away.unsqueeze(1) * pairs).sum((1, 2)) / 2


def _cycle6(a: Tensor) -> Tensor:
    out = []
    away = 1 - torch.eye(a.size(0), dtype=a.dtype)
    for u in range(a.size(0)):
        # t[w, a, b] = A_ua A_ab A_bw, none of a, b is u or w
        first, last = a[u] * away, a * away[u]
        t = first.unsqueeze(2) * a * last.unsqueeze(1)
        rows, columns = t.sum(2), t.sum(1)
        pairs = t.sum((1, 2)) ** 2 - ((rows + columns) ** 2).sum(1)
        pairs = pairs + (t * (t + t.transpose(1, 2))).sum((1, 2))
        out.append((pairs * away[u]).sum() / 2)
    return torch.stack(out) if out else a.new_zeros(0)


def _clique4(a: Tensor) -> Tensor:
    near = a.unsqueeze(2) * a.unsqueeze(1) * a  # edges among the neighbours of each node
    return (torch.bmm(near, near) * near).sum((1, 2)) / 6


_COUNTS = {
    "path3": _path3,
    "path4": _path4,
    "triangle": _triangle,
    "cycle4": _cycle4,
    "cycle5": _cycle5,
    "cycle6": _cycle6,
    "clique4": _clique4,
}
