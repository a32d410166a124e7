r"""The distribution over subsets of exactly k elements.

.. math::
    P(z) = \frac{e^{\theta^\top z}}{Z_k(\theta)}, \qquad
    z \in \{0, 1\}^n,\; \textstyle\sum_i z_i = k

Everything comes from the table :math:`F_{ij} = \log Z_j(\theta_1, \dots, \theta_i)`, filled by
:math:`F_{ij} = \operatorname{logaddexp}(F_{i-1,j},\, F_{i-1,j-1} + \theta_i)`. Going back through
it, element i is chosen in state j with probability
:math:`q_{ij} = \exp(F_{i-1,j-1} + \theta_i - F_{ij})`, whether that is followed for one sample or
for all of them at once. The gradient of the marginals is their covariance, by a third pass; nothing
is differentiated through the logarithms.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["sample_subsets", "subset_marginals"]

_NEVER = -1e30  # minus infinity would give NaN


def subset_marginals(theta: Tensor, k: int, mask: Tensor | None = None) -> Tensor:
    r"""Return the probability of each element to be in the subset, :math:`\mu = \nabla \log Z_k`.

    Args:
        theta: ``[..., n]``.
        k: Size of the subsets; rows with fewer elements are taken whole.
        mask: Which elements there are, ``[..., n]``; others have the probability 0.

    Returns:
        ``[..., n]``; a row adds up to k, or to the number of its elements. Differentiable once.

    Complexity: O(n k) time and memory for each row, in n steps; computed in float64.

    Ahmed, Zeng, Niepert and Van den Broeck, "SIMPLE: A Gradient Estimator for k-Subset Sampling",
    ICLR 2023, arXiv:2210.01941.

    >>> import math
    >>> theta = torch.tensor([math.log(2), 0.0, 0.0], dtype=torch.float64)
    >>> [round(p, 6) for p in subset_marginals(theta, 2).tolist()]
    [0.8, 0.6, 0.6]
    """
    rows, size = _entered(theta, k, mask)
    marginals: Tensor = _Marginals.apply(rows, size)[0]
    return marginals.to(theta.dtype).reshape(theta.shape)


def sample_subsets(
    theta: Tensor, k: int, mask: Tensor | None = None, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draw a subset by exactly that distribution for each row, 0 and 1 in ``[..., n]``.

    Arguments and cost are those of :func:`subset_marginals`; without a gradient.
    """
    with torch.no_grad():
        rows, size = _entered(theta, k, mask)
        chance = _chances(rows, int(size.max()) if size.numel() else 0)
        state, n = size.clone(), rows.size(1)
        drawn = torch.zeros_like(rows)
        at = torch.rand(rows.shape, generator=generator, dtype=rows.dtype, device=rows.device)
        for i in range(n - 1, -1, -1):
            q = chance[i].gather(1, state.unsqueeze(1)).squeeze(1)
            taken = (at[:, i] < q) & (state > 0)
            drawn[:, i] = taken
            state = state - taken.long()
    return drawn.to(theta.dtype).reshape(theta.shape)


def _entered(theta: Tensor, k: int, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Rows in float64, and the size of the subset of each."""
    if k < 0:
        raise ValueError(f"k: got {k}, expected at least 0")
    if theta.dim() == 0 or not theta.is_floating_point():
        raise ValueError(f"theta: got {theta.dtype} {list(theta.shape)}, expected numbers [..., n]")
    if mask is not None and mask.shape != theta.shape:
        raise ValueError(f"mask: got {list(mask.shape)}, expected {list(theta.shape)}")
    rows = theta.reshape(theta.shape[:-1].numel(), theta.size(-1)).double()
    count = torch.full((rows.size(0),), rows.size(1), device=rows.device)
    if mask is not None:
        there = mask.reshape(rows.shape).bool()
        rows = torch.where(there, rows, _NEVER)
        count = there.sum(1)
    return rows, count.clamp(max=k)


def _chances(theta: Tensor, k: int) -> Tensor:
    """q of each element and state, ``[n, B, k+1]``."""
    batch, n = theta.shape
    table = theta.new_full((batch, k + 1), _NEVER)
    table[:, 0] = 0
    chance = theta.new_zeros(n, batch, k + 1)
    for i in range(n):
        chosen = table[:, :-1] + theta[:, i : i + 1]
        longer = table.clone()
        longer[:, 1:] = torch.logaddexp(table[:, 1:], chosen)
        # states that cannot be reached have no meaning, and no weight later
        chance[i, :, 1:] = (chosen - longer[:, 1:]).clamp(max=0).exp()
        table = longer
    return chance


class _Marginals(torch.autograd.Function):
    @staticmethod
    def forward(theta: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        k = int(size.max()) if size.numel() else 0
        chance = _chances(theta, k)
        weight = _start(chance, size)
        out = torch.empty_like(theta)
        for i in range(theta.size(1) - 1, -1, -1):
            taken = weight * chance[i]
            out[:, i] = taken.sum(1)
            weight = weight - taken
            weight[:, :-1] += taken[:, 1:]
        return out, chance

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], inputs[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None]:
        """The covariance times the gradient: the derivative of the forward pass along it."""
        chance, size = ctx.saved_tensors
        n, batch, states = chance.shape
        along = torch.zeros(batch, states, dtype=grad.dtype, device=grad.device)  # of the table
        slope = torch.zeros_like(chance)
        for i in range(n):
            q, step = chance[i], grad[:, i : i + 1]
            moved = torch.zeros_like(along)
            moved[:, 1:] = along[:, :-1] + step
            longer = torch.lerp(along, moved, q)
            slope[i] = q * (moved - longer)
            along = longer
        weight = _start(chance, size)
        change = torch.zeros_like(weight)
        out = grad.new_empty(batch, n)
        for i in range(n - 1, -1, -1):
            q = chance[i]
            taken = weight * q
            more = change * q + weight * slope[i]
            out[:, i] = more.sum(1)
            weight, change = weight - taken, change - more
            weight[:, :-1] += taken[:, 1:]
            change[:, :-1] += more[:, 1:]
        return out, None


def _start(chance: Tensor, size: Tensor) -> Tensor:
    """All weight on the state in which the whole subset has been chosen."""
    weight = chance.new_zeros(chance.shape[1:])
    return weight.scatter(1, size.unsqueeze(1), 1.0)
