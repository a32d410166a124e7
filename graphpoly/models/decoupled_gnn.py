"""Networks that transform first and filter last."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from graphpoly.layers import BernConv, ChebIIConv, GPRConv, LegendreConv, TFGConv
from graphpoly.layers.arguments import check_batch, check_features
from graphpoly.layers.linear import after_dropout
from graphpoly.models.polynomial_gnn import PolynomialGNN
from graphpoly.ops import CSR, dropout
from graphpoly.registry import register

__all__ = ["GPRGNN", "TFGNN", "BernNet", "ChebNetII", "DecoupledGNN", "LegendreNet"]

_TAGS = {"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"}


class DecoupledGNN(PolynomialGNN):
    r"""Two linear maps, then a polynomial filter of the logits.

    .. math:: \mathrm{logits} = \mathrm{filter}\!\left(W_2\, \mathrm{ReLU}(W_1 X + b_1) + b_2\right)

    with dropout before :math:`W_1` and :math:`W_2` (``dropout``) and before the filter
    (``filter_dropout``). The filter is one for all classes, as published, unless ``shared=False``.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Number of channels between the linear maps.
        out_channels: Number of classes or targets: the channels that are filtered.
        K: Order of the polynomial.
        dropout: Probability before both linear maps.
        filter_dropout: Probability before the filter.
        shared: Whether there is one filter for all classes.
        **kwargs: Further arguments of the filter.

    Shapes:
        As :class:`PolynomialGNN`.
    """

    filter_last: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        dropout: float = 0.5,
        filter_dropout: float = 0.5,
        shared: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            hidden_channels,
            out_channels,
            K,
            dropout=dropout,
            filter_dropout=filter_dropout,
            shared=shared,
            **kwargs,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Return what the filter receives, ``[N, out_channels]``."""
        dropped = self.dropout if self.training else 0.0
        x = after_dropout(self.lin2, after_dropout(self.lin1, x, dropped).relu(), dropped)
        return dropout(x, self.filter_dropout, self.training)

    def whole_operator(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return the operator of a whole graph; see :meth:`FixedBasisConv.whole_operator`."""
        return self.filter.whole_operator(x, edge_index, edge_weight)

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
        out: Tensor = self.filter(self.encode(x), edge_index, edge_weight, batch)
        return out

    def _options(self) -> list[str]:
        return self.filter.options(shared=True)


@register(
    "model",
    paper="He, Wei, Wen. Convolutional Neural Networks on Graphs with Chebyshev Approximation, "
    "Revisited. NeurIPS 2022",
    arxiv="2202.03580",
    example=lambda: ChebNetII(8, 16, 4, K=3),
    tags=_TAGS,
)
class ChebNetII(DecoupledGNN):
    """ChebNetII: the filter is learned at the Chebyshev nodes.

    >>> ChebNetII(1433, 64, 7)
    ChebNetII(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5)
    """

    conv = ChebIIConv


@register(
    "model",
    paper="He, Wei, Huang, Xu. BernNet: Learning Arbitrary Graph Spectral Filters via Bernstein "
    "Approximation. NeurIPS 2021",
    arxiv="2106.10994",
    example=lambda: BernNet(8, 16, 4, K=3),
    tags=_TAGS,
)
class BernNet(DecoupledGNN):
    """BernNet: the filter is a non-negative sum of Bernstein polynomials.

    >>> BernNet(1433, 64, 7)
    BernNet(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5)
    """

    conv = BernConv


@register(
    "model",
    paper="Chien, Peng, Li, Milenkovic. Adaptive Universal Generalized PageRank Graph Neural "
    "Network. ICLR 2021",
    arxiv="2006.07988",
    example=lambda: GPRGNN(8, 16, 4, K=3),
    tags=_TAGS,
)
class GPRGNN(DecoupledGNN):
    """GPR-GNN: the filter is a learned sum of powers, and starts as personalised PageRank.

    >>> GPRGNN(1433, 64, 7, alpha=0.2)
    GPRGNN(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5, alpha=0.2)
    """

    conv = GPRConv


@register(
    "model",
    paper="Chen, Xu. Improved Modeling and Generalization Capabilities of Graph Neural Networks "
    "With Legendre Polynomials. IEEE Access 2023",
    example=lambda: LegendreNet(8, 16, 4, K=3),
    tags=_TAGS,
)
class LegendreNet(DecoupledGNN):
    """LegendreNet: the filter is a sum of Legendre polynomials.

    >>> LegendreNet(1433, 64, 7)
    LegendreNet(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5)
    """

    conv = LegendreConv


@register(
    "model",
    paper="Li, Yang, Liang, Luo. Polynomial Selection in Spectral Graph Neural Networks: An "
    "Error-Sum of Function Slices Approach. WWW 2025",
    arxiv="2404.15354",
    example=lambda: TFGNN(8, 16, 4, K=3, num_frequencies=2),
    tags=_TAGS,
)
class TFGNN(DecoupledGNN):
    """TFGNN: the filter is a trigonometric polynomial.

    >>> TFGNN(1433, 64, 7, omega=0.5)
    TFGNN(1433, 64, 7, K=10, dropout=0.5, filter_dropout=0.5, omega=0.5)
    """

    conv = TFGConv
