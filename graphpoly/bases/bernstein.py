"""Bernstein polynomials: non-negative, summing to one, and no three-term recurrence."""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import dct
from scipy.special import comb, gammaln, xlog1py, xlogy
from torch import Tensor

from graphpoly.bases.chebyshev import chebyshev_nodes
from graphpoly.bases.recurrence import check_order
from graphpoly.registry import add

__all__ = ["bernstein"]

_LARGEST = 500  # degree whose binomials, and the powers that they multiply, stay within float64


def bernstein(K: int) -> Tensor:
    r"""Return the Bernstein polynomials of degree K in Chebyshev coefficients.

    .. math:: b_k(x) = \binom{K}{k} \left(\frac{1 + x}{2}\right)^k
        \left(\frac{1 - x}{2}\right)^{K - k} = \sum_{j=0}^{K} M_{jk}\, T_j(x)

    A filter :math:`\sum_k \theta_k b_k` has the Chebyshev coefficients :math:`M \theta` and so
    costs K products; evaluated term by term it costs K (K + 3) / 2. The condition number of M
    doubles with every degree (6e2 at K = 10, 7e5 at K = 20, 7e8 at K = 30): keep the conversion in
    float64.

    Args:
        K: Degree.

    Returns:
        M, ``[K+1, K+1]``, float64: a column for each :math:`b_k`.

    >>> bernstein(1)  # (1 - x) / 2 and (1 + x) / 2
    tensor([[ 0.5000,  0.5000],
            [-0.5000,  0.5000]], dtype=torch.float64)
    """
    check_order(K)
    with torch.device("cpu"):
        x = chebyshev_nodes(K).numpy()[:, None]
    # interpolation as a cosine transform: K^2 log K operations in place of K^3
    matrix = torch.from_numpy(dct(_values(K, (1 + x[::-1]) / 2), axis=0)) / (K + 1)
    matrix[0] /= 2
    return matrix.to(torch.get_default_device())


def _values(K: int, p: np.ndarray) -> np.ndarray:
    """Each polynomial at (1 + x) / 2 = p, ``[K+1]`` in the last axis."""
    k = np.arange(K + 1)
    if K <= _LARGEST:
        return np.asarray(comb(K, k) * p**k * (1 - p) ** (K - k))
    # largest in the middle, where p^k (1 - p)^(K - k) takes the binomial back
    binomial = gammaln(K + 1) - gammaln(k + 1) - gammaln(K - k + 1)
    return np.asarray(np.exp(binomial + xlogy(k, p) + xlog1py(K - k, -p)))


add(
    "basis",
    "bernstein",
    bernstein,
    paper="He, Wei, Huang, Xu. BernNet: Learning Arbitrary Graph Spectral Filters via Bernstein "
    "Approximation. NeurIPS 2021",
    arxiv="2106.10994",
    example=lambda: bernstein(4),
    tags={"domain": "[-1, 1]", "parameters": "none"},
)
