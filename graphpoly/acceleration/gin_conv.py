"""GINConv on one sparse product."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import GINConv

from graphpoly.acceleration.accelerated import AcceleratedNeighbors

__all__ = ["AcceleratedGINConv"]


class AcceleratedGINConv(AcceleratedNeighbors, GINConv):
    """:class:`~torch_geometric.nn.GINConv` without a message for each edge."""

    original = GINConv

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Run the layer."""
        pair = (x, x) if isinstance(x, Tensor) else x
        adj = self._operator(pair, edge_index, None, size)
        if adj is None:
            return super().forward(x, edge_index, size)
        source, target = pair
        out = self._reduce(adj, source)
        if target is not None:
            out = out + (1 + self.eps) * target
        return self.nn(out)
