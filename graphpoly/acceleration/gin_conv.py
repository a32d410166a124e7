"""GINConv on one sparse product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import GINConv

from graphpoly.acceleration.accelerated import AcceleratedNeighbors
from graphpoly.acceleration.dense import perceived, perceived_sums
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
        if target is source and self._adds(adj):
            out = perceived_sums(
                self.nn, source, lambda x: self._with_root(self._reduce(adj, x), x)
            )
            if out is not None:
                return out
        out = self._reduce(adj, source)
        if target is not None:
            out = self._with_root(out, target)
        return perceived(self.nn, out)

    def _with_root(self, out: Tensor, target: Tensor) -> Tensor:
        if self.eps.requires_grad or self.eps.dtype is not out.dtype or not computes(out):
            return out + (1 + self.eps) * target
        return torch.add(out, target, alpha=1 + float(self.eps))
