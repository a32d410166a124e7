"""The family that is orthonormal for the signal's own spectral measure."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.registry import add

__all__ = ["optimal"]


def optimal(hessenberg: Tensor, norm: Tensor, lambdas: Tensor) -> Tensor:
    r"""Evaluate the polynomials of a Krylov basis, :math:`v_k = p_k(A)\, x`.

    .. math::
        h_{k,k+1}\, p_{k+1} = \lambda\, p_k - \sum_{j \le k} h_{k,j}\, p_j, \qquad p_0 = 1 / \lVert
        x \rVert

    On a symmetric operator only the terms j = k, k-1 are more than rounding, and this is the
    three-term recurrence of Lanczos. Polynomials past a breakdown are zero, as their vectors are.

    Args:
        hessenberg: :math:`h`, ``[K, K+1, C]``, from :func:`graphpoly.ops.lanczos`.
        norm: :math:`\lVert x \rVert` of each channel, ``[C]``; a channel of zeros gives zeros.
        lambdas: Points, ``[L]``.

    Returns:
        ``[K+1, L, C]``.

    Note:
        Where a point lies on an eigenvalue that the Krylov space has resolved already, the values
        of further polynomials are ill-determined by the recurrence, whatever the arithmetic.
    """
    points = lambdas.to(hessenberg.dtype).unsqueeze(-1)
    first = torch.where(norm > 0, 1 / torch.where(norm > 0, norm, 1), 0)
    values = first.to(points.dtype).expand(1, points.size(0), -1)
    steps = (hessenberg.diagonal(1) > 0).any(0).nonzero()  # past the last one all is zero
    reached = int(steps[-1]) + 1 if steps.numel() else 0
    for k, column in enumerate(hessenberg[:reached], 1):
        projected = torch.einsum("jc,jlc->lc", column[:k], values)
        alive = column[k] > 0
        rest = points * values[-1] - projected
        added = torch.where(alive, rest / torch.where(alive, column[k], 1), 0)
        values = torch.cat([values, added.unsqueeze(0)])
    zeros = values.new_zeros(hessenberg.size(0) - reached, *values.shape[1:])
    return torch.cat([values, zeros])


add(
    "basis",
    "optimal",
    optimal,
    paper="Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023",
    arxiv="2302.12432",
    example=lambda: optimal(torch.ones(1, 2, 1), torch.ones(1), torch.zeros(3)),
    tags={"domain": "spectrum of the graph", "parameters": "none; depends on the data"},
)
