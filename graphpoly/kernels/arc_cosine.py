r"""The arc-cosine kernels: what a layer of infinitely many rectified units makes of a covariance.

For Gaussian a, b with correlation :math:`c = \cos\theta` and unit variances

.. math::
    \kappa_0(c) = 2\,\mathbb{E}[\sigma'(a)\, \sigma'(b)] = \frac{\pi - \theta}{\pi}, \qquad
    \kappa_1(c) = 2\,\mathbb{E}[\sigma(a)\, \sigma(b)]
        = \frac{c\,(\pi - \theta) + \sqrt{1 - c^2}}{\pi}

where :math:`\sigma` is ReLU (Cho and Saul, Kernel Methods for Deep Learning, NeurIPS 2009). Since
:math:`\kappa_1(1) = 1`, variances pass such a layer unchanged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["arc_cosine", "inverse", "rectify"]

# The angle is the root of 2 (1 - c): where float64 cannot tell c from 1, it cannot tell the angle
# from zero below 8e-8. Rows that are multiples of each other get what is exact for them.
_TIE = 2.0**-48
_SLAB = 1 << 15  # entries: what is computed at once stays in the cache


def arc_cosine(correlation: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return :math:`\kappa_0` and :math:`\kappa_1` of correlations.

    Args:
        correlation: float64 of any shape. Values beyond [-1, 1], and those less than 4e-15 inside,
            count as the bounds.

    >>> import torch
    >>> zeroth, first = arc_cosine(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    >>> zeroth.tolist(), (math.pi * first).tolist()
    ([0.0, 0.5, 1.0], [0.0, 1.0, 3.141592653589793])
    """
    c = torch.where(correlation.abs() > 1 - _TIE, correlation.sign(), correlation)
    supplement = torch.acos(-c)  # pi - theta
    first = (1 - c).mul_(1 + c).sqrt_().addcmul_(c, supplement)
    return supplement.div_(math.pi), first.div_(math.pi)


def rectify(
    sigma: Tensor, theta: Tensor, left: Tensor, right: Tensor, num_layers: int = 1
) -> tuple[Tensor, Tensor]:
    r"""Pass a covariance and a tangent kernel through perceptron layers, in place.

    Each layer is :math:`\Sigma'_{ij} = \sqrt{\Sigma_{ii} \Sigma_{jj}}\,\kappa_1(c_{ij})` and
    :math:`\Theta'_{ij} = \Theta_{ij}\,\kappa_0(c_{ij}) + \Sigma'_{ij}`, with
    :math:`c_{ij} = \Sigma_{ij} / \sqrt{\Sigma_{ii} \Sigma_{jj}}`.

    Args:
        sigma: :math:`\Sigma`, float64 ``[I, J]``.
        theta: :math:`\Theta`, ``[I, J]``.
        left: Standard deviations :math:`\sqrt{\Sigma_{ii}}` of the rows, ``[I]``.
        right: Those of the columns, ``[J]``.
        num_layers: Number of layers.

    Returns:
        ``sigma`` and ``theta``. Where a standard deviation is 0, so is the covariance.

    Complexity: O(num_layers I J) time, a slab of rows at a time.
    """
    if not sigma.is_contiguous():  # column by column: the transposes are row by row
        rectify(sigma.t(), theta.t(), right, left, num_layers)
        return sigma, theta
    inverse_left, inverse_right = inverse(left), inverse(right)
    step = max(1, _SLAB // max(1, sigma.size(1)))
    for begin in range(0, sigma.size(0), step):
        rows = slice(begin, begin + step)
        scale = torch.outer(left[rows], right)
        shrink = torch.outer(inverse_left[rows], inverse_right)
        correlation, tangent = sigma[rows] * shrink, theta[rows] * shrink
        for _ in range(num_layers):
            zeroth, correlation = arc_cosine(correlation)
            tangent.mul_(zeroth).add_(correlation)
        torch.mul(correlation, scale, out=sigma[rows])
        torch.mul(tangent, scale, out=theta[rows])
    return sigma, theta


def inverse(deviation: Tensor) -> Tensor:
    """Return the reciprocals of standard deviations, 0 of 0."""
    return torch.where(deviation > 0, deviation.reciprocal(), 0)
