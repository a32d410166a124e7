"""GATConv on one fused edge softmax."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import GATConv

from graphpoly.acceleration.attention import AcceleratedAttention
from graphpoly.acceleration.dense import is_plain, mapped, serves, sparse
from graphpoly.ops import CSR, gat_attention
from graphpoly.ops.gat_layer import gat_layer
from graphpoly.ops.head_scores import head_scores
from graphpoly.ops.linear import computes, is_whole

__all__ = ["AcceleratedGATConv"]


class AcceleratedGATConv(AcceleratedAttention, GATConv):
    """:class:`~torch_geometric.nn.GATConv` without a weight or a message for each edge."""

    original = GATConv

    def forward(
        self,
        x: Any,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        size: Any = None,
        return_attention_weights: bool | None = None,
    ) -> Any:
        """Run the layer."""
        adj = None
        features = edge_attr if self.lin_edge is not None else None
        if return_attention_weights is not None:
            self._declined("return_attention_weights: a weight for each edge is not kept")
        elif features is not None and not self._joins_edges():
            self._declined(
                "lin_edge: with hooks, a bias or a forward of its own is called as it is"
            )
        else:
            adj = self._entries(
                x, edge_index, features, size=size, add_self_loops=self.add_self_loops
            )
        if adj is not None and not self._is_of_one_type(x, features):
            adj = self._declined("att: of another type than x, which the result would have")
        if adj is None:
            return super().forward(x, edge_index, edge_attr, size, return_attention_weights)
        if features is None and isinstance(x, Tensor) and self._is_one_operator(x):
            return gat_layer(
                adj,
                x,
                self.lin.weight,
                att_src=self.att_src,
                att_dst=self.att_dst,
                bias=self.bias,
                negative_slope=self.negative_slope,
                dropout=self._dropout(),
            )
        x_src, x_dst = (x, x) if isinstance(x, Tensor) else x
        residual = None if self.res is None or x_dst is None else mapped(self.res, x_dst)
        shared = self.lin is not None and x_dst is x_src
        to_src = self.lin_src if self.lin is None else self.lin
        to_dst = self.lin_dst if self.lin is None else self.lin
        x_src = mapped(to_src, x_src)
        if shared:
            alpha_src, alpha_dst = self._scores(x_src, self.att_src, self.att_dst)
        else:
            (alpha_src,) = self._scores(x_src, self.att_src)
            if x_dst is None:
                alpha_dst = alpha_src.new_zeros(adj.num_rows, self.heads)
            else:
                (alpha_dst,) = self._scores(mapped(to_dst, x_dst), self.att_dst)
        bias = None
        if features is not None:
            bias = self._edge_scores(features, edge_index, adj)
        out = gat_attention(
            adj,
            x_src.view(-1, self.heads, self.out_channels),
            alpha_src=alpha_src,
            alpha_dst=alpha_dst,
            edge_bias=bias,
            negative_slope=self.negative_slope,
            dropout=self._dropout(),
        )
        return self._finish(out, residual)

    def _is_one_operator(self, x: Tensor) -> bool:
        """Whether the layer is a map, attention and a bias, of tensors that the kernels take."""
        if self.lin is None or self.res is not None or not self.concat or not serves(self.lin, x):
            return False
        alike = (self.att_src, self.att_dst, *(() if self.bias is None else (self.bias,)))
        plain = self.lin.bias is None and all(t.dtype is x.dtype for t in alike)
        return plain and is_whole(self.bias, self.lin.weight) and sparse(self.lin, x) is None

    def _is_of_one_type(self, x: Any, edge_attr: Tensor | None) -> bool:
        """Whether scores are of the type of what they weigh."""
        dtype = (x if isinstance(x, Tensor) else x[0]).dtype
        held = [self.att_src, self.att_dst] + ([] if edge_attr is None else [self.att_edge])
        return all(vector.dtype is dtype for vector in held)

    def _joins_edges(self) -> bool:
        """Whether the map of edges may be multiplied by the vectors that score it."""
        return is_plain(self.lin_edge) and self.lin_edge.bias is None

    def _scores(self, x: Tensor, *vectors: Tensor) -> list[Tensor]:
        """``<x_h, a_h>`` of each head and vector."""
        x = x.view(-1, self.heads, self.out_channels)
        if not computes(x) or vectors[0].dtype is not x.dtype:
            return [(x * vector).sum(-1) for vector in vectors]
        return list(head_scores(x, *(vector.squeeze(0) for vector in vectors))[: len(vectors)])

    def _edge_scores(self, edge_attr: Tensor, edge_index: Tensor, adj: CSR) -> Tensor:
        """Score of each entry's features, ``[E, H]``; the two linear maps are joined first."""
        edge_attr = self._edge_features(
            edge_attr, edge_index, adj, add_self_loops=self.add_self_loops
        )
        units = torch.eye(edge_attr.size(1), dtype=edge_attr.dtype, device=edge_attr.device)
        maps = self.lin_edge(units).view(-1, self.heads, self.out_channels)
        return edge_attr @ (maps * self.att_edge).sum(-1)
