"""Whether two graphs are the same, by search among the nodes that colours allow."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.expressivity.colors import graph_names
from graphpoly.expressivity.exact import dense_ids
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops import mix64, stable_colors

__all__ = ["discrete", "isomorphic", "twin_ranks"]

_MOST_KEPT = 1 << 22  # colours of nodes, over the choices of a search
_MOST_KINDS = 16  # of edges, by which twins are looked for


@on_cpu()
def isomorphic(one: Data, other: Data) -> bool:
    """Search for an isomorphism that keeps labels of nodes and edges.

    Colours are refined and twins, nodes with the same edges to all others, numbered among
    themselves; then a node of one graph is singled out and in turn each of the other that has its
    colour, until every node has a colour of its own. What is found is checked edge by edge.

    Args:
        one, other: Directed or not; parallel edges and their labels count.

    Raises:
        ValueError: If a label is NaN, which is equal to nothing.

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
    ids = _refined(whole, labels if whole.x is None else dense_ids(whole.x))
    if ids is not None and not _alone(whole, ids):
        # twins may change places: their order is no matter of search
        ids = _refined(whole, dense_ids(torch.stack([ids, twin_ranks(whole, ids)], 1)))
    if ids is None or _alone(whole, ids):
        return ids is not None and _same_edges(whole, ids)
    parts, order = _parts(whole)
    return _search(whole, ids) if parts.num_graphs == 2 else _same_parts(parts, order, ids)


def _parts(whole: GraphSet) -> tuple[GraphSet, Tensor]:
    """The connected components of both graphs as graphs, and whose their nodes are."""
    shape = (whole.num_nodes, whole.num_nodes)
    one = np.ones(whole.edge_index.size(1), dtype=np.int8)
    count, part = connected_components(coo_array((one, tuple(whole.edge_index.numpy())), shape))
    part = torch.from_numpy(part).long()
    order = part.argsort(stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel())
    sizes = torch.bincount(part, minlength=count)
    edges = part[whole.edge_index[0]].argsort(stable=True)
    parts = GraphSet(
        place[whole.edge_index[:, edges]],
        torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
        None if whole.x is None else whole.x[order],
        None if whole.edge_attr is None else whole.edge_attr[edges],
    )
    return parts, order


def _same_parts(parts: GraphSet, order: Tensor, ids: Tensor) -> bool:
    """Whether each component occurs as often in both graphs: they may change places freely."""
    split = order.numel() // 2
    names = graph_names(mix64(ids[order]), parts.batch, parts.num_graphs).tolist()
    sides = (order[parts.ptr[:-1]] < split).tolist()
    plain = discrete(parts, ids[order]).tolist()
    held: dict[int, list[tuple[Data | None, list[int]]]] = {}
    for number, (name, side) in enumerate(zip(names, sides, strict=True)):
        data = None if plain[number] else parts.graph(number)
        for other, counts in held.setdefault(name, []):
            # where all colours differ, they say all
            if other is None or data is None or isomorphic(other, data):
                counts[side] += 1
                break
        else:
            held[name].append((data, [int(not side), int(side)]))
    return all(counts[0] == counts[1] for kinds in held.values() for _, counts in kinds)


def _search(whole: GraphSet, known: Tensor) -> bool:
    """Depth first, without recursion: there may be as many choices as nodes.

    Beside the two nodes of each choice, colours are kept for the first ones alone; those of later
    ones are refined again where the search comes back to them.
    """
    split = int(whole.ptr[1])
    kept = _MOST_KEPT // max(1, known.numel())
    ids: Tensor | None = known
    # of each choice: the node of the first graph, the partners that are tried, which of them, and
    # the colours before it
    choices: list[tuple[int, Tensor, int, Tensor | None]] = []
    while True:
        if ids is not None and _alone(whole, ids):
            if _same_edges(whole, ids):
                return True
            ids = None
        if ids is not None:
            here = torch.bincount(ids[:split])
            # the smallest colour of several nodes branches least
            cell = int(torch.where(here > 1, here, split + 1).argmin())
            first, place = int((ids[:split] == cell).int().argmax()), 0
            partners = (ids[split:] == cell).nonzero().flatten()
        else:
            while choices and choices[-1][2] + 1 == choices[-1][1].numel():
                choices.pop()
            if not choices:
                return False
            first, partners, place, ids = choices.pop()
            place += 1
            if ids is None:
                ids = known.clone()
                for number, (left, others, tried, _) in enumerate(choices):
                    ids[[left, split + int(others[tried])]] = known.numel() + number
                ids = _refined(whole, ids)
                assert ids is not None
        choices.append((first, partners, place, ids if len(choices) < kept else None))
        labels = ids.clone()
        labels[[first, split + int(partners[place])]] = ids.numel()
        ids = _refined(whole, labels)


