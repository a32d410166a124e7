"""SAGEConv on one sparse product."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn import SAGEConv

from graphpoly.acceleration.accelerated import AcceleratedNeighbors
from graphpoly.acceleration.dense import mapped, sparse

__all__ = ["AcceleratedSAGEConv"]


class AcceleratedSAGEConv(AcceleratedNeighbors, SAGEConv):
    """:class:`~torch_geometric.nn.SAGEConv` without a message for each edge."""

    original = SAGEConv

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Run the layer."""
        pair = (x, x) if isinstance(x, Tensor) else x
        adj = self._operator(pair, edge_index, None, size)
        if adj is None:
            return super().forward(x, edge_index, size)
        source, target = pair
        if self.project and hasattr(self, "lin"):
            source = self.lin(source).relu()
        root = self.lin_r if self.root_weight and target is not None else None
        entries = sparse(self.lin_l, source) if self._adds(adj) else None
        if entries is None:
            out = mapped(self.lin_l, self._reduce(adj, source), root, target)
        else:  # the mean of fewer channels
            out = self._reduce(adj, entries.linear(self.lin_l.weight))
            out = out if self.lin_l.bias is None else out + self.lin_l.bias
            out = out if root is None else out + mapped(root, target)
        return F.normalize(out, p=2.0, dim=-1) if self.normalize else out
