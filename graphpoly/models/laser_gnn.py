"""A network that has weights of its own for each type of edge, as rewiring leaves them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers import LASERConv
from graphpoly.layers.arguments import NamedArguments
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["LASERGNN"]


@register(
    "model",
    paper="Barbero, Velingker, Saberi, Bronstein, Di Giovanni. Locality-Aware Graph Rewiring in "
    "GNNs. ICLR 2024",
    arxiv="2310.01668",
    example=lambda: LASERGNN(8, 16, 4, num_layers=2, num_relations=3),
    tags={
        "expressivity": "1-WL of the graph with typed edges",
        "complexity": "O(L (|E| C + |V| R C^2)), R relations",
    },
)
class LASERGNN(Pretrained, NamedArguments):
    r"""Layers of :class:`~graphpoly.layers.LASERConv`, residual but for the first and the last.

    .. math::
        H^{(l+1)} = H^{(l)} + \mathrm{ReLU}\Big(H^{(l)} W^{(l)} + \sum_{r = 0}^{R - 1}
        D_r^{-1/2} A_r D_r^{-1/2} H^{(l)} W_r^{(l)} + b^{(l)}\Big)

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_layers: Number of convolutions.
        num_relations: Number of types of edges R, one more than there are snapshots.
        dropout: Probability before each layer.

    Differences from the paper: every layer tells the snapshots apart.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 0, 2], [1, 0, 2, 0]])
    >>> net = LASERGNN(8, 16, 4, num_relations=2)
    >>> net(torch.zeros(3, 8), edge_index, edge_type=torch.tensor([0, 0, 1, 1])).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        num_relations: int = 1,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels, self.hidden_channels = in_channels, hidden_channels
        self.out_channels, self.num_layers = out_channels, num_layers
        self.num_relations, self.dropout = num_relations, dropout
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.convs = nn.ModuleList(
            LASERConv(sizes[i], sizes[i + 1], num_relations=num_relations)
            for i in range(num_layers)
        )
        if num_relations > 1:
            alone = "weights of types that no edge has are not used"
            self.compliance_exceptions = {"used_parameters": alone}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for conv in self.convs:
            reset(conv)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_type: Tensor | None = None,
    ) -> Tensor:
        """Return a row for each node, ``[N, out_channels]``.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph with all that was added to it.
            edge_weight: ``[E]``.
            edge_type: ``[E]``, 0 for the graph's own edges; default all of them.
        """
        last = self.num_layers - 1
        for i, conv in enumerate(self.convs):
            hidden = dropout(x, self.dropout, self.training)
            hidden = conv(hidden, edge_index, edge_type, edge_weight)
            if i < last:
                hidden = hidden.relu()
            x = x + hidden if 0 < i < last else hidden
        return x

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, self.out_channels, self.num_layers)
        arguments = ", ".join(map(str, sizes))
        rest = f"num_relations={self.num_relations}, dropout={self.dropout}"
        return f"{type(self).__name__}({arguments}, {rest})"
