"""A filter in a Jacobi basis, with its coefficients decomposed."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter

from graphpoly.bases import jacobi
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.registry import register

__all__ = ["JacobiConv"]


@register(
    "layer",
    paper="Wang, Zhang. How Powerful are Spectral Graph Neural Networks. ICML 2022",
    arxiv="2205.11172",
    example=lambda: JacobiConv(8, 4, K=3, b=0.5),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C) time, O(|V| C) memory"},
)
class JacobiConv(FixedBasisConv):
    r"""Filter in a Jacobi basis with polynomial coefficient decomposition, from `How Powerful are
    Spectral Graph Neural Networks <https://arxiv.org/abs/2205.11172>`_ (Wang and Zhang, ICML 2022).

    .. math::
        Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c} \left(\prod_{l=1}^{k} \alpha \tanh \eta_l\right)
        P_k^{(a, b)}(P)\, (X W)_{:,c} + b_c

    The factors :math:`\alpha \tanh \eta_l` are shared by all channels (the paper's PCD): a channel
    learns its coefficients, the layer how fast they fall off. The polynomials are orthogonal for
    the weight :math:`(1 - \lambda)^a (1 + \lambda)^b` on the spectrum of P, [-1, 1].

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        a: Exponent at :math:`\lambda = 1`, low frequencies; at least -1.
        b: Exponent at :math:`\lambda = -1`, high frequencies; at least -1.
        alpha: Bound of the decomposed factors.
        decomposed: Whether there are such factors.
        legacy_sign: Use the recurrence of the published code, whose sign of :math:`a^2 - b^2` is
            wrong from k = 2 on; to reproduce published numbers.
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
        The published recurrence gives no Jacobi polynomials unless :math:`a = \pm b`; here it does,
        see ``legacy_sign``. The published code carries one more :math:`\eta` that no output depends
        on; here it is left out. The factors weigh the coefficients instead of each step, which is
        the same polynomial. W and b belong to the layer.

    Example:
        >>> import torch
        >>> conv = JacobiConv(16, 7, K=10, a=1.0, b=0.25)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    parameter_roles: ClassVar[dict[str, str]] = {"theta": "coefficient", "eta": "basis"}
    printed: ClassVar[dict[str, object]] = {
        **FixedBasisConv.printed,
        "a": 1.0,
        "b": 1.0,
        "alpha": 1.0,
        "decomposed": True,
        "legacy_sign": False,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        a: float = 1.0,
        b: float = 1.0,
        alpha: float = 1.0,
        decomposed: bool = True,
        legacy_sign: bool = False,
        shared: bool = False,
        linear: bool = True,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        recurrence = jacobi(K, a, b, legacy_sign=legacy_sign)
        super().__init__(
            in_channels,
            out_channels,
            K,
            recurrence=recurrence,
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if not alpha > 0:
            raise ValueError(f"alpha: got {alpha}, expected a positive number")
        self.a, self.b, self.alpha = a, b, alpha
        self.decomposed = decomposed
        self.legacy_sign = legacy_sign
        self.eta = Parameter(torch.empty(K)) if decomposed else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W anew and add up all polynomials, as the paper starts."""
        super().reset_parameters()
        with torch.no_grad():
            self.theta.fill_(1)
            if self.eta is not None:
                self.eta.fill_(min(1 / self.alpha, 1.0))

    def weights(self) -> Tensor:
        """Return the coefficients times the shared factors, ``[K+1, C]`` or ``[K+1, 1]``."""
        if self.eta is None:
            return self.theta
        factors = torch.cumprod(self.alpha * self.eta.tanh(), 0)
        return self.theta * torch.cat([factors.new_ones(1), factors]).unsqueeze(-1)
