r"""What noisy steps reveal of a node: divergences, their conversion, the noise for a budget.

A step adds Gaussian noise of deviation :math:`\sigma \Delta` to a sum over B nodes of terms cut to
length C. Without a graph a node is one term, and what Opacus and dp-accounting say of a subsampled
Gaussian holds. Under message passing it does **not**: a node stands in its own term and in that of
every node that reads it, r in all, and a batch of B of N nodes holds
:math:`\rho \sim \mathrm{Hypergeometric}(N, r, B)` of them. The sum moves by at most
:math:`2 C \rho`, so that with :math:`\Delta = 2 C r` a step's divergence of order
:math:`\alpha` is at most

.. math::
    \gamma(\alpha) = \frac{1}{\alpha - 1} \log \mathbb E_\rho
    \exp\Big(\frac{\alpha (\alpha - 1)}{2 \sigma^2} \frac{\rho^2}{r^2}\Big)

(Daigavane et al. Node-Level Differentially Private Graph Neural Networks. arXiv:2111.15521). Steps
add up, and T of them are :math:`(\varepsilon, \delta)`-private with

.. math::
    \varepsilon = \min_\alpha \Big[ T \gamma(\alpha) + \log\frac{\alpha - 1}{\alpha}
    - \frac{\log (\delta \alpha)}{\alpha - 1} \Big]

(Canonne, Kamath, Steinke. The Discrete Gaussian for Differential Privacy. NeurIPS 2020).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, logsumexp
from scipy.stats import hypergeom

__all__ = ["ORDERS", "PUBLISHED_ORDERS", "Ledger", "Mechanism", "noise_for", "to_epsilon"]

_Numbers = npt.NDArray[np.float64]

#: the orders of the published account
PUBLISHED_ORDERS: _Numbers = np.arange(11, 100) / 10
#: any set of orders gives a bound: these, and more, give one that is never larger
ORDERS: _Numbers = np.union1d(PUBLISHED_ORDERS, 1 + np.geomspace(0.01, 512, 300))

_CLOSE = 1e-6  # how far above the least noise a search may end, as a share of it


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    r"""One noisy step.

    Attributes:
        num_nodes: N, training nodes.
        batch_size: B, nodes of a step, drawn without replacement; their expected number where
            they are drawn one by one.
        terms: r, terms of the sum that a node has a part in.
        sigma: Deviation of the noise over the sensitivity.
        independent: Whether each node is in the batch by a toss of its own, with chance B / N. It
            takes ``terms=1``, and is accounted as a Poisson-subsampled Gaussian.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> step = Mechanism(num_nodes=90_941, batch_size=10_000, terms=6, sigma=2.0)
        >>> round(step.epsilon(3000, delta=1 / 909_410), 1)
        33.8
    """

    num_nodes: int
    batch_size: int
    terms: int
    sigma: float
    independent: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= self.num_nodes:
            raise ValueError(
                f"batch_size: got {self.batch_size}, expected from 1 to the {self.num_nodes} "
                "training nodes"
            )
        most = 1 if self.independent else self.num_nodes
        if not 1 <= self.terms <= most:
            raise ValueError(f"terms: got {self.terms}, expected from 1 to {most}")
        if not self.sigma > 0:
            raise ValueError(f"sigma: got {self.sigma}, expected more than 0")

    @property
    def sensitivity(self) -> int:
        """How far the sum moves with one node, in thresholds.

        Where B is fixed, a node that is gone makes room for another: each term counts twice.
        """
        return 1 if self.independent else 2 * self.terms

    def renyi(self, orders: _Numbers = ORDERS) -> _Numbers:
        """Return the divergence of one step for each order."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.independent:
                found = _poisson(self.batch_size / self.num_nodes, self.sigma, orders)
            else:
                found = _several(self, orders)
        return np.where(np.isnan(found), np.inf, found)  # where little noise overflows, no bound

    def epsilon(self, steps: int, delta: float, orders: _Numbers = ORDERS) -> float:
        """Return the loss after so many steps; 0 after none."""
        return to_epsilon(steps * self.renyi(orders), delta, orders) if steps else 0.0


def to_epsilon(divergences: _Numbers, delta: float, orders: _Numbers = ORDERS) -> float:
    """Convert divergences, one an order, into epsilon for a delta."""
    if not 0 < delta < 1:
        raise ValueError(f"delta: got {delta}, expected more than 0 and less than 1")
    if not (divergences >= 0).all():
        raise ValueError(f"divergences: got {divergences.min()}, expected at least 0")
    bounds = divergences + np.log1p(-1 / orders) - np.log(delta * orders) / (orders - 1)
    return max(0.0, float(bounds.min()))


