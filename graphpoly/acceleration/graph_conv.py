"""GraphConv on one sparse product."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import GraphConv

from graphpoly.acceleration.accelerated import AcceleratedNeighbors
from graphpoly.acceleration.dense import mapped

__all__ = ["AcceleratedGraphConv"]


class AcceleratedGraphConv(AcceleratedNeighbors, GraphConv):
    """:class:`~torch_geometric.nn.GraphConv` without a message for each edge."""

    original = GraphConv

    def forward(
        self, x: Any, edge_index: Any, edge_weight: Tensor | None = None, size: Any = None
    ) -> Tensor:
        """Run the layer."""
        pair = (x, x) if isinstance(x, Tensor) else x
        adj = self._operator(pair, edge_index, edge_weight, size)
        if adj is None:
            return super().forward(x, edge_index, edge_weight, size)
        source, target = pair
        out = self._reduce(adj, source)
        if target is None:
            return mapped(self.lin_rel, out)
        return mapped(self.lin_rel, out, self.lin_root, target)
