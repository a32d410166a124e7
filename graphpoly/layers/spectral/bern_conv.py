"""A filter that cannot be negative: Bernstein polynomials with non-negative coefficients."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.bases import bernstein, chebyshev, substitute
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["BernConv"]


@register(
    "layer",
    paper="He, Wei, Huang, Xu. BernNet: Learning Arbitrary Graph Spectral Filters via Bernstein "
    "Approximation. NeurIPS 2021",
    arxiv="2106.10994",
    example=lambda: BernConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class BernConv(FixedBasisConv):
    r"""Filter in the Bernstein basis, from `BernNet: Learning Arbitrary Graph Spectral Filters via
    Bernstein Approximation <https://arxiv.org/abs/2106.10994>`_ (He et al., NeurIPS 2021).

    .. math::
        Z_{:,c} = \sum_{k=0}^{K} \mathrm{ReLU}(\theta_{k,c})\, \frac{1}{2^K} \binom{K}{k}\,
        (2 I - L)^{K - k} L^k\, (X W)_{:,c} + b_c

    :math:`\theta_k` is near what the filter does at the frequency :math:`2k / K` of the Laplacian;
    all ones, the start, is the identity. The spectrum of L = I - P, of the operator with its
    self-loops, if it has any, must lie in [0, 2].

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
        K sparse products, O(K E C) time; the sum as it stands takes K (K + 3) / 2. O(N C) memory in
        training, whatever K is.

    Differences from the paper:
        The same polynomial is evaluated in Chebyshev form, its coefficients converted in float64
        (:func:`graphpoly.bases.bernstein`). One filter for each channel; ``shared=True`` is the
        paper's single one. W and b belong to the layer; ``linear=False, bias=False`` is the filter
        of the published network.

    Example:
        >>> import torch
        >>> conv = BernConv(16, 7, K=10)
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
            recurrence=substitute(chebyshev(K), -1.0),
            expansion=bernstein(K),
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W anew and let every frequency pass."""
        super().reset_parameters()
        with torch.no_grad():
            self.theta.fill_(1)

    def weights(self) -> Tensor:
        """Return the coefficients, ``[K+1, C]`` or ``[K+1, 1]``; none is negative."""
        return self.theta.relu()
