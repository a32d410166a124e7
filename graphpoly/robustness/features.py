r"""Features that somebody moves: at random, or to where a loss is large.

How far they may move is the radius r of a ball around x. It is one of

.. math::
    \text{nodes: } \|\delta_v\|_2 \le r \text{ for every node } v, \qquad
    \text{entries: } |\delta_{vc}| \le r, \qquad \text{whole: } \|\delta\|_F \le r
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from graphpoly.errors import unknown

__all__ = ["BALLS", "PLACES", "check_radius", "pgd", "project", "random_perturbation"]

BALLS = ("nodes", "entries", "whole")
PLACES = ("ball", "sphere")


def random_perturbation(
    x: Tensor,
    radius: float,
    *,
    ball: str = "nodes",
    place: str = "ball",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return ``x``, moved to a point that is drawn uniformly from a ball around it.

    Args:
        x: ``[N, F]``.
        radius: Of the ball.
        ball: ``"nodes"``, ``"entries"`` or ``"whole"``.
        place: ``"ball"``, or ``"sphere"`` for its surface; of ``"entries"``, its corners.
        generator: Of the device of ``x``.

    Raises:
        ValueError: If a name is unknown or the radius negative.

    >>> import torch
    >>> random_perturbation(torch.zeros(2, 3), 2.0, place="sphere").norm(dim=1).round().tolist()
    [2.0, 2.0]
    """
    check_radius(radius, ball)
    if place not in PLACES:
        raise unknown("place", place, PLACES)

    def draw(sample: Callable[..., Tensor], *shape: int) -> Tensor:
        return sample(*shape, dtype=x.dtype, device=x.device, generator=generator)

    num_nodes, width = x.shape
    if ball == "entries":
        noise = 2 * draw(torch.rand, num_nodes, width) - 1
        return x + radius * (noise if place == "ball" else _signs(noise))
    rows = num_nodes if ball == "nodes" else 1
    noise = draw(torch.randn, num_nodes, width)
    if place == "ball":
        inner = draw(torch.rand, rows, 1) ** (rows / max(1, x.numel()))
    else:
        inner = x.new_ones(rows, 1)
    return x + radius * inner * _direction(noise, ball)


def project(delta: Tensor, radius: float, *, ball: str = "nodes") -> Tensor:
    """Return the point of a ball around 0 that is nearest to ``delta``.

    Args:
        delta: ``[N, F]``.
        radius: Of the ball.
        ball: ``"nodes"``, ``"entries"`` or ``"whole"``.
    """
    check_radius(radius, ball)
    if ball == "entries":
        return delta.clamp(-radius, radius)
    length = _lengths(delta, ball)
    return torch.where(length > radius, delta * (radius / length), delta)


def pgd(
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    radius: float,
    *,
    ball: str = "nodes",
    steps: int = 20,
    step_size: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return features within a ball around ``x`` that make a loss large, by projected gradients.

    .. math:: \delta \leftarrow \Pi_r\left(\delta + \alpha\, d(\nabla_\delta\, \mathrm{loss})\right)

    (Madry, Makelov, Schmidt, Tsipras, Vladu. Towards Deep Learning Models Resistant to Adversarial
    Attacks. ICLR 2018), where d gives the steepest direction of the ball: each row of the gradient
    divided by its length, its signs, or all of it divided by its length. The best point on the way
    is returned; where the loss is linear it is the best of the ball.

    Args:
        loss: From features to a number that is to be large.
        x: ``[N, F]``.
        radius: Of the ball.
        ball: ``"nodes"``, ``"entries"`` or ``"whole"``.
        steps: Number of gradients.
        step_size: :math:`\alpha`; default :math:`2.5\, r / \mathrm{steps}`.
        generator: To start from a random point of the ball; default from ``x``.

    Returns:
        ``[N, F]``, without a gradient.

    Raises:
        ValueError: If a name is unknown or a number is out of range.

    >>> import torch
    >>> pgd(lambda x: (x * torch.tensor([[3.0, 4.0]])).sum(), torch.zeros(1, 2), 5.0)
    tensor([[3., 4.]])
    """
    check_radius(radius, ball)
    if steps < 1:
        raise ValueError(f"steps: got {steps}, expected at least 1")
    if step_size is not None and not 0 < step_size < math.inf:
        raise ValueError(f"step_size: got {step_size}, expected a positive number or None")
    alpha = 2.5 * radius / steps if step_size is None else step_size
    x = x.detach()
    moved = (
        x if generator is None else random_perturbation(x, radius, ball=ball, generator=generator)
    )
    best, highest = moved, x.new_tensor(-math.inf)
    for step in range(steps + 1):
        moved = moved.requires_grad_()
        with torch.enable_grad():
            value = loss(moved)
        better = value.detach() > highest
        best = torch.where(better, moved.detach(), best)
        highest = torch.where(better, value.detach(), highest)
        if step < steps:
            (gradient,) = torch.autograd.grad(value, moved)
            delta = moved.detach() - x + alpha * _direction(gradient, ball)
            moved = x + project(delta, radius, ball=ball)
    return best.detach()


def check_radius(radius: float, ball: str) -> None:
    """Raise a ValueError unless there is such a ball."""
    if ball not in BALLS:
        raise unknown("ball", ball, BALLS)
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius: got {radius}, expected a number of at least 0")


def _direction(gradient: Tensor, ball: str) -> Tensor:
    """The point of the unit ball that goes farthest along a gradient."""
    if ball == "entries":
        return gradient.sign()
    length = _lengths(gradient, ball)
    return torch.where(length > 0, gradient / torch.where(length > 0, length, 1), 0)


def _signs(noise: Tensor) -> Tensor:
    return torch.where(noise < 0, -1, 1).to(noise.dtype)


def _lengths(delta: Tensor, ball: str) -> Tensor:
    """Length of each row, ``[N, 1]``, or of all, ``[1, 1]``."""
    if ball == "nodes":
        return delta.norm(dim=1, keepdim=True)
    return delta.norm().view(1, 1)
