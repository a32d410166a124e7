"""Feature expansion and one more linear map."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphpoly.layers import FEConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.beyond_hops import beyond_hops
from graphpoly.models.passed_on import passes_on
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["FEGNN"]


@register(
    "model",
    paper="Sun, Chen, Ke, Wang, Zhang. Feature Expansion for Graph Neural Networks. ICML 2023",
    arxiv="2305.06142",
    example=lambda: FEGNN(8, 16, 4, K=2),
    tags={
        "expressivity": "not permutation-equivariant with rank > 0",
        "complexity": "O(K |E| F + |E| q + |V| q^2 + |V| K F C) time, O(|V| (K F + q)) memory",
    },
)
@passes_on(FEConv)
class FEGNN(Pretrained, NamedArguments):
    r"""FE-GNN: a linear network on the features of every hop and of the structure.

    .. math:: \mathrm{logits} = W_2\, \mathrm{FEConv}(X) + b_2

    The published runs have neither dropout nor a nonlinearity.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of what the expansion is mapped to.
        out_channels: Number of classes or targets.
        K: Number of hops.
        rank: Number of structural features.
        **kwargs: Further arguments of :class:`~graphpoly.layers.FEConv`, such as ``cached``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`; no softmax

    >>> FEGNN(1433, 64, 7, rank=50, cached=True)
    FEGNN(1433, 64, 7, K=3, cached=True, rank=50)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 3,
        *,
        rank: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            lazy=True,
        )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.expansion = FEConv(in_channels, hidden_channels, K, rank=rank, **kwargs)
        self.lin2 = nn.Linear(hidden_channels, out_channels)

    @property
    def num_hops(self) -> int:
        """Number of hops of the expansion."""
        return self.expansion.num_hops

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """That of the expansion, if it reads the whole graph."""
        return beyond_hops(self.expansion)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.expansion.reset_parameters()
        self.lin2.reset_parameters()

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
        out: Tensor = self.lin2(self.expansion(x, edge_index, edge_weight, batch))
        return out

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"K={self.expansion.K}", *self.expansion.options()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
