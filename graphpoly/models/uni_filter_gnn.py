"""A filter of the raw features, then a perceptron."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import MLP

from graphpoly.layers import UniFilterConv
from graphpoly.layers.arguments import check_batch, check_features, check_sizes
from graphpoly.registry import register

__all__ = ["UniFilterGNN"]


@register(
    "model",
    paper="Huang, Cao, Ta, Xiao, Liò. How Universal Polynomial Bases Enhance Spectral Graph Neural "
    "Networks: Heterophily, Over-smoothing, and Over-squashing. ICML 2024",
    arxiv="2405.12474",
    example=lambda: UniFilterGNN(8, 16, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| F + K^2 |V| F) time, O(K |V| F) memory"},
)
class UniFilterGNN(nn.Module):
    r"""UniFilter: the features are filtered as they come, in the universal basis.

    .. math:: \mathrm{logits} = \mathrm{MLP}\!\left(\mathrm{filter}(X)\right)

    with dropout behind the filter (``filter_dropout``) and within the perceptron (``dropout``).
    Nothing that is learned comes before the basis: with ``precomputed=True`` it is made once.

    Args:
        in_channels: Size of each input feature: the channels that are filtered.
        hidden_channels: Width of the perceptron.
        out_channels: Number of classes or targets.
        K: Order of the polynomial.
        num_layers: Linear maps of the perceptron.
        dropout: Probability before each of them but the first.
        filter_dropout: Probability behind the filter.
        shared: Whether there is one filter for all features, as published.
        **kwargs: Arguments of :class:`~graphpoly.layers.UniFilterConv`, such as ``homophily``,
            ``tau``, ``precomputed``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    Differences from the paper:
        Dropout acts on the filtered features, in the published code on every basis vector. Its
        perceptron has no bias and adds its input where the sizes agree; here it is PyG's.

    >>> UniFilterGNN(1433, 64, 7, homophily=0.8)
    UniFilterGNN(1433, 64, 7, K=10, num_layers=2, dropout=0.5, filter_dropout=0.5, homophily=0.8)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        num_layers: int = 2,
        dropout: float = 0.5,
        filter_dropout: float = 0.5,
        shared: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.filter_dropout = filter_dropout
        self.filter = UniFilterConv(
            in_channels, in_channels, K, shared=shared, linear=False, bias=False, **kwargs
        )
        self.mlp = MLP(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            num_layers=num_layers,
            dropout=dropout,
            norm=None,
        )

    @property
    def num_hops(self) -> int:
        """Order of the polynomial."""
        return self.filter.num_hops

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.filter.reset_parameters()
        self.mlp.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        x = self.filter(x, edge_index, edge_weight, batch)
        out: Tensor = self.mlp(F.dropout(x, self.filter_dropout, self.training))
        return out

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"K={self.filter.K}", f"num_layers={self.num_layers}", f"dropout={self.dropout}"),
            *(f"filter_dropout={self.filter_dropout}", *self.filter.options(shared=True)),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
