"""A polynomial filter that learns its own orthonormal basis."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter

from graphpoly.bases import favard, golub_welsch
from graphpoly.layers.spectral.polynomial_conv import PolynomialConv
from graphpoly.registry import register

__all__ = ["FavardConv"]


@register(
    "layer",
    paper="Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023",
    arxiv="2302.12432",
    example=lambda: FavardConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class FavardConv(PolynomialConv):
    r"""Filter in a learned orthonormal basis, from `Graph Neural Networks with Learnable and
    Optimal Polynomial Bases <https://arxiv.org/abs/2302.12432>`_ (Guo and Wei, ICML 2023).

    .. math::
        Z_{:,c} &= \sum_{k=0}^{K} \theta_{k,c}\, p_{k,c}(P)\, (X W)_{:,c} + b_c \\
        \sqrt{\beta_{k,c}}\; p_{k,c}(\lambda) &= (\lambda - \gamma_{k-1,c})\, p_{k-1,c}(\lambda)
        - \sqrt{\beta_{k-1,c}}\; p_{k-2,c}(\lambda), \qquad p_{0,c} = 1 / \sqrt{\beta_{0,c}}

    with learned :math:`\theta`, :math:`\gamma` and :math:`\sqrt\beta`. By Favard's theorem the
    reachable bases are exactly the orthonormal ones. At the start :math:`\gamma = 0`,
    :math:`\beta = 1`: Chebyshev polynomials of the second kind of :math:`\lambda / 2`.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        floor: Least value of :math:`\sqrt\beta` in the forward pass.
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
        The published code clamps :math:`\sqrt\beta` at 0.01 so that a clamped value never gets a
        gradient again; here the gradient passes through the clamp and the value can come back. The
        published code carries a :math:`\gamma_K` that no output depends on; here it is left out. W
        and b belong to the layer; ``linear=False, bias=False`` is the filter of the published
        network.

    Example:
        >>> import torch
        >>> conv = FavardConv(16, 7, K=10)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
        >>> conv.response(torch.linspace(-1, 1, 5)).shape
        torch.Size([5, 7])
    """

    parameter_roles: ClassVar[dict[str, str]] = {
        "theta": "coefficient",
        "gamma": "basis",
        "sqrt_beta": "basis",
    }
    printed: ClassVar[dict[str, object]] = {**PolynomialConv.printed, "floor": 0.01}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        floor: float = 0.01,
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
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if not floor > 0:
            raise ValueError(f"floor: got {floor}, expected a positive number")
        self.floor = floor
        self.gamma = Parameter(torch.empty(K, out_channels))
        self.sqrt_beta = Parameter(torch.empty(K + 1, out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W anew and put filter and basis back to their start."""
        super().reset_parameters()
        with torch.no_grad():
            self.gamma.zero_()
            self.sqrt_beta.fill_(1)

    def recurrence(self) -> tuple[Tensor, Tensor]:
        """Return the learned recurrence ``[3, K, C]`` and p_0 ``[C]``."""
        return favard(self.gamma, self._positive_sqrt_beta())

    def quadrature(self) -> tuple[Tensor, Tensor]:
        """Return the measure of each channel's basis: nodes and weights, ``[K+1, C]``, float64.

        The discrete measure for which p_0, ..., p_K are orthonormal.
        """
        sqrt_beta = self._positive_sqrt_beta().detach()
        diagonal = torch.cat([self.gamma.detach(), torch.zeros_like(sqrt_beta[:1])])
        return golub_welsch(diagonal, sqrt_beta[1:], mass=sqrt_beta[0].double() ** 2)

    def _positive_sqrt_beta(self) -> Tensor:
        clamped = self.sqrt_beta.clamp(min=self.floor)
        return self.sqrt_beta + (clamped - self.sqrt_beta).detach()
