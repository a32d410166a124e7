"""Generalised PageRank: a learned weight for each power of the operator."""

from __future__ import annotations

from typing import ClassVar

import torch

from graphpoly.bases import monomial
from graphpoly.errors import unknown
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["GPRConv"]

INITIALIZATIONS = ("ppr", "nppr", "sgc", "random")


@register(
    "layer",
    paper="Chien, Peng, Li, Milenkovic. Adaptive Universal Generalized PageRank Graph Neural "
    "Network. ICLR 2021",
    arxiv="2006.07988",
    example=lambda: GPRConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class GPRConv(FixedBasisConv):
    r"""Filter in powers of the operator, from `Adaptive Universal Generalized PageRank Graph Neural
    Network <https://arxiv.org/abs/2006.07988>`_ (Chien et al., ICLR 2021).

    .. math:: Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c}\, P^k\, (X W)_{:,c} + b_c

    P has self-loops unless told otherwise; its spectrum lies in [-1, 1]. The start decides which
    fixed filter the layer begins as:

    - ``"ppr"``: :math:`\theta_k = \alpha (1 - \alpha)^k`, :math:`\theta_K = (1 - \alpha)^K`: that
      of :class:`~torch_geometric.nn.APPNP`
    - ``"nppr"``: :math:`\theta_k \propto \alpha^k`, with :math:`\sum_k |\theta_k| = 1`
    - ``"sgc"``: :math:`\theta_k = \delta_{kK}`: that of :class:`~torch_geometric.nn.SGConv`
    - ``"random"``: uniform, with :math:`\sum_k |\theta_k| = 1`

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        init: One of the above.
        alpha: :math:`\alpha` of ``"ppr"`` (teleport probability) and ``"nppr"``.
        shared: Learn one filter for all channels instead of one for each.
        linear: Whether the layer has the matrix W. Without it ``in_channels`` must equal
            ``out_channels``.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        As :class:`PolynomialConv`.

    Complexity:
        K sparse products, O(K E C) time. O(N C) memory in training, whatever K is.

    Differences from the paper:
        One filter for each channel; ``shared=True`` is the paper's single one.
        ``reset_parameters()`` goes back to the start that was asked for; in the published code
        always to ``"ppr"``. W and b belong to the layer; ``linear=False, bias=False`` is the filter
        of the published network.

    Example:
        >>> import torch
        >>> conv = GPRConv(16, 7, K=10, alpha=0.2)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        **FixedBasisConv.printed,
        "add_self_loops": True,
        "init": "ppr",
        "alpha": 0.1,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        init: str = "ppr",
        alpha: float = 0.1,
        shared: bool = False,
        linear: bool = True,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = True,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            K,
            recurrence=monomial(K),
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if init not in INITIALIZATIONS:
            raise unknown("init", init, INITIALIZATIONS)
        self.init = init
        self.alpha = alpha
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W anew and go back to the start."""
        super().reset_parameters()
        power = torch.arange(self.K + 1, dtype=torch.float64, device=self.theta.device).unsqueeze(1)
        if self.init == "random":
            start = 2 * torch.rand_like(self.theta) - 1
        elif self.init == "sgc":
            start = (power == self.K).double()
        elif self.init == "nppr":
            # by its largest power, which may leave the range of numbers before the sum is taken
            start = self.alpha ** (power - self.K if abs(self.alpha) > 1 else power)
        else:
            start = self.alpha * (1 - self.alpha) ** power
            start[-1] = (1 - self.alpha) ** self.K
        if self.init in ("random", "nppr"):
            start = start / start.abs().sum(0)
        with torch.no_grad():
            self.theta.copy_(start.expand_as(self.theta))
