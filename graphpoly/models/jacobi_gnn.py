"""A network without any nonlinearity: one linear map and a filter for each class."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.layers import JacobiConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.layers.linear import Linear, after_dropout
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import CSR, dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["JacobiGNN"]


@register(
    "model",
    paper="Wang, Zhang. How Powerful are Spectral Graph Neural Networks. ICML 2022",
    arxiv="2205.11172",
    example=lambda: JacobiGNN(8, 4, K=3, b=0.5),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
@passes_on(JacobiConv, without=("linear", "bias"))
class JacobiGNN(Pretrained, NamedArguments):
    r"""The linear network of `How Powerful are Spectral Graph Neural Networks
    <https://arxiv.org/abs/2205.11172>`_ (Wang and Zhang, ICML 2022), called JacobiConv there.

    .. math:: \mathrm{logits}_{:,c} = \mathrm{filter}_c\!\left((X W + b)_{:,c}\right)

    with dropout before W (``dropout``) and before the filter (``filter_dropout``).

    Args:
        in_channels: Size of each input feature.
        out_channels: Number of classes or targets: the channels that are filtered.
        K: Order of the polynomial.
        dropout: Probability before W.
        filter_dropout: Probability before the filter.
        **kwargs: Arguments of :class:`~graphpoly.layers.JacobiConv`, such as ``a``, ``b``,
            ``alpha``, ``legacy_sign``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    >>> JacobiGNN(1433, 7, a=1.0, b=0.25)
    JacobiGNN(1433, 7, K=10, dropout=0.5, filter_dropout=0.5, b=0.25)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        dropout: float = 0.5,
        filter_dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dropout = dropout
        self.filter_dropout = filter_dropout
        self.lin = Linear(in_channels, out_channels)
        self.filter = JacobiConv(out_channels, out_channels, K, linear=False, bias=False, **kwargs)

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.filter.num_hops

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.lin.reset_parameters()
        self.filter.reset_parameters()

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
        x = after_dropout(self.lin, x, self.dropout if self.training else 0.0)
        x = dropout(x, self.filter_dropout, self.training)
        out: Tensor = self.filter(x, edge_index, edge_weight, batch)
        return out

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.out_channels), f"K={self.filter.K}"),
            *(f"dropout={self.dropout}", f"filter_dropout={self.filter_dropout}"),
            *self.filter.options(),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
