"""GRAFENNE: layers on nodes and features, and what nodes then hear of their features."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers import Allotrope, GRAFENNEConv, allotrope
from graphpoly.layers.arguments import NamedArguments, check_batch, check_sizes
from graphpoly.layers.grafenne.entry_attention import EntryAttention
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["GRAFENNE"]


@register(
    "model",
    paper="Gupta, Manchanda, Ranu, Bedathur. GRAFENNE: Learning on Graphs with Heterogeneous and "
    "Dynamic Feature Sets. ICML 2023",
    arxiv="2306.03447",
    example=lambda: GRAFENNE(8, 4, 2, heads=2),
    tags={
        "expressivity": "at most 1-WL of the graph of nodes and features; with reduce='sum' no "
        "less than that of the graph",
        "complexity": "O(L ((nnz(X) + |E|) C + (|V| + F) C^2)) time, O(L (nnz(X) H + |E| + (|V| + "
        "F) C)) memory, H heads",
    },
)
class GRAFENNE(Pretrained, NamedArguments):
    r"""Layers of :class:`~graphpoly.layers.GRAFENNEConv`, for any number of features.

    .. math::
        h_v^{(l+1)}, h_f^{(l+1)} = \mathrm{GRAFENNEConv}_l\big(h_v^{(l)}, h_f^{(l)}\big), \qquad
        \hat y_v = \psi\big[h_v^{(L)},\; \mathrm{att}_{f \to v}(h_f^{(L)}, h_v^{(L)}, x_{vf})\big]

    with a perceptron :math:`\psi`. The columns of x may be others, more or fewer than those that
    the network was trained on, and in any order.

    Args:
        hidden_channels: Width C.
        out_channels: Numbers for each node or graph.
        num_layers: Number L of layers.
        code_channels: Numbers of the code that the name of a feature decides; 0 to know features by
            the structure alone.
        heads: Heads of attention, a divisor of C.
        reduce: ``"mean"`` or ``"sum"`` over neighbours.
        dropout: Inside of the perceptrons.
        attention_dropout: Of the weights of attention.
        pool: ``"add"``, ``"mean"`` or ``"max"`` over the nodes of a graph; None for nodes.

    Shapes:
        - **input:** features :math:`(N, F)` of any F, dense (zeros are unobserved) or sparse,
          ``edge_index``, ``batch`` :math:`(N)`
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    Differences from the published code: those of the layer.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> net = GRAFENNE(16, 2)
    >>> net(torch.randn(3, 5), edge_index).shape, net(torch.randn(3, 50), edge_index).shape
    (torch.Size([3, 2]), torch.Size([3, 2]))
    """

    in_channels = -1  # any
    printed: ClassVar[dict[str, object]] = {
        "code_channels": 0,
        "heads": 4,
        "reduce": "mean",
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "pool": None,
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        name: GRAFENNEConv.compliance_exceptions[name] for name in ("num_hops", "feature_errors")
    }

    def __init__(
        self,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 1,
        *,
        code_channels: int = 0,
        heads: int = 4,
        reduce: str = "mean",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        pool: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(hidden_channels=hidden_channels, out_channels=out_channels)
        check_sizes(num_layers=num_layers, heads=heads)
        check_pool(pool)
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.code_channels = code_channels
        self.heads = heads
        self.reduce = reduce
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.pool = pool
        width = hidden_channels
        self.convs = nn.ModuleList(
            GRAFENNEConv(
                width,
                state_channels=width if layer else None,
                code_channels=0 if layer else code_channels,
                heads=heads,
                reduce=reduce,
                dropout=dropout,
                attention_dropout=attention_dropout,
            )
            for layer in range(num_layers)
        )
        self.read = EntryAttention(width, width, width, heads=heads, dropout=attention_dropout)
        self.lin = nn.Linear(2 * width, width)
        self.head = nn.Linear(width, out_channels)

    @property
    def num_hops(self) -> int:
        """How far the edges reach; nodes with a common feature hear of each other beside."""
        return self.num_layers

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor | Allotrope,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        feature_key: Tensor | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, F]`` for any F, or what :func:`graphpoly.layers.allotrope` made of it.
            edge_index: The graph, in any form.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            feature_key: Name of each column of x, ``[F]``; default its number. Read for codes.
        """
        check_batch(batch)
        both = allotrope(x, batch, batch_size, feature_key=feature_key)
        states: tuple[Tensor, Tensor] | None = None
        for conv in self.convs:
            states = conv(both, edge_index, states=states, return_states=True)
        assert states is not None
        node, feature = states
        heard = self.read(both.by_node, feature, node)
        h = F.leaky_relu(self.lin(torch.cat([node, heard], dim=1)))
        h = pool_nodes(dropout(h, self.dropout, self.training), self.pool, batch, batch_size)
        out: Tensor = self.head(h)
        return out

    def __repr__(self) -> str:
        sizes = (self.hidden_channels, self.out_channels, self.num_layers)
        return f"GRAFENNE({', '.join([*map(str, sizes), *self.options()])})"
