"""A filter that is a sum of sines and cosines of the frequency."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter

from graphpoly.bases import chebyshev, substitute, trigonometric
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["TFGConv"]


@register(
    "layer",
    paper="Li, Yang, Liang, Luo. Polynomial Selection in Spectral Graph Neural Networks: An "
    "Error-Sum of Function Slices Approach. WWW 2025",
    arxiv="2404.15354",
    example=lambda: TFGConv(8, 4, K=5, num_frequencies=2),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class TFGConv(FixedBasisConv):
    r"""Filter by trigonometric polynomials, from `Polynomial Selection in Spectral Graph Neural
    Networks: An Error-Sum of Function Slices Approach <https://arxiv.org/abs/2404.15354>`_ (Li et
    al., WWW 2025).

    .. math::
        Z_{:,c} = \Bigl(\beta_{0,c}\, I + \sum_{m=1}^{M} \alpha_{m,c} \sin(m \omega \pi (L - I))
        + \beta_{m,c} \cos(m \omega \pi (L - I))\Bigr) (X W)_{:,c} + b_c

    with sines and cosines of matrices as Chebyshev polynomials of degree K, and ``theta`` =
    :math:`(\beta_0, \alpha_1, \dots, \alpha_M, \beta_1, \dots, \beta_M)`, less :math:`\beta_0` with
    ``skip=True``. L - I = -P of the operator with its self-loops, if it has any; the approximation
    holds on its spectrum, [-1, 1].

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Degree of the polynomials. A dozen more than :math:`M \omega \pi` make them exact in
            float32; with M = 6, :math:`\omega` = 0.3 and K = 10 they are off by 0.0025.
        num_frequencies: M.
        omega: Lowest frequency :math:`\omega`, in half turns from -1 to 1.
        skip: Hold :math:`\beta_0` at 1, so that no weight decay takes the signal itself away.
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
        The published code takes the Taylor series of degree 10, which for its own settings is off
        by 3.9 (M = 6, :math:`\omega` = 0.3), and more for higher frequencies; here the Chebyshev
        series, with Bessel functions as coefficients. The published filter adds the identity, which
        ``skip=True`` does; without it :math:`\beta_0` starts at 1 and is learned. One filter for
        each channel; ``shared=True`` is the paper's single one.

    Example:
        >>> import torch
        >>> conv = TFGConv(16, 7, K=10)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        **FixedBasisConv.printed,
        "num_frequencies": 6,
        "omega": 0.3,
        "skip": False,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        num_frequencies: int = 6,
        omega: float = 0.3,
        skip: bool = False,
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
            expansion=trigonometric(K, num_frequencies, omega),
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if skip and num_frequencies < 1:
            raise ValueError("skip=True leaves nothing to learn with num_frequencies=0")
        self.num_frequencies = num_frequencies
        self.omega = omega
        self.skip = skip
        if skip:
            self.theta = Parameter(self.theta.new_empty(2 * num_frequencies, self.theta.size(1)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W and the waves anew, around the identity."""
        super().reset_parameters()
        with torch.no_grad():
            # Glorot's bound for a map from M waves to one filter
            waves = self.theta if self.skip else self.theta[1:]
            waves.normal_(std=(2 / (self.num_frequencies + 1)) ** 0.5)

    def weights(self) -> Tensor:
        """Return the constant term and the waves' weights, ``[2M+1, C]`` or ``[2M+1, 1]``."""
        if not self.skip:
            return self.theta
        return torch.cat([self.theta.new_ones(1, self.theta.size(1)), self.theta])
