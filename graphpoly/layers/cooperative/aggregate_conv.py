"""The plain aggregation layer of message passing, on the sparse core."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_features, check_sizes
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import width_of
from graphpoly.ops import CSR, spmm, to_csr

__all__ = ["AggregateConv"]

AGGREGATIONS = ("sum", "mean", "kept_mean")


class AggregateConv(FusedLayer):
    r"""A linear map of a node beside what its neighbours say.

    .. math::
        h'_v = W_1 h_v + W_2 \bigoplus_{u \in \mathcal{N}(v)} w_{uv}\, h_u + b

    ``"sum"`` adds up; ``"mean"`` divides the sum by the number of edges that end in v, whatever
    their weights; ``"kept_mean"`` divides it by the sum of their weights (0 where that is not
    positive). The three differ where weights are gates: an edge of weight 0 counts in ``"mean"``.

    Args:
        in_channels: Size of each input feature, of both sides of a bipartite graph; -1 to take it
            from the first input.
        out_channels: Size of each output feature.
        aggregation: ``"sum"``, ``"mean"`` or ``"kept_mean"``.

    Shapes:
        - **input:** features :math:`(N, F_{in})` or a pair of those of sources and targets,
          ``edge_index``, ``edge_weight`` :math:`(E)` (optional)
        - **output:** :math:`(N, F_{out})`

    Complexity:
        O(E min(F_in, F_out) + N F_in F_out) time: the features are mapped before they are sent
        where that makes them shorter.
    """

    num_hops = 1

    def __init__(self, in_channels: int, out_channels: int, aggregation: str = "mean") -> None:
        super().__init__(aggr="add")
        check_sizes(in_channels=in_channels, out_channels=out_channels, lazy=True)
        if aggregation not in AGGREGATIONS:
            raise unknown("aggregation", aggregation, AGGREGATIONS)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.aggregation = aggregation
        self.lin_root = Linear(in_channels, out_channels)
        self.lin_neighbors = Linear(in_channels, out_channels, bias=False)
        self.reset_parameters()

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        if self.aggregation != "mean":
            return {}
        counted = "'mean' divides by the number of edges, whatever they weigh"
        names = ("zero_weight_edges", "zero_weight_loops", "split_weights")
        return dict.fromkeys(names, counted)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        self.lin_root.reset_parameters()
        self.lin_neighbors.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """Aggregate and map.

        Args:
            x: ``[N, in_channels]``, or a pair of the features of sources and of targets.
            edge_index: The graph, in any form that :func:`graphpoly.ops.to_csr` takes.
            edge_weight: ``[E]``.
        """
        source, target = (x, x) if isinstance(x, Tensor) else x
        for one in (source, target):
            check_features(type(self).__name__, one, width_of(self.lin_root))
        size = (source.size(0), target.size(0))
        adj = to_csr(edge_index, edge_weight, size=size, transposed=torch.is_grad_enabled())
        adj = masked(self, adj)
        if self.out_channels < source.size(1):
            message = self._aggregate(adj, self.lin_neighbors(source))
        else:
            message = self.lin_neighbors(self._aggregate(adj, source))
        out: Tensor = self.lin_root(target) + message
        return out

    def _aggregate(self, adj: CSR, x: Tensor) -> Tensor:
        if self.aggregation != "kept_mean" or adj.weight is None:
            return spmm(adj, x, "sum" if self.aggregation == "sum" else "mean")
        degree = spmm(adj, adj.weight.new_ones(adj.num_cols, 1))
        positive = degree > 0
        # divided, as the mean of what has no weights is: equal weights give its bits
        return torch.where(positive, spmm(adj, x) / torch.where(positive, degree, 1), 0)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"aggregation={self.aggregation!r})"
        )
