"""Graphs with every edge in both directions, at the memory of the edges that come out."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch_geometric.data import Data

__all__ = ["as_undirected", "held_by_edges"]


def held_by_edges(data: Data) -> list[str]:
    """Return the names of what has a row for each edge; pairs that are to be told have none."""
    return [
        name
        for name in data.edge_attrs()
        if name != "edge_index"
        and not name.startswith("edge_label")
        and data.__cat_dim__(name, data[name]) == 0
    ]


def as_undirected(data: Data, *, self_loops: bool = True) -> Data:
    """Return a copy of ``data`` with every edge in both directions, once.

    What belongs to edges goes along: of edges that are merged, numbers are averaged, so that a
    graph that had both directions keeps its weights; others, such as types, must be equal.

    Args:
        data: Graph; left as it is.
        self_loops: Whether self-loops stay. The published runs on the geom-gcn graphs drop them.

    Raises:
        ValueError: If there is no ``edge_index``, an edge leaves the graph, or edges that are
            merged have different integers in ``edge_attr``, ``edge_type`` or ``edge_weight``. Other
            attributes are left out where this is so.

    Complexity: two sorts of integers, of the edges and of those that come out, O(E log E).

    Example:
        >>> import torch
        >>> one_way = Data(edge_index=torch.tensor([[0, 1], [1, 1]]), num_nodes=2)
        >>> as_undirected(one_way, self_loops=False).edge_index.tolist()
        [[0, 1], [1, 0]]
    """
    if data.edge_index is None:
        raise ValueError("edge_index: there is none, expected [2, E]")
    edge_index: Tensor = data.edge_index
    num_nodes = int(data.num_nodes or 0)
    low, high = edge_index.aminmax() if edge_index.numel() else (0, -1)
    if low < 0 or high >= num_nodes:
        raise ValueError(f"edge_index: got {low} to {high}, expected nodes in [0, {num_nodes})")
    names = held_by_edges(data)
    values = {name: data[name] for name in names if isinstance(data[name], Tensor)}
    result = copy.copy(data)
    for name in names:
        del result[name]
    result.edge_index = edge_index[:, :0]
    result = result.clone()  # of all the rest
    kept = edge_index[0] != edge_index[1]
    if not self_loops and not kept.all():
        edge_index = edge_index[:, kept]
        values = {name: value[kept] for name, value in values.items()}
    result.edge_index, pair, ways = _both_ways(edge_index, num_nodes)
    num_pairs = int(pair.max()) + 1 if len(pair) else 0
    for name, value in values.items():
        merge = _mean if value.is_floating_point() or value.is_complex() else _common
        merged = merge(value, pair, num_pairs)
        if merged is not None:
            result[name] = merged[ways]
        elif name in ("edge_attr", "edge_type", "edge_weight"):
            raise ValueError(f"{name}: edges that are made one have different integers")
    return result


def _both_ways(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return all edges in both directions, sorted, and the pairs that both lists are made of.

    Returns:
        The edges, ``[2, M]``; the number of the pair of nodes of each edge given, ``[E]``, and of
        each edge returned, ``[M]``.
    """
    low, high = edge_index.long().aminmax(dim=0)  # a key of int32 is none of large graphs
    keys, order = (low * num_nodes).add_(high).sort()
    pairs, runs = keys.unique_consecutive(return_inverse=True)
    pair = torch.empty_like(order).scatter_(0, order, runs)
    low, high = pairs // num_nodes, pairs % num_nodes
    turned = (low != high).nonzero().view(-1)
    keys, order = torch.cat([pairs, high[turned] * num_nodes + low[turned]]).sort()
    ways = torch.cat([torch.arange(len(pairs), device=pairs.device), turned])[order]
    both = torch.stack([keys // num_nodes, keys % num_nodes]).to(edge_index.dtype)
    return both, pair, ways


def _mean(value: Tensor, pair: Tensor, num_pairs: int) -> Tensor:
    """Average the rows of each pair."""
    count = pair.bincount(minlength=num_pairs)
    wide = value.float() if value.itemsize < 4 else value  # sums of half precision overflow
    total = wide.new_zeros(num_pairs, *value.shape[1:]).index_add_(0, pair, wide)
    return total.div_(count.view(-1, *[1] * (value.dim() - 1))).to(value.dtype)


def _common(value: Tensor, pair: Tensor, num_pairs: int) -> Tensor | None:
    """Return the row that all of each pair have, or None where they differ."""
    found = value.new_zeros(num_pairs, *value.shape[1:])
    found[pair] = value
    return found if torch.equal(found[pair], value) else None
