"""PPGN++: blocks that see the transpose and the identity, ready for further polynomials."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from graphpoly.models.passed_on import passes_on
from graphpoly.models.ppgn import PPGN
from graphpoly.ops import PairBlocks
from graphpoly.registry import register

__all__ = ["PPGNPlusPlus"]


@register(
    "model",
    paper="Puny, Lim, Kiani, Maron, Lipman. Equivariant Polynomials for Graph Neural Networks. "
    "ICML 2023",
    arxiv="2302.11556",
    example=lambda: PPGNPlusPlus(8, 16, 4, num_layers=2, pool=None),
    tags={
        "expressivity": "2-FWL (3-WL); equivariant polynomials up to degree 4 on pairs, 5 on nodes "
        "and graphs",
        "complexity": "O(L (C n^3 + C^2 n^2)) time, O(L C n^2) memory for each graph of n nodes",
    },
)
@passes_on(PPGN)
class PPGNPlusPlus(PPGN):
    r"""PPGN++: blocks that see the transpose and the identity matrix.

    .. math::
        Z = [X^{(l-1)} \,\Vert\, I], \qquad
        X^{(l)} = W_l\, \big[Z \,\Vert\, m_1([Z \Vert Z^\top]) \cdot m_2(Z)\big] + b_l

    .. math::
        \mathrm{out} = V_2\, \mathrm{ReLU}\Big(V_1
        \big[\mathrm{mean}_i X^{(L)}_{ii} \,\Vert\, \mathrm{mean}_{i \ne j} X^{(L)}_{ij}\big]\Big)

    With the equivariant polynomials that the products cannot compute as ``pair_features`` it is
    PPGN++(d), exact up to degree d.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width of all blocks and of the head, unless ``head_channels`` is given.
        out_channels: Number of classes or targets.
        num_layers, mlp_layers, edge_dim, pair_dim, normalization: As for :class:`PPGN`.
        pool: As for :class:`PPGN`; ``"mean"`` as published.
        head_channels: Width of the head.

    Shapes:
        As for :class:`PPGN`.

    Complexity:
        As for :class:`PPGN`, with one more product over the channels and one transposition a block.

    Differences from the paper:
        :math:`X_{ij}` belongs to the edge from i to j. Of a graph of one node the mean off the
        diagonal is 0, where the published code divides by zero. Features of pairs are read as they
        are given. The rows of nodes, for ``pool=None``, are ours.

    >>> PPGNPlusPlus(28, 95, 1, num_layers=8, edge_dim=3, pair_dim=9)
    PPGNPlusPlus(28, 95, 1, num_layers=8, edge_dim=3, pair_dim=9)
    """

    transposed: ClassVar[bool] = True
    identity: ClassVar[bool] = True
    printed: ClassVar[dict[str, object]] = {**PPGN.printed, "pool": "mean", "head_channels": None}

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        pool: str | None = "mean",
        head_channels: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.head_channels = head_channels  # the head is made on the way
        super().__init__(in_channels, hidden_channels, out_channels, pool=pool, **kwargs)

    def _make_head(self, width: int) -> None:
        narrow = self.hidden_channels if self.head_channels is None else self.head_channels
        self.lin1 = nn.Linear(width, narrow)
        self.lin2 = nn.Linear(narrow, self.out_channels)

    def _read(self, states: list[Tensor], blocks: PairBlocks) -> Tensor:
        out: Tensor = self.lin2(self.lin1(self._rows(states[-1], blocks)).relu())
        return out
