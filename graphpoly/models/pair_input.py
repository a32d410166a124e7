"""From a graph to channels of pairs: what networks on pairs begin with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops import PairBlocks, to_edges
from graphpoly.ops.entry import check_index
from graphpoly.ops.normalize import normalized

__all__ = ["pair_input"]


def pair_input(
    blocks: PairBlocks,
    x: Tensor,
    edge_index: Any,
    *,
    edge_weight: Tensor | None = None,
    edge_attr: Tensor | None = None,
    pair_features: Tensor | None = None,
    normalization: str | None = None,
) -> Tensor:
    """Return the adjacency matrix, edge features, node features on the diagonal, pair features.

    Args:
        blocks: The layout of the pairs.
        x: ``[N, F]``.
        edge_index: The graph; edges that stand twice are added up.
        edge_weight: ``[E]``.
        edge_attr: ``[E, D]``.
        pair_features: ``[P, D']``, all pairs of nodes of the first graph row by row, then those of
            the second, and so on.
        normalization: Of the adjacency matrix, ``"sym"``, ``"rw"`` or None.

    Returns:
        ``[1 + D + F + D', P]``; entry (i, j) belongs to the edge from i to j.

    Raises:
        ValueError: If an edge joins two graphs or leads to no node, ``edge_attr`` has other than E
            rows, or there are too many rows of ``pair_features``.

    >>> from graphpoly.ops import pair_blocks
    >>> pair_input(pair_blocks(None, 2), torch.ones(2, 1), torch.tensor([[0], [1]])).tolist()
    [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """
    num_nodes, num_pairs = x.size(0), blocks.num_pairs
    ends, weight = to_edges(edge_index, edge_weight, size=(num_nodes, num_nodes))
    check_index("edge_index", ends.flatten(), num_nodes)
    if not torch.compiler.is_compiling() and blocks.num_graphs > 1:
        graph = blocks.graph[ends.long()]
        if not torch.equal(graph[0], graph[1]):
            raise ValueError("edge_index: an edge joins nodes of different graphs of the batch")
    column = place = blocks.column(ends[0], ends[1])
    if normalization is not None:
        adj = normalized(
            edge_index, edge_weight, num_nodes, normalization=normalization, dtype=x.dtype
        )
        place, weight = blocks.column(adj.col.long(), adj.rows().long()), adj.weight
    value = x.new_ones(place.size(0)) if weight is None else weight.to(x.dtype)
    parts = [x.new_zeros(num_pairs).index_add(0, place, value).unsqueeze(0)]
    if edge_attr is not None:
        if edge_attr.size(0) != column.size(0):
            raise ValueError(f"edge_attr: got {edge_attr.size(0)} rows, expected {column.size(0)}")
        index = column.unsqueeze(0).expand(edge_attr.size(1), -1)
        room = x.new_zeros(edge_attr.size(1), num_pairs)
        parts.append(room.scatter_add(1, index, edge_attr.to(x.dtype).t()))
    index = blocks.diagonal.unsqueeze(0).expand(x.size(1), -1)
    parts.append(x.new_zeros(x.size(1), num_pairs).scatter(1, index, x.t()))
    if pair_features is not None:
        rest = num_pairs - pair_features.size(0)
        if rest < 0 or (rest and not torch.compiler.is_compiling()):
            raise ValueError(
                f"pair_features: got {pair_features.size(0)} rows, expected {num_pairs}, one for "
                "each pair of nodes of the same graph"
            )
        parts.append(torch.nn.functional.pad(pair_features.to(x.dtype).t(), (0, rest)))
    return torch.cat(parts)
