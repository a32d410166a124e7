r"""How far outputs move on average where features move at random.

Abbahaddou et al. (Bounding the Expected Robustness of Graph Neural Networks Subject to Node Feature
Attacks. ICLR 2024) call a network vulnerable by the probability that a random perturbation within a
budget moves an output by more than :math:`\sigma`. It is estimated by drawing perturbations, and
bounded by Markov's inequality:

.. math::
    P(\|\Delta f_u\| > \sigma) \le \frac{E \|\Delta f_u\|}{\sigma} \le
    \frac{\|W\|_2 \prod_l \|W_l\|_2\, \sum_v (|P|^L)_{uv}\, E \|\delta_v\|}{\sigma}

The paper has the radius in place of :math:`E \|\delta_v\|`, which is never larger. Where not even
the farthest perturbation moves an output by :math:`\sigma` the probability is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.robustness.bounds import FeatureBound
from graphpoly.robustness.features import PLACES, check_radius, random_perturbation

__all__ = ["Expected", "expected_bound", "expected_length", "expected_robustness"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What :func:`expected_robustness` found of each node.

    Attributes:
        distance: Mean of how far the output moved, ``[N]``.
        squared: Mean of its square, ``[N]``.
        exceeded: Share of the draws in which it moved by more than sigma, ``[N]``.
        bound: Bound of the probability of that, ``[N]``; None where nothing is known.
        samples: Number of draws.
    """

    distance: Tensor
    squared: Tensor
    exceeded: Tensor
    bound: Tensor | None
    samples: int

    @property
    def vulnerability(self) -> float:
        """Estimated probability that the output of a node moves by more than sigma."""
        return float(self.exceeded.mean())


@torch.no_grad()
def expected_robustness(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    radius: float,
    *,
    sigma: float,
    ball: str = "nodes",
    place: str = "ball",
    samples: int = 100,
    bound: FeatureBound | None = None,
    generator: torch.Generator | None = None,
) -> Expected:
    """Estimate how far the outputs of a network move where its features move at random.

    Args:
        function: From features ``[N, F]`` to outputs ``[N, C]``, without chance of its own.
        x: Features, ``[N, F]``.
        radius: Of the ball that perturbations are drawn from.
        sigma: Distance that counts, above 0.
        ball, place: See :func:`~graphpoly.robustness.random_perturbation`.
        samples: Number of draws.
        bound: Of the network, for a bound of the probability.
        generator: Of the device of ``x``.

    Raises:
        ValueError: If a name is unknown or a number is out of range.

    >>> import torch
    >>> found = expected_robustness(lambda x: 2 * x, torch.zeros(3, 4), 1.0, sigma=1.9,
    ...     place="sphere")
    >>> round(float(found.distance.mean()), 4), found.vulnerability
    (2.0, 1.0)
    """
    if samples < 1:
        raise ValueError(f"samples: got {samples}, expected at least 1")
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma: got {sigma}, expected a positive number")
    before = function(x)
    totals = torch.zeros(3, before.size(0), dtype=torch.float64, device=before.device)
    for _ in range(samples):
        moved = random_perturbation(x, radius, ball=ball, place=place, generator=generator)
        length = (function(moved) - before).norm(dim=1).double()
        totals += torch.stack([length, length.square(), (length > sigma).double()])
    distance, squared, exceeded = totals / samples
    known = None
    if bound is not None:
        mean = expected_bound(bound, radius, ball=ball, place=place)
        can = bound.distance(radius, ball=ball) > sigma
        known = torch.where(can, (mean / sigma).clamp(max=1), 0)
    return Expected(
        distance=distance, squared=squared, exceeded=exceeded, bound=known, samples=samples
    )


def expected_bound(
    bound: FeatureBound, radius: float, *, ball: str = "nodes", place: str = "ball"
) -> Tensor:
    """Return a bound of how far the output of each node moves on average, ``[N]``.

    Args:
        bound: Of the network.
        radius, ball, place: As of :func:`expected_robustness`.
    """
    shape = bound.walks.numel(), bound.width
    length = expected_length(*shape, radius, ball=ball, place=place)
    return bound.inner * bound.outer * bound.walks * length


def expected_length(
    num_nodes: int, width: int, radius: float, *, ball: str = "nodes", place: str = "ball"
) -> float:
    r"""Return the mean length of a row of a random perturbation, or a bound of it.

    It is :math:`r\, d / (d + 1)` within ``"nodes"`` for rows of d numbers. Of ``"entries"`` and
    ``"whole"`` the root of the mean square stands, :math:`r \sqrt{d / 3}` and
    :math:`r \sqrt{d / (N d + 2)}`. On the surface they are :math:`r`, :math:`r \sqrt d` and
    :math:`r / \sqrt N`.

    Args:
        num_nodes: N.
        width: d.
        radius, ball, place: As of :func:`expected_robustness`.

    >>> expected_length(5, 4, 1.0)
    0.8
    """
    check_radius(radius, ball)
    if place not in PLACES:
        raise unknown("place", place, PLACES)
    inside = place == "ball"
    if ball == "nodes":
        return radius * (width / (width + 1) if inside else 1)
    if ball == "entries":
        return radius * math.sqrt(width / 3 if inside else width)
    total = max(1, num_nodes * width)
    return radius * math.sqrt(width / (total + (2 if inside else 0)))
