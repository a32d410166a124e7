r"""The p-Laplacian of a weighted graph and what it minimises.

For an undirected graph with weights w and degrees d, and a signal f with one or more channels,

.. math::
    (\nabla f)_{ij} = \sqrt{w_{ij} / d_i}\, f_i - \sqrt{w_{ij} / d_j}\, f_j, \qquad
    S_p(f) = \tfrac12 \sum_{i, j} \|(\nabla f)_{ij}\|^p, \qquad
    (\Delta_p f)_i = \sum_j \sqrt{w_{ij} / d_i}\, \|(\nabla f)_{ij}\|^{p-2} (\nabla f)_{ij}

so that :math:`\langle \Delta_p f, f \rangle = S_p(f)` and :math:`\partial S_p / \partial f = p\,
\Delta_p f`. For p = 2 it is :math:`I - D^{-1/2} W D^{-1/2}` (but for isolated nodes).

Source: Fu, Zhao, Bian. p-Laplacian Based Graph Neural Networks. ICML 2022. arXiv 2111.07337.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import as_size, check_square, check_values, check_weighted
from graphpoly.ops.spmm import spmm

__all__ = ["edge_gradient", "p_dirichlet", "p_laplacian", "p_smooth"]


def edge_gradient(adj: CSR, x: Tensor) -> Tensor:
    r"""Return :math:`\nabla x` at each entry, ``[E, F]``.

    Args:
        adj: W, square and symmetric, with non-negative values.
        x: ``[N, F]``.
    """
    check_square(adj)
    check_values("x", x, adj.num_rows, None, device=adj.col.device)
    kept, dtype = floating(adj, x=x)
    return _gradient(_scaled_roots(adj, dtype), adj, x.to(dtype)).to(kept)


def p_dirichlet(adj: CSR, x: Tensor, p: float) -> Tensor:
    """Return the energy S_p, a scalar.

    Args:
        adj: As for :func:`edge_gradient`.
        x: ``[N, F]``.
        p: At least 1.
    """
    kept, dtype = floating(adj, x=x)
    gradient = _gradient(_scaled_roots(adj, dtype), adj, x.to(dtype))
    return (_power(gradient.square().sum(1), p / 2).sum() / 2).to(kept)


def p_laplacian(adj: CSR, x: Tensor, p: float) -> Tensor:
    r"""Return :math:`\Delta_p x`, ``[N, F]``.

    Args:
        adj: As for :func:`edge_gradient`.
        x: ``[N, F]``.
        p: At least 1. Where the gradient is 0, so is the term, for p < 2 too.

    Complexity: O(E F) time and memory.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> edge = to_csr(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), 2)
    >>> p_laplacian(edge, torch.tensor([[3.0], [1.0]]), 2.0).flatten().tolist()
    [2.0, -2.0]
    """
    _check(p)
    check_square(adj)
    check_values("x", x, adj.num_rows, None, device=adj.col.device)
    kept, dtype = floating(adj, x=x)
    x, root = x.to(dtype), _scaled_roots(adj, dtype)
    gradient = _gradient(root, adj, x)
    size = _power(gradient.square().sum(1, keepdim=True), p / 2 - 1)
    flow = root[0].unsqueeze(1) * size * gradient
    return torch.zeros_like(x).index_add(0, adj.rows(), flow).to(kept)


def p_smooth(adj: CSR, x: Tensor, *, p: float, mu: float, steps: int) -> Tensor:
    r"""Approach the minimum of :math:`S_p(f) + \mu \|f - x\|^2` from f = x.

    .. math::
        f \leftarrow \alpha \odot D^{-1/2} M D^{-1/2} f + \beta \odot x, \quad
        M_{ij} = w_{ij} \|(\nabla f)_{ij}\|^{p-2}, \quad
        \alpha_i = \Big(\sum_j \frac{M_{ij}}{d_i} + \frac{2\mu}{p}\Big)^{-1}, \quad
        \beta = \frac{2\mu}{p} \alpha

    Args:
        adj: As for :func:`edge_gradient`.
        x: ``[N, F]``.
        p: At least 1; up to 2 no step raises the objective.
        mu: Weight of the distance to x, positive.
        steps: Number of steps.

    Returns:
        ``[N, F]``. For p = 2, personalised PageRank with teleport :math:`\mu / (1 + \mu)`.

    Complexity: O(E F) time for a step.
    """
    _check(p)
    steps = as_size("steps", steps)
    if not 0 < mu < math.inf:
        raise ValueError(f"mu, steps: got {mu} and {steps}, expected mu > 0 and steps >= 0")
    check_square(adj)
    check_values("x", x, adj.num_rows, None, device=adj.col.device)
    kept, dtype = floating(adj, x=x)
    x = x.to(dtype)
    root, other = _scaled_roots(adj, dtype)
    rows, pull, out = adj.rows(), 2 * mu / p, x
    for _ in range(steps):
        square = _gradient((root, other), adj, out).square().sum(1)
        size = torch.ones_like(square) if p == 2 else _power(square, p / 2 - 1)
        total = out.new_zeros(adj.num_rows).index_add(0, rows, root * root * size)
        mixed = spmm(adj.with_weight(root * other * size), out)
        out = (mixed + pull * x) / (total + pull).unsqueeze(1)
    return out.to(kept)


def _gradient(root: tuple[Tensor, Tensor], adj: CSR, x: Tensor) -> Tensor:
    return root[0].unsqueeze(1) * x[adj.rows()] - root[1].unsqueeze(1) * x[adj.col]


def _check(p: float) -> None:
    if not 1 <= p < math.inf:
        raise ValueError(f"p: got {p}, expected at least 1")


def _power(square: Tensor, exponent: float) -> Tensor:
    """0 where the base is, whatever the exponent, and with a gradient of 0 there."""
    alive = square > 0
    return torch.where(alive, torch.where(alive, square, 1) ** exponent, 0)


def _scaled_roots(adj: CSR, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    r""":math:`\sqrt{w_{ij} / d_i}` and :math:`\sqrt{w_{ij} / d_j}` of each entry (i, j)."""
    check_weighted(adj)
    assert adj.weight is not None
    weight = adj.weight.to(dtype)
    degree = spmm(adj, weight.new_ones(adj.num_cols, 1)).squeeze(1)
    inverse = torch.where(degree > 0, 1 / torch.where(degree > 0, degree, 1), 0)
    return (
        _power(weight * inverse[adj.rows()], 0.5),
        _power(weight * inverse[adj.col], 0.5),
    )
