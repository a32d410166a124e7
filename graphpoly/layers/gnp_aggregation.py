"""A norm whose exponent and scale are learned, in place of sum, mean, maximum and minimum."""

from __future__ import annotations

import math
from numbers import Real
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn import Aggregation
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_size
from graphpoly.layers.groups import groups_of
from graphpoly.ops import CSR, spmm
from graphpoly.registry import register

__all__ = ["GNPAggregation"]

# the signs of the exponents that each choice has
SIGNS = {"both": (1, -1), "positive": (1,), "negative": (-1,)}


@register(
    "aggregation",
    paper="Ko, Kwon, Shin, Lee. Learning to Pool in Graph Neural Networks for Extrapolation. 2021",
    arxiv="2106.06210",
    example=lambda: GNPAggregation(8),
    tags={"complexity": "O(|E| C) time and memory, and O(|V| C^2) for the map that joins"},
)
class GNPAggregation(NamedArguments, Aggregation):
    r"""A norm of each group over a power of its size, both exponents learned.

    .. math::
        \mathrm{GNP}_{p,q}(V) = |V|^{-q} \Big( \sum_{v \in V} |v|^p \Big)^{1/p}, \qquad
        y = W \big[\, \mathrm{GNP}_{p_+, q_+}(V) \,\|\, \mathrm{GNP}_{p_-, q_-}(V) \,\big]

    channel by channel, with :math:`p_\pm = \pm\,\mathrm{softplus}(\rho_\pm)`. Of positive numbers,
    (p, q) = (1, 0) is the sum, (1, 1) the mean, (2, 1/2) the root mean square, (-1, -1) the
    harmonic mean. A large p or -p gives the maximum or minimum, up to a factor of
    :math:`|V|^{1/|p|}`. Signs are lost, as in any norm.

    The largest of a group (for p < 0 the smallest), M, is taken out, so that no power overflows:
    with :math:`w = (|v| / M)^{\pm 1} \le 1` the value is
    :math:`M \exp\big(\log(\sum w^{|p|}) / p - q \log |V|\big)`.
    The value is homogeneous of degree one in the input, W included, which has no bias.

    Where there is nothing to take a power of, nothing is made up: zeros add nothing where p > 0,
    make their group 0 where p < 0, and have a gradient of 0; a group without elements is 0.
    As p comes near 0 the value grows as :math:`|V|^{1/p}`, and overflows where that does.

    p and q want steps of their own, p larger ones than weights: the roles ``"norm_p"`` and
    ``"norm_q"`` of :func:`graphpoly.training.parameter_groups`.

    Args:
        channels: Size C of each feature; needed for ``sign="both"`` and for ``shared=False``.
        sign: ``"both"``: one exponent above and one below zero, joined by W. ``"positive"`` or
            ``"negative"``: one of the two alone, without W.
        shared: One p and one q for all channels; otherwise each channel has its own.
        p: Size :math:`|p|` of the exponents at the start, above 0.
        q: Power of the size at the start.

    Shapes:
        - **input:** :math:`(*, N, C)` with ``index`` :math:`(N)` in any order or ``ptr``
          :math:`(G + 1)`; without W and with shared exponents, any axis ``dim`` can be that of N
        - **output:** :math:`(*, G, C)`

    Complexity: O(N C) time and memory, besides W. Sums run in the order of the elements of a group,
    on any device: the result is the same to the bit each time.

    Example:
        >>> import torch
        >>> from graphpoly.layers import GNPAggregation
        >>> rms = GNPAggregation(sign="positive", p=2, q=0.5)
        >>> rms(torch.tensor([[1.0], [7.0], [3.0]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [5.0, 3.0]

    Differences from the paper: zeros are exact, no small number is added to the input; W has no
    bias, which keeps the value homogeneous and empty groups at 0.
    """

    parameter_roles: ClassVar[dict[str, str]] = {"rho": "norm_p", "q": "norm_q"}
    printed: ClassVar[dict[str, object]] = {
        "sign": "both",
        "shared": True,
        "init_p": 1.0,
        "init_q": 0.0,
    }

    def __init__(
        self,
        channels: int | None = None,
        *,
        sign: str = "both",
        shared: bool = True,
        p: float = 1.0,
        q: float = 0.0,
    ) -> None:
        super().__init__()
        if sign not in SIGNS:
            raise unknown("sign", sign, SIGNS)
        if channels is not None:
            check_size("channels", channels)
        elif sign == "both" or not shared:
            raise ValueError('channels: got None, sign="both" and shared=False need their number')
        for name, value in (("p", p), ("q", q)):
            if not isinstance(value, Real) or not math.isfinite(value):
                raise TypeError(f"{name}: got {value!r}, expected a finite number")
        if p <= 0:
            raise ValueError(f"p: got {p}, expected a size above 0; sign says on which side it is")
        self.channels = channels
        self.sign = sign
        self.shared = shared
        self.init_p, self.init_q = float(p), float(q)
        shape = (len(SIGNS[sign]), 1 if shared or channels is None else channels)
        self.rho = Parameter(torch.empty(shape))
        self.q = Parameter(torch.empty(shape))
        self.lin: Linear | None = None
        if sign == "both":
            assert channels is not None
            self.lin = Linear(2 * channels, channels, bias=False)
        self.reset_parameters()

    @property
    def p(self) -> Tensor:
        """The exponents, ``[1 or 2, 1 or C]``, the positive ones first."""
        signs = self.rho.new_tensor(SIGNS[self.sign]).unsqueeze(1)
        return signs * F.softplus(self.rho)

    def reset_parameters(self) -> None:
        """Go back to the exponents of the start, and draw a new W."""
        super().reset_parameters()
        # the inverse of softplus, in a form that no large p overflows
        start = self.init_p + math.log(-math.expm1(-self.init_p))
        torch.nn.init.constant_(self.rho, start)
        torch.nn.init.constant_(self.q, self.init_q)
        if self.lin is not None:
            self.lin.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """Aggregate.

        Args:
            x: ``[..., N, C]``, floating-point.
            index: Group of each element, ``[N]``, in any order.
            ptr: Where each group begins, ``[G+1]``, in place of ``index``.
            dim_size: Number of groups; default one more than the largest index.
            dim: Axis of the elements.

        Raises:
            TypeError: If ``x`` has no floating-point numbers.
            ValueError: If there are other than C channels, or groups do not fit.
        """
        self._check(x, dim)
        rows = x.movedim(dim, 0)
        groups = groups_of(rows, index, ptr, dim_size)
        wide = rows.abs().to(torch.promote_types(x.dtype, torch.float32))
        if x.dim() == 1:
            wide = wide.unsqueeze(-1)
        norms = _norms(groups, wide, SIGNS[self.sign], self.p.to(wide.dtype), self.q.to(wide.dtype))
        out = norms.flatten(-2).to(x.dtype)
        if self.lin is not None:
            out = self.lin(out)
        return out.squeeze(-1) if x.dim() == 1 else out.movedim(0, dim)

    def _check(self, x: Tensor, dim: int) -> None:
        if not x.is_floating_point():
            raise TypeError(f"x: got dtype {x.dtype}, a floating-point dtype is accepted")
        if self.channels is None:
            return
        if x.dim() < 2 or x.size(-1) != self.channels:
            raise ValueError(f"x: got shape {tuple(x.shape)}, expected [..., N, {self.channels}]")
        if dim % x.dim() == x.dim() - 1:
            raise ValueError(f"dim: got {dim}, the last axis is that of the channels")

    def __repr__(self) -> str:
        arguments = [] if self.channels is None else [str(self.channels)]
        arguments += [option.removeprefix("init_") for option in self.options()]
        return f"{type(self).__name__}({', '.join(arguments)})"


