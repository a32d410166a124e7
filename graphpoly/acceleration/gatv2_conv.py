"""GATv2Conv on one fused edge softmax."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.nn import GATv2Conv

from graphpoly.acceleration.attention import AcceleratedAttention
from graphpoly.ops import gatv2_attention
from graphpoly.ops.hooks import is_hooked

__all__ = ["AcceleratedGATv2Conv"]


class AcceleratedGATv2Conv(AcceleratedAttention, GATv2Conv):
    """:class:`~torch_geometric.nn.GATv2Conv` without a sum of features for each edge."""

    original = GATv2Conv

    def forward(
        self,
        x: Any,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        """Run the layer."""
        adj = None
        if return_attention_weights is not None:
            self._declined("return_attention_weights: a weight for each edge is not kept")
        elif edge_attr is not None and self.lin_edge is None:
            self._declined("edge_attr: given to a layer without edge_dim")
        elif edge_attr is not None and is_hooked(self.lin_edge):
            self._declined("hooks: lin_edge has some, and would see the edges in another order")
        else:
            adj = self._entries(x, edge_index, edge_attr, add_self_loops=self.add_self_loops)
        source, target = (x, x) if isinstance(x, Tensor) else x
        if adj is not None and target is None:
            adj = self._declined("x: got no features of the targets")
        if adj is not None and self.att.dtype is not source.dtype:
            adj = self._declined("att: of another type than x, which the result would have")
        if adj is None:
            return super().forward(x, edge_index, edge_attr, return_attention_weights)
        shape = (-1, self.heads, self.out_channels)
        residual = None if self.res is None else self.res(target)
        x_src = self.lin_l(source).view(shape)
        alike = self.share_weights and target is source
        x_dst = x_src if alike else self.lin_r(target).view(shape)
        if edge_attr is not None:
            edge_attr = self._edge_features(
                edge_attr, edge_index, adj, add_self_loops=self.add_self_loops
            )
            edge_attr = self.lin_edge(edge_attr).view(shape)
        out = gatv2_attention(
            adj,
            x_src,
            x_dst,
            att=self.att.squeeze(0),
            edge_attr=edge_attr,
            negative_slope=self.negative_slope,
            dropout=self._dropout(),
        )
        return self._finish(out, residual)
