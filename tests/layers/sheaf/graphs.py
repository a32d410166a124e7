"""Undirected graphs and features for sheaves."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import to_undirected


def graph(
    num_nodes: int = 10, num_features: int = 6, *, degree: int = 4, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return features and a simple undirected graph, with an isolated last node."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randint(0, num_nodes - 1, (2, num_nodes * degree // 2), generator=generator)
    edge_index = to_undirected(pairs[:, pairs[0] != pairs[1]], num_nodes=num_nodes)
    x = torch.randn(num_nodes, num_features, generator=generator, dtype=torch.float64)
    return x, edge_index


def weights(edge_index: Tensor) -> Tensor:
    """Return positive weights, the same in both directions."""
    low, high = edge_index.min(0).values, edge_index.max(0).values
    return 0.5 + ((low * 7 + high * 3) % 5).double() / 4
