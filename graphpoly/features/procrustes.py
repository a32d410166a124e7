r"""How far two clouds of points are apart once one has been moved onto the other.

.. math::
    d_G(\hat Z, Z) = \min_{R^\top R = I,\; t} \frac{1}{n} \sum_v \|\hat z_v R + t - z_v\|^2

R is :math:`U V^\top` with :math:`\hat Z^\top Z = U \Sigma V^\top` of the centred clouds
(Schönemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 1966), so
that mirror images are alike; with a scale in front of R, that is
:math:`\mathrm{tr}\, \Sigma / \|\hat Z\|^2`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Motion", "procrustes", "procrustes_distance"]


class Motion(NamedTuple):
    """A motion of space, with a change of unit: :math:`z \\mapsto c (z - a) R + b`.

    Attributes:
        rotation: R, orthogonal, ``[D, D]``.
        scale: c, a number without dimensions.
        origin: a, ``[D]``.
        target: b, ``[D]``.
    """

    rotation: Tensor
    scale: Tensor
    origin: Tensor
    target: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        """Move points ``[..., D]``."""
        return self.scale * (points - self.origin) @ self.rotation + self.target


def procrustes(found: Tensor, true: Tensor, *, scale: bool = False) -> Motion:
    """Return the motion that brings one cloud of points nearest to another.

    Args:
        found: The points that are moved, ``[N, D]``.
        true: Where each of them should be, ``[N, D]``.
        scale: Choose the unit, too; 1 where all of ``found`` is one point.

    Returns:
        The motion, without a gradient.

    Raises:
        TypeError: If points are not floating-point numbers.
        ValueError: If shapes differ, or there is no point.

    Complexity: O(N D^2 + D^3).

    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [0.0, 2.0]])
    >>> turned = 3 * square.flip(1) + 7
    >>> torch.allclose(procrustes(turned, square, scale=True)(turned), square, atol=1e-5)
    True
    """
    for name, points in (("found", found), ("true", true)):
        if not points.is_floating_point():
            raise TypeError(f"{name}: got dtype {points.dtype}, a floating-point one is accepted")
    if found.dim() != 2 or found.shape != true.shape or not len(found):
        raise ValueError(
            f"found, true: got shapes {list(found.shape)} and {list(true.shape)}, expected the "
            "same [N, D] with N at least 1"
        )
    with torch.no_grad():
        origin, target = found.mean(0), true.mean(0)
        centred = found - origin
        u, sigma, vh = torch.linalg.svd(centred.mT @ (true - target))
        unit = sigma.new_ones(())
        size = centred.square().sum()
        if scale:
            unit = torch.where(size > 0, sigma.sum() / torch.where(size > 0, size, 1), 1)
        return Motion(u @ vh, unit, origin, target)


def procrustes_distance(found: Tensor, true: Tensor, *, scale: bool = False) -> Tensor:
    """Return the mean squared distance that is left after the best motion.

    A loss, too: its gradient is that for the motion as it is, since no other motion is better. No
    derivative of a singular value decomposition is taken, which equal singular values would spoil.

    Arguments, errors and cost are those of :func:`procrustes`.

    Returns:
        A number without dimensions, of the dtype of the points.

    >>> line = torch.tensor([[0.0], [1.0], [5.0]])
    >>> round(float(procrustes_distance(4 - line, line)), 6)
    0.0
    """
    motion = procrustes(found, true, scale=scale)
    return (motion(found) - true).square().sum(1).mean()
