"""What the three attention layers share: their entries, with the loops and features of these."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils.loop import compute_loop_attr

from graphpoly.acceleration.accelerated import REDUCTIONS, Accelerated, given_sizes
from graphpoly.acceleration.operators import (
    is_adjacency,
    is_pairs,
    operator,
    replaced_loops,
    uncovered_graph,
)
from graphpoly.ops import CSR

__all__ = ["AcceleratedAttention"]


class AcceleratedAttention(Accelerated):
    """A layer that weighs its neighbours by a softmax over each row."""

    # attributes of the layers
    add_self_loops: bool
    bias: Tensor | None
    concat: bool
    dropout: float
    fill_value: Any
    heads: int
    out_channels: int

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if REDUCTIONS.get(type(conv.aggr_module)) != "sum":
            return f"aggr={conv.aggr!r}: attention is accelerated as a weighted sum"
        return super().uncovered(conv)

    def _entries(
        self,
        x: Any,
        edge_index: Any,
        edge_attr: Any,
        *,
        size: Any = None,
        add_self_loops: bool,
    ) -> CSR | None:
        """Return the entries to attend to, or None if the call is uncovered."""
        source, target = (x, x) if isinstance(x, Tensor) else x
        if not self._ready(source):
            return None
        if torch.is_autocast_enabled(source.device.type):
            return self._declined("autocast: scores and softmax would be of other types")
        if not is_pairs(edge_index):
            if edge_attr is not None:
                return self._declined("edge_attr: with a sparse matrix, whose order is another")
            if not _is_rows(edge_index):
                return self._declined(uncovered_graph(edge_index))
        num_sources, num_targets = given_sizes(edge_index, size)
        if num_sources not in (None, source.size(0)):
            return self._declined(f"size: {num_sources} sources, x has {source.size(0)}")
        if target is not None:
            if target is not source and not self._ready(target):
                return None
            if num_targets not in (None, target.size(0)):
                return self._declined(f"size: {num_targets} targets, x has {target.size(0)}")
            num_targets = target.size(0)
        if num_targets is None:
            num_targets = source.size(0)
        if edge_attr is not None and not _are_features(edge_attr, edge_index):
            return self._declined("edge_attr: floating-point [E] or [E, D] is accelerated")
        if add_self_loops:
            if torch.compiler.is_compiling():
                return None  # how many entries there are depends on the loops that stood before
            if edge_attr is not None and num_targets > source.size(0):
                return self._declined("edge_attr: loops of targets that are no sources have none")
            adj = replaced_loops(edge_index, source.size(0), num_targets)
        else:
            adj = operator(edge_index, None, source.size(0), num_targets)
        return adj or self._declined(uncovered_graph(edge_index))

    def _edge_features(
        self, edge_attr: Tensor, edge_index: Tensor, adj: CSR, *, add_self_loops: bool
    ) -> Tensor:
        """Return the features of each entry of ``adj``, ``[E, D]``."""
        if edge_attr.dim() == 1:
            edge_attr = edge_attr.unsqueeze(-1)
        if add_self_loops:
            kept = edge_index[0] != edge_index[1]
            num_loops = min(adj.num_rows, adj.num_cols)
            loops = compute_loop_attr(
                edge_index[:, kept], edge_attr[kept], num_loops, False, self.fill_value
            )
            edge_attr = torch.cat([edge_attr, loops])
        return edge_attr if adj.perm is None else edge_attr[adj.perm]

    def _finish(self, out: Tensor, residual: Tensor | None) -> Tensor:
        """Join or average the heads of ``out`` ``[R, H, F]``."""
        if self.concat:
            out = out.reshape(-1, self.heads * self.out_channels)
        else:
            out = out.mean(dim=1)
        if residual is not None:
            out = out + residual
        if self.bias is not None:
            return out + self.bias
        if self.concat and residual is None and out.requires_grad:
            return out.clone()  # the backward pass reads it, and users may edit what they are given
        return out

    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0


def _is_rows(edge_index: Any) -> bool:
    return is_adjacency(edge_index) and edge_index.layout != torch.sparse_csc


def _are_features(edge_attr: Any, edge_index: Tensor) -> bool:
    return (
        isinstance(edge_attr, Tensor)
        and edge_attr.is_floating_point()
        and edge_attr.dim() in (1, 2)
        and edge_attr.size(0) == edge_index.size(1)
    )
