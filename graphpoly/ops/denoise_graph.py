r"""Learning the weights of a graph from a noisy version of it and from the features of its nodes.

Over the weights :math:`w \ge 0` of the given edges,

.. math::
    F(w) = \alpha\, \|L(w) - L(w_0)\|_F^2 + \tfrac{\beta}{2} \sum_{e = (i, j)} w_e\,
    \|x_i - x_j\|^p, \qquad
    L(w) = \tfrac12 \sum_{e = (i, j)} w_e\, (e_i - e_j)(e_i - e_j)^\top

where each undirected edge counts as two entries, so that :math:`L(w)` is the Laplacian of the
symmetric part of the graph. With :math:`L^*` its adjoint, the gradient is :math:`2 \alpha L^* L (w
- w_0) + \tfrac{\beta}{2} \|x_i - x_j\|^p`, and 0 at :math:`w_0` for :math:`\beta = 0`.

Each step minimises a bound of F that is separate for each entry, the row sums of :math:`L^* L` in
place of the matrix. It never raises F and needs no constant of the whole graph. On the complete
graph it is the known constant :math:`2 n` of :math:`\|L^* L\|` for undirected edges.

Sources: Sirohi, Halder, Kumar, Kumar. arXiv 2409.19096; the published code that it goes back to
takes :math:`\alpha L^* L(w) - 2 \alpha L^* L(w_0)` for the first part, whose fixed point at
:math:`\beta = 0` is :math:`2 w_0`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import as_size, check_square, check_values, check_weighted
from graphpoly.ops.pairs import pair_sum
from graphpoly.ops.take_rows import take_rows

__all__ = [
    "denoise_graph",
    "denoising_gradient",
    "denoising_objective",
    "edge_distances",
    "laplacian",
    "laplacian_adjoint",
]


def laplacian(adj: CSR, weight: Tensor) -> Tensor:
    """Return L(w) as a dense ``[N, N]`` matrix.

    Args:
        adj: The structure, square.
        weight: w, ``[E]``, in the order of the entries. Self-loops have no part in it.
    """
    rows, cols = adj.rows().long(), adj.col.long()
    half = torch.where(rows == cols, 0, weight / 2)
    out = weight.new_zeros(adj.num_rows, adj.num_rows)
    for i, j, sign in ((rows, rows, 1), (cols, cols, 1), (rows, cols, -1), (cols, rows, -1)):
        out = out.index_put((i, j), sign * half, accumulate=True)
    return out


def laplacian_adjoint(adj: CSR, matrix: Tensor) -> Tensor:
    r"""Return :math:`L^*(M)_e = \tfrac12 (M_{ii} + M_{jj} - M_{ij} - M_{ji})`, ``[E]``.

    Args:
        adj: The structure, square.
        matrix: M, dense ``[N, N]``.
    """
    i, j = adj.rows().long(), adj.col.long()
    return (matrix[i, i] + matrix[j, j] - matrix[i, j] - matrix[j, i]) / 2


def edge_distances(adj: CSR, x: Tensor, p: float = 2.0) -> Tensor:
    r"""Return :math:`\|x_i - x_j\|^p` of each entry, ``[E]``.

    Args:
        adj: The structure, square.
        x: ``[N, F]``.
        p: Positive. Where the distance is 0, so is its gradient.

    Complexity: O(E F) time and memory.
    """
    if p <= 0:
        raise ValueError(f"p: got {p}, expected a positive number")
    check_square(adj)
    check_values("x", x, adj.num_rows, None, device=adj.col.device)
    kept, dtype = floating(x=x)
    x = x.to(dtype)
    square = (take_rows(x, adj.rows()) - take_rows(x, adj.col)).square().sum(1)
    alive = square > 0
    return torch.where(alive, torch.where(alive, square, 1) ** (p / 2), 0).to(kept)


def denoising_objective(
    adj: CSR, weight: Tensor, distance: Tensor, *, alpha: float = 1.0, beta: float = 0.1
) -> Tensor:
    """Return F(w), a scalar; arguments as for :func:`denoising_gradient`."""
    change = _change(adj, weight)
    fidelity = (change * _curvature(adj, change)).sum()
    return alpha * fidelity + beta / 2 * (weight * distance).sum()


def denoising_gradient(
    adj: CSR, weight: Tensor, distance: Tensor, *, alpha: float = 1.0, beta: float = 0.1
) -> Tensor:
    """Return the gradient of F, ``[E]``, 0 for self-loops.

    Args:
        adj: The noisy graph with its weights.
        weight: w, ``[E]``.
        distance: That of each entry, ``[E]``; see :func:`edge_distances`.
        alpha: Weight of the fidelity.
        beta: Weight of the smoothness.
    """
    gradient = 2 * alpha * _curvature(adj, _change(adj, weight)) + beta / 2 * distance
    return torch.where(adj.rows() == adj.col, 0, gradient)


def denoise_graph(
    adj: CSR, distance: Tensor, *, alpha: float = 1.0, beta: float = 0.1, steps: int = 10
) -> Tensor:
    """Return the weights after so many steps from those of ``adj``, ``[E]``.

    Args:
        adj: The noisy graph with its weights, at least 0; entries of weight 0 are candidates. A
            graph that is symmetric stays symmetric.
        distance: As for :func:`denoising_gradient`.
        alpha: Weight of the fidelity, positive.
        beta: Weight of the smoothness; with 0 the weights come back as they are.
        steps: Number of steps.

    Complexity: a sort and O(E) time for a step; O(E) memory.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> path = to_csr(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.ones(4).double(), 3)
    >>> distance = torch.tensor([0.0, 0.0, 2.0, 2.0]).double()  # of the edge between 1 and 2
    >>> denoise_graph(path, distance, beta=1.0, steps=100).round(decimals=3).tolist()
    [1.067, 1.067, 0.733, 0.733]
    """
    steps = as_size("steps", steps)
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha, steps: got {alpha} and {steps}, expected alpha > 0, steps >= 0")
    check_square(adj)
    if adj.weight is not None:
        floating(weight=adj.weight)
    check_weighted(adj)
    check_values("distance", distance, adj.num_entries, device=adj.col.device)
    assert adj.weight is not None
    kept, dtype = floating(weight=adj.weight, distance=distance)
    adj, distance = adj.with_weight(adj.weight.to(dtype)), distance.to(dtype)
    bound = alpha * _row_sums(adj)
    weight = adj.weight
    assert weight is not None
    for _ in range(steps):
        gradient = denoising_gradient(adj, weight, distance, alpha=alpha, beta=beta)
        weight = (weight - gradient / bound).relu()
    return weight.to(kept)


def _change(adj: CSR, weight: Tensor) -> Tensor:
    assert adj.weight is not None
    return torch.where(adj.rows() == adj.col, 0, weight - adj.weight)


def _curvature(adj: CSR, change: Tensor) -> Tensor:
    """L*L of a change of the weights, without the matrix; ``change`` is 0 at self-loops."""
    degree = _incident(adj, change) / 2
    ends = take_rows(degree, adj.rows()) + take_rows(degree, adj.col)
    return (ends + pair_sum(adj, change, unordered=True)) / 2


def _row_sums(adj: CSR) -> Tensor:
    """Twice the row sums of L*L, and 1 for self-loops."""
    assert adj.weight is not None
    loop = adj.rows() == adj.col
    ones = torch.where(loop, 0, torch.ones_like(adj.weight))
    return torch.where(loop, 1, 2 * _curvature(adj, ones))


def _incident(adj: CSR, value: Tensor) -> Tensor:
    """Sum over the entries that start or end at each node."""
    out = value.new_zeros(adj.num_rows)
    return out.index_add(0, adj.rows(), value).index_add(0, adj.col, value)