def _norms(groups: CSR, v: Tensor, signs: tuple[int, ...], p: Tensor, q: Tensor) -> Tensor:
    """``|V|^-q (sum v^p)^(1/p)`` of each group, ``[G, *, B, C]``, for the B rows of p and of q.

    ``v`` is ``[N, *, C]``, at least 0; ``signs`` are those of the rows of p.
    """
    assert groups.transposed is not None
    group = groups.transposed[1].long()
    extremes, ratios = [], []
    for sign in signs:
        with torch.no_grad():  # the value is the same whatever is taken out, and so is its gradient
            extreme = spmm(groups, v, "max" if sign > 0 else "min")
            scale = extreme.index_select(0, group)
        whole, part = (scale, v) if sign > 0 else (v, scale)
        extremes.append(extreme)
        ratios.append(part / torch.where(whole == 0, 1, whole))
    w = torch.stack(ratios, -2)
    # a power of zero has no derivative that could be multiplied
    zero = w == 0
    power = w.masked_fill(zero, 1).pow(p.abs()).masked_fill(zero, 0)
    total = spmm(groups, power).clamp(min=1)  # the extreme alone is 1: less is a group of nothing
    size = groups.rowptr.diff().clamp(min=1).to(v.dtype).view(-1, *[1] * v.dim())
    return torch.stack(extremes, -2) * (total.log() / p - q * size.log()).exp()
