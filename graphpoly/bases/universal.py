"""Unit vectors at one angle to each other, made of orthonormal ones."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.bases.recurrence import check_order
from graphpoly.registry import add

__all__ = ["universal"]


def universal(K: int, cosine: float) -> Tensor:
    r"""Return the equiangular family :math:`u_0, \dots, u_K` in an orthonormal one.

    .. math:: u_k = \frac{c}{q_k} \cdot \frac1k \sum_{i < k} u_i + \sqrt{1 - c^2 / q_k}\; v_k,
        \qquad q_k = \frac{1 + (k - 1)\, c}{k}, \qquad u_0 = v_0

    so that :math:`\lVert u_k \rVert = 1` and :math:`\langle u_j, u_k \rangle = c`, for any
    orthonormal :math:`v_0, \dots, v_K`, Lanczos vectors or orthonormal polynomials alike. It is
    UniBasis with the data taken out of it: the published formula gets the same constants from
    inner products, and divides by c.

    Args:
        K: Order.
        cosine: c, in [0, 1]. At 0 the family is the orthonormal one, at 1 all are :math:`v_0`.

    Returns:
        ``[K+1, K+1]``, float64, lower triangular: row k holds :math:`u_k`.

    >>> from graphpoly.bases import universal
    >>> universal(2, 0.5) @ universal(2, 0.5).T
    tensor([[1.0000, 0.5000, 0.5000],
            [0.5000, 1.0000, 0.5000],
            [0.5000, 0.5000, 1.0000]], dtype=torch.float64)
    """
    check_order(K)
    if not 0 <= cosine <= 1:
        raise ValueError(f"cosine: got {cosine}, expected a number in [0, 1]")
    rows = torch.eye(K + 1, dtype=torch.float64)
    total = torch.zeros(K + 1, dtype=torch.float64)
    for k in range(1, K + 1):
        total += rows[k - 1]
        q = (1 + (k - 1) * cosine) / k
        rows[k, k] = max(1 - cosine**2 / q, 0.0) ** 0.5
        rows[k, :k] = cosine / q * total[:k] / k
    return rows


add(
    "basis",
    "universal",
    universal,
    paper="Huang, Cao, Ta, Xiao, Liò. How Universal Polynomial Bases Enhance Spectral Graph Neural "
    "Networks: Heterophily, Over-smoothing, and Over-squashing. ICML 2024",
    arxiv="2405.12474",
    example=lambda: universal(4, 0.5),
    tags={"domain": "spectrum of the graph", "parameters": "none; an angle is chosen"},
)
