"""SGConv: the K-th power of the operator in one call."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import SGConv

from graphpoly.acceleration.accelerated import AcceleratedNormalized
from graphpoly.acceleration.dense import mapped
from graphpoly.acceleration.powers import power_series

__all__ = ["AcceleratedSGConv"]


class AcceleratedSGConv(AcceleratedNormalized, SGConv):
    """:class:`~torch_geometric.nn.SGConv` as the polynomial x^K of its operator."""

    original = SGConv
    _cached_x: Any

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Run the layer."""
        if self._cached_x is None:
            adj = self._operator(x, edge_index, edge_weight)
            if adj is None:
                return super().forward(x, edge_index, edge_weight)
            x = power_series(adj, x, [0.0] * self.K + [1.0])
            if self.cached and self.K > 0:
                self._cached_x = x
        elif self._cached_x.requires_grad:
            x = self._cached_x.detach()
        else:  # itself, of which may be remembered whether it is sparse
            x = self._cached_x
        return mapped(self.lin, x)
