"""A filter of the raw features, then a perceptron."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers import UniFilterConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.models.beyond_hops import beyond_hops
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
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
@passes_on(UniFilterConv, without=("linear", "bias"))
class UniFilterGNN(Pretrained, NamedArguments):
    r"""UniFilter: the features are filtered as they come, in the universal basis.

    .. math:: \mathrm{logits} = \mathrm{MLP}\!\left(\mathrm{filter}(X)\right)

    with dropout behind the filter (``filter_dropout``) and before each linear map of the perceptron
    (``dropout``). The maps have no bias and add their input where the sizes agree. Nothing that is
    learned comes before the basis: with ``precomputed=True`` it is made once.

    Args:
        in_channels: Size of each input feature: the channels that are filtered.
        hidden_channels: Width of the perceptron.
        out_channels: Number of classes or targets.
        K: Order of the polynomial.
        num_layers: Linear maps of the perceptron.
        dropout: Probability before each of them.
        filter_dropout: Probability behind the filter.
        norm: Batch normalisation behind all linear maps but the last.
        shared: Whether there is one filter for all features, as published.
        **kwargs: Arguments of :class:`~graphpoly.layers.UniFilterConv`, such as ``homophily``,
            ``tau``, ``raw_first``, ``precomputed``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    Differences from the paper:
        Dropout acts on the filtered features, in the published code on every basis vector.

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
        norm: bool = False,
        shared: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
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
        self.norm = norm
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.maps = nn.ModuleList(
            ResidualLinear(*pair, norm=norm and place < num_layers - 1)
            for place, pair in enumerate(pairwise(sizes))
        )

    @property
    def num_hops(self) -> int:
        """Order of the polynomial."""
        return self.filter.num_hops

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """That of the filter, if it reads the whole graph."""
        return beyond_hops(self.filter)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.filter.reset_parameters()
        for linear in self.maps:
            reset(linear)

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
        x = dropout(x, self.filter_dropout, self.training)
        for place, linear in enumerate(self.maps):
            x = linear(dropout(x if place == 0 else x.relu(), self.dropout, self.training))
        return x

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"K={self.filter.K}", f"num_layers={self.num_layers}", f"dropout={self.dropout}"),
            f"filter_dropout={self.filter_dropout}",
            *(["norm=True"] if self.norm else []),
            *self.filter.options(shared=True),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


class ResidualLinear(nn.Module):
    r"""A linear map without bias that adds its input where the sizes agree.

    It starts uniform in :math:`\pm 1 / \sqrt{F_{out}}`, as in the published code.

    Args:
        in_channels, out_channels: Sizes.
        norm: Batch normalisation of what is mapped.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels))
        self.norm = BatchNorm(out_channels) if norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the matrix anew."""
        bound = self.weight.size(0) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.norm is not None:
            self.norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, out_channels]``."""
        out = F.linear(x, self.weight)
        out = out if self.norm is None else self.norm(out)
        return out + x if out.size(1) == x.size(1) else out
