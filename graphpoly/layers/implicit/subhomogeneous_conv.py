"""A fixed point that is unique because the map is subhomogeneous, whatever its weights."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import glorot

from graphpoly.layers.implicit.fixed_point_layer import FixedPointOperatorLayer
from graphpoly.ops import CSR, spmm
from graphpoly.registry import register

__all__ = ["SubhomogeneousConv", "subhomogeneity"]


def subhomogeneity(shift: float) -> float:
    r"""Return the degree of subhomogeneity of :math:`\tanh(\cdot) + s` on the positive numbers,

    .. math::
        \mu(s) = \sup_{v > 0} \frac{v\, \mathrm{sech}^2 v}{\tanh v + s}
        = \frac{1}{\cosh w + s \sinh w}, \qquad
        \sinh w + s\, (1 + \cosh w) = w\, (\cosh w + s \sinh w),

    with w > 0 twice the v where the ratio is largest. It is below 1 for every s > 0 and falls with
    s.

    Args:
        shift: s, positive.

    >>> round(subhomogeneity(1.603), 4)
    0.2014
    """
    if not 0 < shift < math.inf:
        raise ValueError(f"shift: got {shift}, expected a positive number")
    low, high = 0.0, 2.0  # the left side less the right one falls, and changes its sign in between
    for _ in range(60):
        w = (low + high) / 2
        slope = math.cosh(w) + shift * math.sinh(w)
        rises = math.sinh(w) + shift * (1 + math.cosh(w)) > w * slope
        low, high = (w, high) if rises else (low, w)
    return 1 / slope


@register(
    "layer",
    paper="Sittoni, Tudisco. Subhomogeneous Deep Equilibrium Models. ICML 2024",
    arxiv="2403.00720",
    example=lambda: SubhomogeneousConv(8, 4),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| C + |V| C^2) an iteration, O(|E| + |V| C) memory",
    },
)
class SubhomogeneousConv(FixedPointOperatorLayer):
    r"""The one positive fixed point of a bounded convolution, from `Subhomogeneous Deep Equilibrium
    Models <https://arxiv.org/abs/2403.00720>`_ (Sittoni, Tudisco, ICML 2024).

    .. math::
        z = \mathrm{norm}\left(\tanh((1 - \alpha)\, P z |W|) + \alpha\, \mathrm{ReLU}(x U + b) +
        s\right), \qquad \mathrm{norm}(y)_i = y_i / \max_c y_{ic}

    :math:`F(y) = \tanh(v) + c + s` with v linear in z and without negative coefficients,
    :math:`c \ge 0`, has :math:`|F'(z)|\, z = v\, \mathrm{sech}^2 v \le \mu F(z)` for z > 0, with
    :math:`\mu` from :func:`subhomogeneity`. In the metric
    :math:`\delta(y, z) = \max |\log y - \log z|` it contracts by :math:`\mu`, and by
    :math:`2 \mu` once the rows are normalised. The constructor wants that below 1: there is one
    fixed point, and the iteration finds it from any positive start, however large the weights are.
    With the published s = 1.603 each step brings two points nearer by 0.403 or more.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature, which lie in (0, 1] where rows are normalised.
        alpha: :math:`\alpha`, between 0 and 1: the share of the node's own features.
        shift: s, positive; at least 0.325 where rows are normalised.
        normalize_rows: Divide each row by its largest value.
        solver: ``"picard"`` or ``"anderson"``; see :func:`graphpoly.ops.fixed_point`.
        tolerance: Of the solver; default by the type of x.
        max_iterations: Of the solver.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional, not negative),
          ``batch`` :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

    Complexity: a sparse product and an N x C x C one an iteration; the backward pass likewise,
    and no iteration is stored.

    Differences from the paper:
        The published layer has W of any sign and takes the supremum over all real v, which gives
        its constants 1.2 and 1.603. That bounds :math:`|F'(z) z|`, a change of z along a ray;
        other changes need :math:`|F'(z)| z`, which is bounded without cancellation in v alone: for
        :math:`W = a \begin{pmatrix} 1 & -1 \\ -1 & 1 \end{pmatrix}`, a > 1/2, s = 1.603, the map
        :math:`\tanh(z W) + s` has three positive fixed points. Hence :math:`|W|` here, which allows
        smaller s. The published graph network has no W, and takes ten steps instead of a fixed
        point.

    Raises:
        ConvergenceError: If the solver does not reach its tolerance.

    Example:
        >>> import torch
        >>> from graphpoly.layers import SubhomogeneousConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> SubhomogeneousConv(16, 7)(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "alpha": 0.1,
        "shift": 1.603,
        "normalize_rows": True,
        **FixedPointOperatorLayer.printed,
        "add_self_loops": True,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        alpha: float = 0.1,
        shift: float = 1.603,
        normalize_rows: bool = True,
        solver: str = "picard",
        tolerance: float | None = None,
        max_iterations: int = 1000,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = True,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if not 0 < alpha < 1:
            raise ValueError(f"alpha: got {alpha}, expected a number between 0 and 1")
        self.solves_by(solver, tolerance, max_iterations)
        self.alpha = alpha
        self.shift = shift
        self.normalize_rows = normalize_rows
        if self.contraction >= 1:
            raise ValueError(
                f"shift: got {shift}, with which the map may expand by {self.contraction:.3g}; "
                "with normalize_rows=True at least 0.325 is needed"
            )
        self.lin = Linear(in_channels, out_channels, bias=bias)
        self.weight = Parameter(torch.empty(out_channels, out_channels))
        self.reset_parameters()

    @property
    def contraction(self) -> float:
        """Bound of the factor by which a step brings two points nearer."""
        return (2 if self.normalize_rows else 1) * subhomogeneity(self.shift)

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cached operator."""
        super().reset_parameters()
        self.lin.reset_parameters()
        glorot(self.weight)

    def map(self, x: Tensor, adj: CSR) -> tuple[Any, Tensor]:
        """Return the map and a positive start."""
        dtype = self._computed_in(x)
        own = self.alpha * self.lin(x).relu().to(dtype) + self.shift
        weight = (1 - self.alpha) * self.weight.abs().to(dtype)

        def function(z: Tensor) -> Tensor:
            # an extrapolated z may be negative; no image is, so that none is a fixed point
            y = spmm(adj, z.relu() @ weight).tanh() + own
            return y / y.amax(1, keepdim=True) if self.normalize_rows else y

        return function, torch.ones_like(own)

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.lin.bias is None else [])
