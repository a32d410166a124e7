"""GCNConv on one sparse product."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import GCNConv

from graphpoly.acceleration.accelerated import AcceleratedNormalized, aggregate, promoted
from graphpoly.acceleration.dense import mapped, serves
from graphpoly.ops import CSR
from graphpoly.ops.gcn_layer import gcn_layer
from graphpoly.ops.linear import is_whole

__all__ = ["AcceleratedGCNConv"]


class AcceleratedGCNConv(AcceleratedNormalized, GCNConv):
    """:class:`~torch_geometric.nn.GCNConv`, its normalised operator made once a graph."""

    original = GCNConv

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Run the layer."""
        adj = self._operator(x, edge_index, edge_weight)
        if adj is None:
            return super().forward(x, edge_index, edge_weight)
        if serves(self.lin, x) and promoted(adj, x) is x and self._widens(x):
            # the sum of fewer channels, and all of it in one operator
            if isinstance(adj, CSR):
                return gcn_layer(adj, x, self.lin.weight, self.bias)
            out = mapped(self.lin, aggregate(adj, x))
        else:
            out = aggregate(adj, mapped(self.lin, x))
        return out if self.bias is None else out + self.bias

    def _widens(self, x: Tensor) -> bool:
        channels, inner = self.lin.weight.shape
        alike = self.bias is None or self.bias.dtype is x.dtype
        alike = alike and is_whole(self.bias, self.lin.weight)
        return inner <= channels and self.lin.bias is None and alike
