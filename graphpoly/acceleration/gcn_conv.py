"""GCNConv on one sparse product."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import GCNConv

from graphpoly.acceleration.accelerated import AcceleratedNormalized, aggregate
from graphpoly.acceleration.dense import mapped

__all__ = ["AcceleratedGCNConv"]


class AcceleratedGCNConv(AcceleratedNormalized, GCNConv):
    """:class:`~torch_geometric.nn.GCNConv`, its normalised operator made once a graph."""

    original = GCNConv

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Run the layer."""
        adj = self._operator(x, edge_index, edge_weight)
        if adj is None:
            return super().forward(x, edge_index, edge_weight)
        out = aggregate(adj, mapped(self.lin, x))
        return out if self.bias is None else out + self.bias
