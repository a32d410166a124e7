"""APPNP: personalised PageRank, truncated, as one polynomial."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import APPNP

from graphpoly.acceleration.accelerated import AcceleratedNormalized, aggregate
from graphpoly.acceleration.powers import power_series
from graphpoly.ops import LinearOperator

__all__ = ["AcceleratedAPPNP"]


class AcceleratedAPPNP(AcceleratedNormalized, APPNP):
    r""":class:`~torch_geometric.nn.APPNP` as a polynomial of its operator P.

    K steps of :math:`z \leftarrow (1-\alpha) P z + \alpha x` are

    .. math:: \sum_{k<K} \alpha (1-\alpha)^k P^k x + (1-\alpha)^K P^K x.
    """

    original = APPNP

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Run the layer."""
        adj = self._operator(x, edge_index, edge_weight)
        if adj is None:
            return super().forward(x, edge_index, edge_weight)
        if self.dropout > 0 and self.training:
            if isinstance(adj, LinearOperator):
                raise ValueError("dropout: of the entries of an operator that holds none here")
            if adj.weight is None:
                self._declined("dropout: of edges without weights, which nothing scales")
                return super().forward(x, edge_index, edge_weight)
            out = x
            for _ in range(self.K):  # what one step drops stays dropped, as in the original
                adj = adj.with_weight(F.dropout(adj.weight, p=self.dropout))
                out = aggregate(adj, out) * (1 - self.alpha) + self.alpha * x
            return out
        kept = 1 - self.alpha
        theta = [self.alpha * kept**k for k in range(self.K)] + [kept**self.K]
        return power_series(adj, x, theta)