def _refined(whole: GraphSet, labels: Tensor) -> Tensor | None:
    """Stable colours from 0 on; None if the graphs have different numbers of one."""
    split = int(whole.ptr[1])
    colors = stable_colors(whole.adj, node_label=labels, edge_label=whole.edge_attr).color
    ids = dense_ids(colors)
    width = int(ids.max()) + 1 if ids.numel() else 0
    here, there = (torch.bincount(part, minlength=width) for part in (ids[:split], ids[split:]))
    return ids if torch.equal(here, there) else None


def _alone(whole: GraphSet, ids: Tensor) -> bool:
    """Whether every node of the first graph has a colour of its own."""
    return 2 * (int(ids.max()) + 1 if ids.numel() else 0) == whole.num_nodes


@on_cpu()
def discrete(whole: GraphSet, colors: Tensor) -> Tensor:
    """Return whether all nodes of a graph differ in colour, for each graph.

    Two graphs with the same colours, stable and all different, are isomorphic: the edges of a node
    are a matter of its colour.

    Args:
        whole: The graphs.
        colors: ``[N]``.
    """
    kinds = torch.stack([whole.batch, dense_ids(colors)], 1).unique(dim=0)
    return torch.bincount(kinds[:, 0], minlength=whole.num_graphs) == whole.sizes


@on_cpu()
def twin_ranks(whole: GraphSet, labels: Tensor) -> Tensor:
    """Number twins among themselves: nodes of one label with the same edges to all others.

    Twins are not joined, or all are joined to each other by edges of one kind in both directions;
    no node has twins of two sorts. Any two of them may change places in their graph.

    Args:
        whole: The graphs.
        labels: ``[N]``.

    Returns:
        Numbers from 0 on, ``[N]``; 0 for nodes without twins.
    """
    source, target = whole.edge_index
    edge = torch.zeros_like(source) if whole.edge_attr is None else dense_ids(whole.edge_attr)
    node = mix64(torch.arange(whole.num_nodes))
    # below 0, where no node is: a node and a direction must not be the same sum in exchange
    ways = mix64(-1 - torch.arange(2 * (int(edge.max()) + 1 if edge.numel() else 0))).view(-1, 2)
    loop = source == target
    end, start, kind = source[~loop], target[~loop], edge[~loop]
    heard = torch.zeros_like(labels)
    heard.index_add_(0, end, mix64(node[start] + ways[kind, 0]))
    heard.index_add_(0, start, mix64(node[end] + ways[kind, 1]))
    loops = torch.zeros_like(labels).index_add(0, source[loop], mix64(edge[loop]))
    shared = torch.stack([whole.batch, labels, loops], 1)
    ranks = _ranks(torch.cat([shared, heard.unsqueeze(1)], 1))
    for number in kind.unique()[:_MOST_KINDS]:
        # joined twins hear the same once each hears itself, too
        itself = mix64(node.unsqueeze(1) + ways[number]).sum(1)
        joined = _ranks(torch.cat([shared, (heard + itself).unsqueeze(1)], 1))
        ranks = torch.where(ranks == 0, joined, ranks)
    return ranks


def _ranks(rows: Tensor) -> Tensor:
    """How many equal rows stand before each row."""
    ids = dense_ids(rows)
    count = torch.bincount(ids)
    order = ids.argsort(stable=True)
    ranks = torch.empty_like(ids)
    ranks[order] = torch.arange(ids.numel()) - (count.cumsum(0) - count)[ids[order]]
    return ranks


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
