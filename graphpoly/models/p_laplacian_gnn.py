"""Clean the graph once, then convolve."""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn

from graphpoly.layers import PLaplacianConv
from graphpoly.layers.arguments import NamedArguments, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PLaplacianGNN"]


@register(
    "model",
    paper="Sirohi, Halder, Kumar, Kumar. Robust Graph Neural Networks by Weighted p-Laplacian "
    "Regularization",
    arxiv="2409.19096",
    example=lambda: PLaplacianGNN(8, 16, 4, p=1.5, steps=2),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| (F + T log |E|) + L (|E| + |V| C) C) time, O(|E| (F + T)) memory",
    },
)
@passes_on(PLaplacianConv)
class PLaplacianGNN(Pretrained, NamedArguments):
    r"""pLapGNN: the graph is cleaned with the raw features, and GCN runs on what is left.

    The first layer cleans, all of them convolve with the cleaned operator. With ``cached=True`` it
    is cleaned once and kept, which is the published first stage.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the features between.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        dropout: Probability before all layers but the first.
        **kwargs: Further arguments of :class:`~graphpoly.layers.PLaplacianConv`, such as ``p``,
            ``beta``, ``steps``, ``cached``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    >>> PLaplacianGNN(1433, 16, 7, p=1.5, steps=100, cached=True)
    PLaplacianGNN(1433, 16, 7, num_layers=2, dropout=0.5, p=1.5, steps=100, cached=True)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 2,
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.convs = nn.ModuleList(
            PLaplacianConv(size, following, **kwargs)
            for size, following in itertools.pairwise(sizes)
        )

    @property
    def num_hops(self) -> int:
        """How far the first layer sees, and one more for each further one."""
        first: Any = self.convs[0]
        return int(first.num_hops) + self.num_layers - 1

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cleaned graph."""
        for conv in self.convs:
            conv.reset_parameters()  # type: ignore[operator]

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        convs: list[Any] = list(self.convs)
        adj = convs[0].clean(x, edge_index, edge_weight)
        x = convs[0](x, edge_index, edge_weight, cleaned=adj)
        for conv in convs[1:]:
            x = dropout(x.relu(), self.dropout, self.training)
            x = conv(x, edge_index, edge_weight, cleaned=adj)
        return x

    def __repr__(self) -> str:
        first: Any = self.convs[0]
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"num_layers={self.num_layers}", f"dropout={self.dropout}", *first.options()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
