"""From a recurrence back to the measure that makes it orthonormal."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["gauss", "golub_welsch"]


def golub_welsch(
    diagonal: Tensor, off_diagonal: Tensor, *, mass: Tensor | float = 1.0
) -> tuple[Tensor, Tensor]:
    r"""Return the Gauss quadrature of a symmetric Jacobi matrix.

    With eigenpairs :math:`(\lambda_i, u_i)` of the tridiagonal J, the nodes are :math:`\lambda_i`
    and the weights :math:`\mathrm{mass} \cdot u_{0i}^2`. The orthonormal polynomials
    :math:`p_0, \dots, p_K` of the recurrence satisfy
    :math:`\sum_i w_i\, p_j(\lambda_i)\, p_k(\lambda_i) = \delta_{jk}`.

    Args:
        diagonal: ``[K+1, C]`` or ``[K+1]``.
        off_diagonal: ``[K, C]`` or ``[K]``.
        mass: Total mass of the measure, ``[C]`` or a number: :math:`1 / p_0^2`.

    Returns:
        Nodes in ascending order and weights, both of the shape of ``diagonal``, in float64.

    References:
        Golub, Welsch. Calculation of Gauss quadrature rules. Math. Comp. 23, 1969.

    >>> import torch
    >>> nodes, weights = golub_welsch(torch.zeros(2), torch.tensor([3.0]).rsqrt(), mass=2.0)
    >>> [round(x, 4) for x in nodes.tolist()], [round(x, 4) for x in weights.tolist()]
    ([-0.5774, 0.5774], [1.0, 1.0])
    """
    channels = diagonal[0].numel()
    columns = diagonal.double().reshape(diagonal.size(0), channels).T
    sides = off_diagonal.double().reshape(off_diagonal.size(0), channels).T
    matrix = torch.diag_embed(columns)
    matrix = matrix + torch.diag_embed(sides, 1) + torch.diag_embed(sides, -1)
    nodes, vectors = torch.linalg.eigh(matrix)
    weights = vectors[:, 0].square()
    return nodes.T.reshape(diagonal.shape), mass * weights.T.reshape(diagonal.shape)


def gauss(recurrence: Tensor, *, mass: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    r"""Return the Gauss quadrature of a family that is orthogonal, normalised in whatever way.

    Scaling the polynomials turns the recurrence into the symmetric one, with
    :math:`\sqrt{a_k c_{k+1}}` beside the diagonal :math:`b`. K nodes, exact up to degree 2K - 1.

    Args:
        recurrence: ``[3, K, C]`` in Jacobi form, with K > 0 and :math:`a_k c_{k+1} > 0`.
        mass: Total mass of the measure, ``[C]`` or a number.

    Returns:
        Nodes in ascending order and weights, ``[K, C]``, in float64.

    Raises:
        ValueError: If the family is not orthogonal under any positive measure.

    >>> from graphpoly.bases import legendre
    >>> nodes, weights = gauss(legendre(2), mass=2.0)
    >>> [round(x, 4) for x in nodes.flatten().tolist()]
    [-0.5774, 0.5774]
    """
    a, b, c = recurrence.double()
    square = a[:-1] * c[1:]
    if not (square > 0).all():
        raise ValueError("recurrence: a_k c_(k+1) must be positive for an orthogonal family")
    return golub_welsch(b, square.sqrt(), mass=mass)
