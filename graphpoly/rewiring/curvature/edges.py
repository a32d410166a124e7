"""From values of simple edges to values of the given ones."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.rewiring.structure import Graphs

__all__ = ["graph_of", "in_given_order"]


def graph_of(edge_index: Tensor, num_nodes: int | None) -> Graphs:
    """Return the simple graph of some pairs; see :meth:`Graphs.of` for what is refused."""
    if num_nodes is None:
        num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    return Graphs.of(edge_index, num_nodes)


def in_given_order(graphs: Graphs, value: Tensor, edge_index: Tensor) -> Tensor:
    """Return the value of each given edge, and 0 at loops.

    Args:
        graphs: The simple graph of the edges.
        value: A value for each of its entries.
        edge_index: The edges as they were given, ``[2, E]``.
    """
    pairs = edge_index.cpu().long()
    size = graphs.num_nodes
    place = torch.searchsorted(graphs.row * size + graphs.col, pairs[0] * size + pairs[1])
    proper = pairs[0] != pairs[1]
    found = value.new_zeros(pairs.size(1))
    found[proper] = value[place[proper]]
    return found.to(edge_index.device)