def noise_for(
    epsilon: float,
    *,
    steps: int,
    delta: float,
    num_nodes: int,
    batch_size: int,
    terms: int,
    independent: bool = False,
) -> Mechanism:
    """Return the step with the least noise such that all steps together lose at most epsilon.

    Raises:
        ValueError: If no noise is enough for the orders that are looked at.

    Example:
        >>> step = noise_for(
        ...     10.0, steps=100, delta=1e-6, num_nodes=90_000, batch_size=10_000, terms=6
        ... )
        >>> step.epsilon(100, 1e-6) <= 10 < step.epsilon(101, 1e-6)
        True
    """
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon: got {epsilon}, expected a number of more than 0")
    if steps < 1:
        raise ValueError(f"steps: got {steps}, expected at least 1")
    least = to_epsilon(np.zeros_like(ORDERS), delta)
    if epsilon <= least:
        raise ValueError(f"epsilon: got {epsilon:g}, expected more than {least:.3g} for this delta")
    step = Mechanism(
        num_nodes=num_nodes,
        batch_size=batch_size,
        terms=terms,
        sigma=1.0,
        independent=independent,
    )

    def enough(sigma: float) -> bool:
        return replace(step, sigma=sigma).epsilon(steps, delta) <= epsilon

    high = 1.0
    while not enough(high):
        high *= 2
    low = high / 2
    while enough(low):
        low, high = low / 2, low
    while high > (1 + _CLOSE) * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return replace(step, sigma=high)


class Ledger:
    """How many steps were taken of those that a budget allows.

    Args:
        mechanism: One step.
        delta: Chance that the bound fails.
        budget: Most steps.
    """

    def __init__(self, mechanism: Mechanism, *, delta: float, budget: int) -> None:
        self.mechanism, self.delta, self.budget = mechanism, delta, budget
        self.steps = 0
        self._renyi = mechanism.renyi()

    @property
    def epsilon(self) -> float:
        """What was lost so far."""
        return self.after(self.steps)

    def after(self, steps: int) -> float:
        """Return what is lost after so many steps."""
        return to_epsilon(steps * self._renyi, self.delta) if steps else 0.0

    def spend(self) -> None:
        """Enter a step.

        Raises:
            ValueError: If the budget has no further one.
        """
        if self.steps >= self.budget:
            raise ValueError(
                f"epsilon: all {self.budget} steps are spent, at {self.epsilon:.4g}; a longer "
                "training needs more noise from the beginning"
            )
        self.steps += 1


def _several(step: Mechanism, orders: _Numbers) -> _Numbers:
    """Return γ of the module's docstring."""
    affected = np.arange(step.terms + 1)
    chances = hypergeom(step.num_nodes, step.terms, step.batch_size).logpmf(affected)
    lengths = (affected / step.terms) ** 2
    exponents = np.outer(orders * (orders - 1) / (2 * step.sigma**2), lengths)
    moments: _Numbers = logsumexp(chances + exponents, axis=1)
    return np.maximum(moments, 0.0) / (orders - 1)


def _poisson(rate: float, sigma: float, orders: _Numbers) -> _Numbers:
    r"""Return the divergences of a Poisson-subsampled Gaussian.

    .. math::
        \exp\big((n - 1) \gamma(n)\big) = \sum_k \binom{n}{k} (1 - q)^{n-k} q^k
        \exp\Big(\frac{k (k - 1)}{2 \sigma^2}\Big)

    at whole orders n (Mironov, Talwar, Zhang. Rényi Differential Privacy of the Sampled Gaussian
    Mechanism. arXiv:1908.10530); its logarithm is convex in the order, so that a chord between two
    of them is a bound.
    """
    whole, binomials = _binomials(math.ceil(orders.max()))
    k = np.arange(len(whole) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = (
            (whole[:, None] - k) * np.log1p(-rate)
            if rate < 1
            else np.where(k == whole[:, None], 0.0, -np.inf)
        )
    terms = binomials + stays + k * math.log(rate) + k * (k - 1) / (2 * sigma**2)
    moments: _Numbers = np.interp(orders, whole, logsumexp(terms, axis=1))
    return np.maximum(moments, 0.0) / (orders - 1)


@functools.lru_cache(maxsize=4)
def _binomials(most: int) -> tuple[_Numbers, _Numbers]:
    """Return the whole numbers n from 1, and the logarithm of each of their binomials."""
    whole = np.arange(1.0, most + 1)
    k = np.arange(most + 1)
    rest = whole[:, None] - k
    logs = gammaln(whole + 1)[:, None] - gammaln(k + 1) - gammaln(np.maximum(rest, 0) + 1)
    return whole, np.where(rest >= 0, logs, -np.inf)
