"""Graph convolutions with orthonormal weights, and a linear map of what they say."""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn

from graphpoly.layers import GCORNConv
from graphpoly.layers.arguments import NamedArguments, check_features, check_size, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["GCORN"]


@register(
    "model",
    paper="Abbahaddou, Ennadir, Lutzeyer, Vazirgiannis, Boström. Bounding the Expected Robustness "
    "of Graph Neural Networks Subject to Node Feature Attacks. ICLR 2024",
    arxiv="2404.17947",
    example=lambda: GCORN(8, 16, 4),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| C + |V| F C + T C^2 F) time, O(|E| + |V| C + T F C) memory, T "
        "iterations a weight",
    },
)
@passes_on(GCORNConv, without=("bias",))
class GCORN(Pretrained, NamedArguments):
    r"""GCORN: how far the output moves is up to the last linear map alone.

    .. math::
        H_{l+1} = \mathrm{ReLU}(P H_l \hat W_l), \qquad
        \mathrm{logits} = H_L W^\top + b

    with :math:`\hat W_l` orthonormal, so that the logits move by at most
    :math:`\|P\|_2^L\, \|W\|_2` times as much as the features (in numbers:
    ``graphpoly.robustness.feature_bound``).

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the features between.
        out_channels: Number of classes or targets.
        num_layers: Number L of convolutions.
        dropout: Probability between the convolutions.
        **kwargs: Further arguments of :class:`~graphpoly.layers.GCORNConv`, such as
            ``iterations``, ``normalization``, ``cached``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    >>> GCORN(1433, 16, 7)
    GCORN(1433, 16, 7, num_layers=2, dropout=0.5)
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
        check_size("num_layers", num_layers)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        sizes = [in_channels, *[hidden_channels] * num_layers]
        self.convs = nn.ModuleList(
            GCORNConv(size, following, bias=False, **kwargs)
            for size, following in itertools.pairwise(sizes)
        )
        self.lin = nn.Linear(hidden_channels, out_channels)

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.num_layers

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (*self.convs, self.lin):
            module.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        for number, conv in enumerate(self.convs):
            if number > 0:
                x = dropout(x, self.dropout, self.training)
            x = conv(x, edge_index, edge_weight).relu()
        return self.lin(x)

    def __repr__(self) -> str:
        first: Any = self.convs[0]
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"num_layers={self.num_layers}", f"dropout={self.dropout}", *first.options()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
