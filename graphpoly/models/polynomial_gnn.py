"""The published network around a polynomial filter: linear, filter, linear."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from graphpoly.layers import FavardConv, OptBasisConv, PolynomialConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.layers.linear import Linear, after_dropout
from graphpoly.models.beyond_hops import beyond_hops
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["FavardGNN", "OptBasisGNN", "PolynomialGNN"]

_PAPER = "Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023"


class PolynomialGNN(Pretrained, NamedArguments):
    r"""A polynomial filter between two linear maps.

    .. math:: \mathrm{logits} = W_2\, \mathrm{filter}\!\left(\mathrm{ReLU}(W_1 X + b_1)\right) + b_2

    with dropout before :math:`W_1` and :math:`W_2` (``dropout``) and before the filter
    (``filter_dropout``). A subclass names the filter in :attr:`conv`.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Number of channels that are filtered.
        out_channels: Number of classes or targets.
        K: Order of the polynomial.
        dropout: Probability before both linear maps.
        filter_dropout: Probability before the filter.
        **kwargs: Arguments of the filter, such as ``normalization``, ``add_self_loops``,
            ``cached``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax
    """

    conv: ClassVar[type[PolynomialConv]]
    filter_last: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Write out the arguments of the filter that the subclass names."""
        super().__init_subclass__(**kwargs)
        if "conv" in vars(cls):
            passes_on(cls.conv, without=("linear", "bias"))(cls)

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        dropout: float = 0.5,
        filter_dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.dropout = dropout
        self.filter_dropout = filter_dropout
        self.lin1 = Linear(in_channels, hidden_channels)
        filtered = out_channels if self.filter_last else hidden_channels
        self.filter = self.conv(filtered, filtered, K, linear=False, bias=False, **kwargs)
        self.lin2 = Linear(hidden_channels, out_channels)

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.filter.num_hops

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """That of the filter, if it reads the whole graph."""
        return beyond_hops(self.filter)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.lin1.reset_parameters()
        self.filter.reset_parameters()
        self.lin2.reset_parameters()

    def encode(self, x: Tensor) -> Tensor:
        """Return what the filter receives, ``[N, hidden_channels]``."""
        x = after_dropout(self.lin1, x, self.dropout if self.training else 0.0).relu()
        return dropout(x, self.filter_dropout, self.training)

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
        x = self.filter(self.encode(x), edge_index, edge_weight, batch)
        return after_dropout(self.lin2, x, self.dropout if self.training else 0.0)

    def _options(self) -> list[str]:
        """Return the filter's arguments that repr has to name."""
        return self.filter.options()

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"K={self.filter.K}", f"dropout={self.dropout}"),
            *(f"filter_dropout={self.filter_dropout}", *self._options()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


@register(
    "model",
    paper=_PAPER,
    arxiv="2302.12432",
    example=lambda: FavardGNN(8, 16, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class FavardGNN(PolynomialGNN):
    """FavardGNN: the filter's orthonormal basis is learned.

    >>> FavardGNN(1433, 64, 7, K=10)
    FavardGNN(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5)
    """

    conv = FavardConv


@register(
    "model",
    paper=_PAPER,
    arxiv="2302.12432",
    example=lambda: OptBasisGNN(8, 16, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C + K^2 |V| C) time, O(K |V| C) memory"},
)
class OptBasisGNN(PolynomialGNN):
    """OptBasisGNN: the filter's basis is orthonormal for the signal itself.

    >>> OptBasisGNN(1433, 64, 7, K=10)
    OptBasisGNN(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5)
    """

    conv = OptBasisConv
