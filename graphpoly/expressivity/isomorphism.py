"""Whether two graphs are the same, by search among the nodes that colours allow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.expressivity.exact import dense_ids
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops import stable_colors

__all__ = ["isomorphic"]


def isomorphic(one: Data, other: Data) -> bool:
    """Search for an isomorphism that keeps labels of nodes and edges.

    Colours are refined, a node of one graph is singled out and in turn each of the other that has
    its colour, until every node has a colour of its own; what is found is checked edge by edge.

    Args:
        one, other: Directed or not; parallel edges and their labels count.

    Complexity: a refinement for each step of the search. Colours say no to most pairs at once, and
    one or two steps decide most others; graphs over bases of large treewidth take exponential time.

    References:
        McKay and Piperno, Practical graph isomorphism II, 2014, for what can be done beyond this.

    >>> from graphpoly.expressivity import hard_pair
    >>> isomorphic(*hard_pair("sr16622"))
    False
    """
    sizes = {data.num_nodes for data in (one, other)}
    if len(sizes) > 1 or one.num_edges != other.num_edges:
        return False
    whole = GraphSet.of([one, other])
    labels = torch.zeros(whole.num_nodes, dtype=torch.int64)
    return _search(whole, labels if whole.x is None else dense_ids(whole.x))


def _search(whole: GraphSet, labels: Tensor) -> bool:
    split = int(whole.ptr[1])
    colors = stable_colors(whole.adj, node_label=labels, edge_label=whole.edge_attr).color
    ids = dense_ids(colors)
    width = int(ids.max()) + 1 if ids.numel() else 0
    here, there = (torch.bincount(part, minlength=width) for part in (ids[:split], ids[split:]))
    if not torch.equal(here, there):
        return False
    if width == split:
        return _same_edges(whole, ids)
    # the smallest colour of several nodes branches least
    chosen = int(torch.where(here > 1, here, split + 1).argmin())
    first, *_ = (ids[:split] == chosen).nonzero().flatten().tolist()
    for second in (ids[split:] == chosen).nonzero().flatten().tolist():
        single = ids.clone()
        single[[first, split + second]] = width
        if _search(whole, single):
            return True
    return False


def _same_edges(whole: GraphSet, ids: Tensor) -> bool:
    """Whether nodes of one number have edges of one label to nodes of one number."""
    edge = torch.zeros(whole.edge_index.size(1), dtype=torch.int64)
    if whole.edge_attr is not None:
        edge = dense_ids(whole.edge_attr)
    source, target = whole.edge_index
    rows = torch.stack([ids[source], ids[target], edge], 1)
    first = source < whole.ptr[1]
    one, other = (part.unique(dim=0, return_counts=True) for part in (rows[first], rows[~first]))
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
