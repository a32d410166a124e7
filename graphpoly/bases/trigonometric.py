"""Sines and cosines of multiples of one frequency, as polynomials."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.bases.chebyshev import chebyshev_waves
from graphpoly.bases.recurrence import check_order
from graphpoly.registry import add

__all__ = ["trigonometric"]


def trigonometric(K: int, num_frequencies: int, omega: float) -> Tensor:
    r"""Return a truncated Fourier basis in Chebyshev coefficients.

    .. math:: 1,\; \sin(\omega \pi x), \dots, \sin(M \omega \pi x),\;
        \cos(\omega \pi x), \dots, \cos(M \omega \pi x)

    each cut off behind degree K (see :func:`~graphpoly.bases.chebyshev_waves`). The error on
    [-1, 1] is below :math:`2 \sum_{k > K} |J_k(M \omega \pi)|`: give K a dozen more than
    :math:`M \omega \pi`.

    Args:
        K: Degree of the polynomials.
        num_frequencies: M.
        omega: Lowest frequency, in half turns from -1 to 1.

    Returns:
        ``[K+1, 2M+1]``, float64: a column for each function, in the order above.

    >>> import torch
    >>> from graphpoly.bases import chebyshev, evaluate
    >>> quarter = evaluate(chebyshev(12), torch.tensor([0.5])).flatten()
    >>> trigonometric(12, 1, 0.5).T @ quarter.double()  # 1, sin(pi / 4), cos(pi / 4)
    tensor([1.0000, 0.7071, 0.7071], dtype=torch.float64)
    """
    check_order(K)
    if num_frequencies < 0:
        raise ValueError(f"num_frequencies: got {num_frequencies}, expected at least 0")
    times = torch.arange(num_frequencies + 1, dtype=torch.float64, device="cpu")
    frequencies = omega * torch.pi * times
    cosine, sine = chebyshev_waves(frequencies, K)
    waves = torch.cat([cosine[:, :1], sine[:, 1:], cosine[:, 1:]], 1)
    return waves.to(torch.get_default_device())


add(
    "basis",
    "trigonometric",
    trigonometric,
    paper="Li, Yang, Liang, Luo. Polynomial Selection in Spectral Graph Neural Networks: An "
    "Error-Sum of Function Slices Approach. WWW 2025",
    arxiv="2404.15354",
    example=lambda: trigonometric(6, 2, 0.3),
    tags={"domain": "[-1, 1]", "parameters": "none; a frequency is chosen"},
)
