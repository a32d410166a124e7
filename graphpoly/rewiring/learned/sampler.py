r"""Subsets of exactly k elements in a forward pass, with one of four gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from graphpoly.errors import unknown
from graphpoly.rewiring.learned.subsets import sample_subsets, subset_marginals

__all__ = ["SubsetSampler", "top_subset"]

ESTIMATORS = ("simple", "imle", "gumbel", "straight_through")
_NEVER = -1e30
_TERMS = 10  # of the sums of gamma variables


def top_subset(theta: Tensor, k: int, mask: Tensor | None = None) -> Tensor:
    """Return the k largest elements of each row, 0 and 1 in ``[..., n]``; of equal ones the first.

    >>> top_subset(torch.tensor([1.0, 3.0, 3.0, 3.0]), 2).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    there = torch.ones_like(theta, dtype=torch.bool) if mask is None else mask.bool()
    order = torch.where(there, theta, -torch.inf).sort(dim=-1, descending=True, stable=True).indices
    chosen = torch.zeros_like(theta).scatter(-1, order[..., : min(k, theta.size(-1))], 1.0)
    return chosen * there


class SubsetSampler(nn.Module):
    r"""Chooses exactly k elements of each row, or all where there are no more.

    In ``eval()`` these are the k largest. In ``train()`` they are drawn, with the gradient of

    * ``"simple"``: the marginals :math:`\mu(\theta)` of the distribution that the draw follows,
    * ``"imle"``: the difference of two largest subsets,
      :math:`z(\theta + \epsilon) - z(\theta - \beta \nabla_z + \epsilon)`, with noise
      :math:`\epsilon` that is a sum of gamma variables,
    * ``"gumbel"``: a relaxation of the Gumbel top-k draw by k softmaxes,
    * ``"straight_through"``: :math:`\theta` itself.

    Args:
        k: Size of the subsets.
        estimator: One of these.
        temperature: Of ``"gumbel"``, and of the noise of ``"imle"``.
        beta: Of ``"imle"``.

    Shapes:
        - **input:** :math:`\theta` ``[..., n]``, and which elements there are, ``[..., n]``
        - **output:** 0 and 1, ``[..., n]``

    Complexity: O(n k) for each row.

    Ahmed et al., "SIMPLE", ICLR 2023; Niepert, Minervini and Franceschi, "Implicit MLE", NeurIPS
    2021; Xie and Ermon, "Reparameterizable Subset Sampling via Continuous Relaxations", IJCAI 2019.

    >>> sampler = SubsetSampler(2)
    >>> sampler(torch.randn(3, 5)).sum(1).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        k: int,
        *,
        estimator: str = "simple",
        temperature: float = 1.0,
        beta: float = 10.0,
    ) -> None:
        super().__init__()
        if k < 0:
            raise ValueError(f"k: got {k}, expected at least 0")
        if estimator not in ESTIMATORS:
            raise unknown("estimator", estimator, ESTIMATORS)
        if not temperature > 0:
            raise ValueError(f"temperature: got {temperature}, expected more than 0")
        self.k, self.estimator = k, estimator
        self.temperature, self.beta = temperature, beta

    def forward(
        self,
        theta: Tensor,
        mask: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Choose.

        Args:
            theta: ``[..., n]``.
            mask: Which elements there are, ``[..., n]``.
            generator: Where draws come from in ``train()``; default torch's global one.
        """
        if not self.training:
            chosen = top_subset(theta.detach(), self.k, mask)
            if self.estimator == "simple" and torch.is_grad_enabled() and theta.requires_grad:
                return _through(chosen, subset_marginals(theta, self.k, mask))
            return chosen
        if self.estimator == "simple":
            chosen = sample_subsets(theta, self.k, mask, generator=generator)
            return _through(chosen, subset_marginals(theta, self.k, mask))
        if self.estimator == "imle":
            noise = self.temperature * _sum_of_gammas(theta, max(self.k, 1), generator)
            found: Tensor = _ImplicitMLE.apply(theta, noise, self.k, mask, self.beta)
            return found
        if self.estimator == "gumbel":
            return self._gumbel(theta, mask, generator)
        return _through(sample_subsets(theta, self.k, mask, generator=generator), theta)

    def _gumbel(
        self, theta: Tensor, mask: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        drawn = torch.empty_like(theta).exponential_(generator=generator)
        score = theta - drawn.clamp(min=1e-30).log()
        chosen = top_subset(score.detach(), self.k, mask)
        rest = score if mask is None else torch.where(mask.bool(), score, _NEVER)
        rest = rest / self.temperature
        soft = torch.zeros_like(theta)
        for _ in range(min(self.k, theta.size(-1))):
            share = torch.softmax(rest, -1)
            soft = soft + share
            rest = rest + torch.log1p(-share.clamp(max=1 - 1e-6))
        return _through(chosen, soft)

    def extra_repr(self) -> str:
        return (
            f"{self.k}, estimator={self.estimator!r}, temperature={self.temperature}, "
            f"beta={self.beta}"
        )


def _through(value: Tensor, gradient: Tensor) -> Tensor:
    """``value`` forward, the gradient of ``gradient`` backward."""
    return value + (gradient - gradient.detach())


def _sum_of_gammas(theta: Tensor, k: int, generator: torch.Generator | None) -> Tensor:
    """Noise whose sum over k elements is nearly Gumbel's."""
    total = torch.zeros_like(theta)
    shape = torch.full_like(theta, 1 / k)
    for i in range(1, _TERMS + 1):
        total = total + torch._standard_gamma(shape, generator=generator) * k / i
    return (total - torch.log(torch.tensor(float(_TERMS), device=theta.device))) / k


class _ImplicitMLE(torch.autograd.Function):
    @staticmethod
    def forward(theta: Tensor, noise: Tensor, k: int, mask: Tensor | None, beta: float) -> Tensor:
        return top_subset(theta + noise, k, mask)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        theta, noise, ctx.k, mask, ctx.beta = inputs
        ctx.save_for_backward(theta, noise, output, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        theta, noise, chosen, mask = ctx.saved_tensors
        better = top_subset(theta - ctx.beta * grad + noise, ctx.k, mask)
        return chosen - better, None, None, None, None
