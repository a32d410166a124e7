"""A Chebyshev filter that learns its values at the Chebyshev nodes."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.bases import chebyshev, chebyshev_interpolation, substitute
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["ChebIIConv"]


@register(
    "layer",
    paper="He, Wei, Wen. Convolutional Neural Networks on Graphs with Chebyshev Approximation, "
    "Revisited. NeurIPS 2022",
    arxiv="2202.03580",
    example=lambda: ChebIIConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class ChebIIConv(FixedBasisConv):
    r"""Filter by Chebyshev interpolation, from `Convolutional Neural Networks on Graphs with
    Chebyshev Approximation, Revisited <https://arxiv.org/abs/2202.03580>`_ (He, Wei and Wen,
    NeurIPS 2022).

    .. math::
        Z_{:,c} &= \sum_{k=0}^{K} w_{k,c}\, T_k(L - I)\, (X W)_{:,c} + b_c \\
        w_{k,c} &= \frac{2 - \delta_{k0}}{K + 1}
        \sum_{j=0}^{K} \mathrm{ReLU}(\gamma_{j,c})\, T_k(x_j)

    with the zeros :math:`x_j` of :math:`T_{K+1}` in ascending order. The parameter
    :math:`\gamma_j` (``theta``) is what the filter does at the frequency :math:`1 + x_j` of the
    Laplacian; all ones, the start, is the identity. L - I = -P of the operator with its self-loops,
    if it has any; its spectrum is that of the interpolation, [-1, 1].

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
        One filter for each channel; ``shared=True`` is the paper's single one. The published code
        builds the coefficients in O(K^2) scalar steps on every call, here by one matrix. W and b
        belong to the layer; ``linear=False, bias=False`` is the filter of the published network.

    Example:
        >>> import torch
        >>> conv = ChebIIConv(16, 7, K=10)
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
            expansion=chebyshev_interpolation(K),
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
        """Return the values at the nodes, ``[K+1, C]`` or ``[K+1, 1]``; none is negative."""
        return self.theta.relu()
