"""TopKPooling on one operator that finds both the nodes and the edges that stay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import TopKPooling
from torch_geometric.nn.pool.connect import FilterEdges
from torch_geometric.nn.pool.select import SelectTopK

from graphpoly.acceleration.accelerated import Accelerated
from graphpoly.ops.hooks import is_hooked
from graphpoly.ops.library import call
from graphpoly.ops.linear import computes

__all__ = ["AcceleratedTopKPooling"]

_OPERATOR = torch.ops.graphpoly.top_nodes.default


class AcceleratedTopKPooling(Accelerated, TopKPooling):
    """:class:`~torch_geometric.nn.TopKPooling`; to the last bit."""

    original = TopKPooling

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of a pooling, as it is configured, can be accelerated, or return None."""
        if conv.min_score is not None or conv.ratio is None:
            return f"min_score={conv.min_score}: nodes are accelerated that a ratio chooses"
        for part, kind in ((conv.select, SelectTopK), (conv.connect, FilterEdges)):
            if type(part) is not kind or "forward" in part.__dict__:
                return f"{kind.__name__}: replaced on this layer"
        return None

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        attn: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor, Tensor]:
        """Run the layer."""
        read = x if attn is None else attn
        reason = self._refused(x, read, edge_index, batch)
        if reason is None:
            graph = edge_index.new_zeros(x.size(0)) if batch is None else batch
            select: Any = self.select
            score = select.act((read * select.weight).sum(dim=-1) / select.weight.norm(p=2, dim=-1))
            # the sort of the original: of equal scores it has the same one first
            order = score.detach().sort(descending=True).indices
            wide = score.dtype == torch.float64
            try:
                perm, among, kept = call(
                    *(_OPERATOR, order, graph, edge_index, float(self.ratio), wide)
                )
            except RuntimeError as error:  # the original takes it, or has its own words for it
                reason = str(error).partition(": ")[2]
        if reason is not None:
            self._declined(reason)
            return super().forward(x, edge_index, edge_attr, batch, attn)
        weight = score.index_select(0, perm)
        x = x.index_select(0, perm) * weight.view(-1, 1)
        x = self.multiplier * x if self.multiplier != 1 else x
        edge_attr = None if edge_attr is None else edge_attr[kept]
        return x, among, edge_attr, graph.index_select(0, perm), perm, weight

    def _refused(self, x: Any, read: Any, edge_index: Any, batch: Any) -> str | None:
        """Say what of this call is not covered, or return None."""
        reason = self.uncovered(self)
        if reason is not None:
            return reason
        if is_hooked(self.select, self.connect):
            return "hooks: some see select or connect, which would not be called"
        for feature in (x, read):
            if not isinstance(feature, Tensor) or not computes(feature):
                return "x: float32 and float64 on the CPU are accelerated, outside of programs"
            if feature.dim() != 2 or len(feature) != len(x):
                return f"x: got shape {tuple(feature.shape)}, [N, F] is accelerated"
        for index in (edge_index, edge_index[0] if batch is None else batch):
            if type(index) is not Tensor or index.dtype != torch.int64:
                return "edge_index, batch: tensors of int64 are accelerated"
        if torch.jit.is_tracing():
            return "torch.jit.trace: a trace must not hold what is of one graph"
        return None
