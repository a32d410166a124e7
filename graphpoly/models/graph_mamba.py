"""Graph Mamba Network: scans over subgraphs and over nodes, and a head."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.layers import GraphMambaConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["GraphMamba"]


@register(
    "model",
    paper="Behrouz, Hashemi. Graph Mamba: Towards Learning on Graphs with State Space Models. "
    "KDD 2024",
    arxiv="2402.08678",
    example=lambda: GraphMamba(
        8, 4, 4, walk_length=2, num_walks=2, expand=1, states=2, kernel_size=2
    ),
    tags={
        "expressivity": "not bounded by any WL test, for subgraphs are sampled",
        "complexity": "O(|V| s m (M m C + C^2) + |E|) time and memory",
    },
)
@passes_on(GraphMambaConv)
class GraphMamba(Pretrained, NamedArguments):
    r"""A :class:`~graphpoly.layers.GraphMambaConv`, a norm, and a linear map of nodes or graphs.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        out_channels: Numbers for each node or graph.
        dropout: Probability on the input, on what each scan adds, and before the head.
        pool: ``"max"``, ``"mean"`` or ``"add"`` over the nodes of a graph; None for nodes.
        **kwargs: Further arguments of :class:`~graphpoly.layers.GraphMambaConv`.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``batch`` :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    >>> GraphMamba(7, 64, 2, walk_length=4, num_walks=2, samples=2, pool="mean")
    GraphMamba(7, 64, 2, walk_length=4, num_walks=2, samples=2, pool='mean')
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        dropout: float = 0.0,
        pool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels, lazy=True)
        check_sizes(hidden_channels=hidden_channels)
        check_pool(pool)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.pool = pool
        self.conv = GraphMambaConv(in_channels, hidden_channels, dropout=dropout, **kwargs)
        self.norm = nn.LayerNorm(hidden_channels)
        self.head = nn.Linear(hidden_channels, out_channels)

    @property
    def num_hops(self) -> int:
        """How far the walks and the messages go."""
        return self.conv.num_hops

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Those of the layer."""
        return self.conv.compliance_exceptions

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.conv.reset_parameters()
        self.norm.reset_parameters()
        self.head.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            generator: Where walks come from; default torch's global generator in ``train()``, and
                ``seed`` in ``eval()``.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        p = self.conv.dropout
        x = dropout(x, p, self.training)
        h = self.norm(self.conv(x, edge_index, batch, batch_size, generator=generator))
        h = pool_nodes(F.gelu(h), self.pool, batch, batch_size)
        out: Tensor = self.head(dropout(h, p, self.training))
        return out

    def __repr__(self) -> str:
        sizes = [str(self.in_channels), str(self.hidden_channels), str(self.out_channels)]
        pool = [] if self.pool is None else [f"pool={self.pool!r}"]
        return f"{type(self).__name__}({', '.join([*sizes, *self.conv.options(), *pool])})"
