"""TransformerConv on one fused edge softmax."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import TransformerConv

from graphpoly.acceleration.attention import AcceleratedAttention
from graphpoly.ops import dot_attention

__all__ = ["AcceleratedTransformerConv"]


class AcceleratedTransformerConv(AcceleratedAttention, TransformerConv):
    """:class:`~torch_geometric.nn.TransformerConv` without a key or a value for each edge."""

    original = TransformerConv
    bias = None  # that of the linear maps

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if conv.lin_edge is not None:
            return f"edge_dim={conv.edge_dim}: edge features enter the values of each edge"
        return super().uncovered(conv)

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
        elif edge_attr is not None:
            self._declined("edge_attr: given to a layer without edge_dim")
        else:
            adj = self._entries(x, edge_index, None, add_self_loops=False)
        source, target = (x, x) if isinstance(x, Tensor) else x
        if adj is not None and target is None:
            adj = self._declined("x: got no features of the targets")
        if adj is None:
            return super().forward(x, edge_index, edge_attr, return_attention_weights)
        shape = (-1, self.heads, self.out_channels)
        out = dot_attention(
            adj,
            self.lin_query(target).view(shape),
            self.lin_key(source).view(shape),
            value=self.lin_value(source).view(shape),
            dropout=self._dropout(),
        )
        out = self._finish(out, None)
        if not self.root_weight:
            return out
        skip = self.lin_skip(target)
        if self.lin_beta is None:
            return out + skip
        beta = self.lin_beta(torch.cat([out, skip, out - skip], dim=-1)).sigmoid()
        return beta * skip + (1 - beta) * out
