"""A polynomial filter in the Legendre basis."""

from __future__ import annotations

from graphpoly.bases import legendre
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["LegendreConv"]


@register(
    "layer",
    paper="Chen, Xu. Improved Modeling and Generalization Capabilities of Graph Neural Networks "
    "With Legendre Polynomials. IEEE Access 2023",
    example=lambda: LegendreConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class LegendreConv(FixedBasisConv):
    r"""Filter in the Legendre basis, after *Improved Modeling and Generalization Capabilities of
    Graph Neural Networks With Legendre Polynomials* (Chen and Xu, IEEE Access 2023).

    .. math:: Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c}\, P_k(P)\, (X W)_{:,c} + b_c

    with the polynomials that are orthogonal for the constant weight on the spectrum of P, [-1, 1].
    The filter starts as the identity.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
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
        The published code sums the powers :math:`(L (2 I - L))^k = (I - P^2)^k` with fixed
        factors. These are no Legendre polynomials, and all of them are even in P: such a filter
        treats the frequencies :math:`\lambda` and :math:`2 - \lambda` alike. Here the
        three-term recurrence is used. One filter for each channel; ``shared=True`` is the paper's
        single one.

    Example:
        >>> import torch
        >>> conv = LegendreConv(16, 7, K=10)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        shared: bool = False,
        linear: bool = True,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            K,
            recurrence=legendre(K),
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        self.reset_parameters()
