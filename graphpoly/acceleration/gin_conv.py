"""GINConv on one sparse product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import GINConv
from torch_geometric.nn.aggr import SumAggregation

from graphpoly.acceleration.accelerated import AcceleratedNeighbors, readable
from graphpoly.acceleration.dense import perceived, perceived_sums
from graphpoly.ops import CSR
from graphpoly.ops.linear import computes

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
        if target is source and self._adds(adj) and self.eps.numel() == 1:
            return perceived_sums(
                self.nn,
                readable(source),
                lambda x: self._with_root(self._reduce(adj, x), x),
                among=self._among(adj, source),
            )
        out = self._reduce(adj, source)
        if target is not None:
            out = self._with_root(out, target)
        return perceived(self.nn, out)

    def _among(self, adj: CSR, x: Tensor) -> tuple[CSR, float] | None:
        """The graph and what a row is multiplied by, where the layer sums and learns neither."""
        plain = adj.weight is None and type(self.aggr_module) is SumAggregation
        return (adj, self._root()) if plain and self._root_is_given(x) else None

    def _with_root(self, out: Tensor, target: Tensor) -> Tensor:
        if not self._root_is_given(out):
            return out + (1 + self.eps) * target
        return torch.add(out, target, alpha=self._root())

    def _root_is_given(self, x: Tensor) -> bool:
        eps = self.eps
        given = not eps.requires_grad and eps.numel() == 1 and eps.dtype is x.dtype
        return given and computes(x)

    def _root(self) -> float:
        return 1 + float(self.eps)
