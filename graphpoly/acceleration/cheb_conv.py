"""ChebConv on K - 1 sparse products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import ChebConv

from graphpoly.acceleration.accelerated import REDUCTIONS, Accelerated, aggregate
from graphpoly.acceleration.operators import is_pairs, remembered, uncovered_graph
from graphpoly.ops import CSR, to_csr

__all__ = ["AcceleratedChebConv"]


class AcceleratedChebConv(Accelerated, ChebConv):
    """:class:`~torch_geometric.nn.ChebConv`, its scaled Laplacian made once a graph.

    Every map of ``lins`` is called as a module; PyG calls ``forward`` of all but the first two,
    past their hooks.
    """

    original = ChebConv

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if REDUCTIONS.get(type(conv.aggr_module)) != "sum":
            return f"aggr={conv.aggr!r}: of the normalised layers only sums are accelerated"
        return super().uncovered(conv)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        lambda_max: Any = None,
    ) -> Tensor:
        """Run the layer."""
        adj = self._laplacian(x, edge_index, edge_weight, batch, lambda_max)
        if adj is None:
            return super().forward(x, edge_index, edge_weight, batch, lambda_max)
        before, now = x, x
        out = self.lins[0](x)
        if len(self.lins) > 1:
            now = aggregate(adj, x)
            out = out + self.lins[1](now)
        for lin in self.lins[2:]:
            before, now = now, 2 * aggregate(adj, now) - before
            out = out + lin(now)
        return out if self.bias is None else out + self.bias

    def _laplacian(
        self,
        x: Any,
        edge_index: Any,
        edge_weight: Tensor | None,
        batch: Tensor | None,
        lambda_max: Any,
    ) -> CSR | None:
        if not self._ready(x, static=True):
            return None
        if not is_pairs(edge_index):
            return self._declined(uncovered_graph(edge_index))
        counted = not torch.compiler.is_compiling()  # a number that depends on values may be any
        if lambda_max is None and counted and edge_index.size(1) == 0:
            return self._declined("lambda_max: not given, and the largest of no values is none")
        num_nodes = x.size(-2)
        tensor = isinstance(lambda_max, Tensor)

        def make(transposed: bool) -> CSR:
            pairs, weight = self.__norm__(
                edge_index,
                num_nodes,
                edge_weight,
                self.normalization,
                lambda_max,
                dtype=x.dtype,
                batch=batch,
            )
            return to_csr(pairs, weight, num_nodes, transposed=transposed)

        scale = None if tensor else lambda_max
        key = ("chebyshev", self.normalization, num_nodes, x.dtype, scale)
        others = (edge_weight, batch, lambda_max if tensor else None)
        try:
            return remembered(key, edge_index, others, make)
        except (ValueError, IndexError, RuntimeError) as error:
            return self._declined(f"the Laplacian: {type(error).__name__}")
