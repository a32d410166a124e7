"""Chebyshev polynomials: recurrence, interpolation, and the coefficients of waves."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import jv
from torch import Tensor

from graphpoly.bases.recurrence import check_order
from graphpoly.registry import add

__all__ = ["chebyshev", "chebyshev_interpolation", "chebyshev_nodes", "chebyshev_waves"]


def chebyshev(K: int, *, kind: int = 1) -> Tensor:
    r"""Return the recurrence of :math:`T_k` (first kind) or :math:`U_k` (second kind).

    .. math:: \lambda\, p_{k-1} = \tfrac12\, p_k + \tfrac12\, p_{k-2}, \qquad
        T_1 = \lambda,\; U_1 = 2 \lambda

    Args:
        K: Order.
        kind: 1 or 2.

    Returns:
        ``[3, K, 1]``, float64.

    >>> import torch
    >>> from graphpoly.bases import evaluate
    >>> evaluate(chebyshev(3), torch.tensor([0.5])).flatten().tolist()
    [1.0, 0.5, -0.5, -1.0]
    >>> evaluate(chebyshev(3, kind=2), torch.tensor([0.5])).flatten().tolist()
    [1.0, 1.0, 0.0, -1.0]
    """
    check_order(K)
    if kind not in (1, 2):
        raise ValueError(f"kind: got {kind}, expected 1 or 2")
    recurrence = torch.zeros(3, K, 1, dtype=torch.float64)
    recurrence[0], recurrence[2] = 0.5, 0.5
    if kind == 1:
        recurrence[0, :1] = 1
    return recurrence


def chebyshev_nodes(K: int) -> Tensor:
    r"""Return the zeros of :math:`T_{K+1}`, in ascending order.

    .. math:: x_j = -\cos \frac{(j + 1/2)\, \pi}{K + 1}, \qquad j = 0, \dots, K

    Returns:
        ``[K+1]``, float64.

    >>> [round(x, 4) for x in chebyshev_nodes(1).tolist()]
    [-0.7071, 0.7071]
    """
    # as a sine around the middle: symmetric to the last bit, and the middle node is exactly 0
    return torch.sin(torch.arange(-K, K + 1, 2, dtype=torch.float64) * (torch.pi / (2 * K + 2)))


def chebyshev_interpolation(K: int) -> Tensor:
    r"""Return the matrix from values at the nodes to coefficients of :math:`T_0, \dots, T_K`.

    .. math:: M_{kj} = \frac{2 - \delta_{k0}}{K + 1}\, T_k(x_j)

    Column j holds the coefficients of the Lagrange polynomial of node j: 1 there, 0 at the others.

    Returns:
        ``[K+1, K+1]``, float64.

    >>> import torch
    >>> from graphpoly.bases import chebyshev_nodes
    >>> square = chebyshev_interpolation(2) @ chebyshev_nodes(2) ** 2  # (T_0 + T_2) / 2
    >>> [round(float(x), 12) + 0.0 for x in square]
    [0.5, 0.0, 0.5]
    """
    # T_k(x_j) is the cosine of a whole multiple of pi / (2 K + 2): reduced as a whole number, for
    # the arc cosine of a node near 1 is off by eps / sin, and k times that in the product
    degree = torch.arange(K + 1)
    steps = degree.unsqueeze(1) * (2 * degree.flip(0) + 1) % (4 * K + 4)
    matrix = 2 / (K + 1) * torch.cos(steps.double() * (torch.pi / (2 * K + 2)))
    matrix[0] /= 2
    return matrix


def chebyshev_waves(frequencies: Tensor, K: int) -> tuple[Tensor, Tensor]:
    r"""Return the Chebyshev coefficients of :math:`\cos(z x)` and :math:`\sin(z x)` on [-1, 1].

    By the Jacobi-Anger expansion, with Bessel functions :math:`J_k`,

    .. math::
        \cos(z x) &= J_0(z) + 2 \sum_{k \ge 1} (-1)^k J_{2k}(z)\, T_{2k}(x) \\
        \sin(z x) &= 2 \sum_{k \ge 0} (-1)^k J_{2k+1}(z)\, T_{2k+1}(x)

    cut off behind degree K. What is cut off sinks faster than any power once K exceeds z: for z
    below 10, K of z plus a dozen gives single precision. A Taylor series only begins to converge at
    K = e z, and is off by :math:`z^K / K!` until then.

    Args:
        frequencies: z, ``[M]``.
        K: Degree.

    Returns:
        Coefficients of the cosines and of the sines, ``[K+1, M]`` each, float64.

    >>> import torch
    >>> cosine, sine = chebyshev_waves(torch.tensor([0.0, 1.0]), 1)
    >>> cosine[:, 0].tolist(), sine[:, 0].tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """
    degree = np.arange(K + 1)[:, None]
    bessel = 2 * jv(degree, frequencies.double().cpu().numpy()[None])
    bessel[0] /= 2
    sign = np.where(degree // 2 % 2 == 0, 1.0, -1.0)
    even = degree % 2 == 0
    cosine, sine = np.where(even, sign * bessel, 0.0), np.where(even, 0.0, sign * bessel)
    device = frequencies.device
    return torch.from_numpy(cosine).to(device), torch.from_numpy(sine).to(device)


add(
    "basis",
    "chebyshev",
    chebyshev,
    paper="Defferrard, Bresson, Vandergheynst. Convolutional Neural Networks on Graphs with Fast "
    "Localized Spectral Filtering. NeurIPS 2016",
    arxiv="1606.09375",
    example=lambda: chebyshev(4),
    tags={"domain": "[-1, 1]", "parameters": "none"},
)
