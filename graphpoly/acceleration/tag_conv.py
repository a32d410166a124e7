"""TAGConv on K sparse products."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import TAGConv

from graphpoly.acceleration.accelerated import AcceleratedNormalized, aggregate

__all__ = ["AcceleratedTAGConv"]


class AcceleratedTAGConv(AcceleratedNormalized, TAGConv):
    """:class:`~torch_geometric.nn.TAGConv`; each power has weights of its own.

    Every map of ``lins`` is called as a module; PyG calls ``forward`` of all but the first,
    past their hooks.
    """

    original = TAGConv

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Run the layer."""
        adj = self._operator(x, edge_index, edge_weight)
        if adj is None:
            return super().forward(x, edge_index, edge_weight)
        out = self.lins[0](x)
        for lin in self.lins[1:]:
            x = aggregate(adj, x)
            out = out + lin(x)
        return out if self.bias is None else out + self.bias
