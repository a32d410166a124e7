"""From the coefficients in one basis to those in another."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.bases.chebyshev import chebyshev

__all__ = ["connection", "convert"]


def convert(coefficients: Tensor, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    r"""Write a polynomial that is given in one basis in another one.

    Args:
        coefficients: :math:`\theta` in the source basis, ``[M, C]`` or ``[M]``.
        source: A basis: a recurrence in Jacobi form ``[3, K, C]`` or ``[3, K, 1]``, or, where there
            is none, the matrix to Chebyshev coefficients ``[K+1, M]``
            (:func:`~graphpoly.bases.bernstein`, :func:`~graphpoly.bases.trigonometric`).
        target: Likewise, of the same degree; its matrix must be square.

    Returns:
        The coefficients in the target basis, float64, and the condition number of the conversion,
        ``[C]`` or ``[1]``: relative errors of the input can come out that much larger.

    >>> import torch
    >>> from graphpoly.bases import chebyshev, monomial
    >>> found, condition = convert(torch.tensor([0.0, 0.0, 1.0]), chebyshev(2), monomial(2))
    >>> found.tolist(), round(condition.item(), 2)  # T_2 = 2 x^2 - 1
    ([-1.0, 0.0, 2.0], 2.62)
    """
    matrix = connection(source, target)  # [K+1, M, C]
    given = coefficients.double()
    flat = given.unsqueeze(-1) if given.dim() == 1 else given
    if flat.size(0) != matrix.size(1):
        raise ValueError(
            f"coefficients: got {flat.size(0)} rows, the source basis has {matrix.size(1)}"
        )
    found = (matrix * flat).sum(1)
    condition = torch.linalg.cond(matrix.movedim(-1, 0))
    return (found.squeeze(-1) if given.dim() == 1 and found.size(-1) == 1 else found), condition


def connection(source: Tensor, target: Tensor) -> Tensor:
    """Return the matrix whose column m is the source's polynomial m in the target basis.

    Args:
        source: As for :func:`convert`.
        target: As for :func:`convert`.

    Returns:
        ``[K+1, M, C]``, float64.

    Raises:
        ValueError: If the degrees differ, or an entry is too large for float64: in powers,
            :math:`T_{810}` is the first Chebyshev polynomial with such a coefficient.

    >>> from graphpoly.bases import chebyshev, monomial
    >>> connection(chebyshev(2), monomial(2)).squeeze(-1).tolist()
    [[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    degree, wanted = _degree(source), _degree(target)
    if degree != wanted:
        raise ValueError(f"source has degree {degree}, target has degree {wanted}")
    if source.dim() == 3 and target.dim() == 3:
        return _finite(_along(source.double(), target.double()), degree)
    through = chebyshev(degree).to(source.device)
    forth, back = (
        _along(basis.double(), through) if basis.dim() == 3 else basis.double().unsqueeze(-1)
        for basis in (source, target)
    )
    solved = torch.linalg.solve(back.movedim(-1, 0), forth.movedim(-1, 0))
    return _finite(solved.movedim(0, -1), degree)


def _finite(matrix: Tensor, degree: int) -> Tensor:
    if not matrix.isfinite().all():
        raise ValueError(
            f"target: coefficients of degree {degree} in this basis are too large for float64"
        )
    return matrix


def _degree(basis: Tensor) -> int:
    return basis.size(1) if basis.dim() == 3 else basis.size(0) - 1


def _along(source: Tensor, target: Tensor) -> Tensor:
    """Run the source's recurrence in target coordinates, where the argument is tridiagonal."""
    (a, b, c), (ta, tb, tc) = source, target
    order = a.size(0)
    channels = torch.broadcast_shapes(a.shape[1:], ta.shape[1:])
    now = torch.zeros(order + 1, *channels, dtype=torch.float64, device=source.device)
    now[0] = 1
    before, columns = torch.zeros_like(now), [now]
    for k in range(order):
        # the argument times q_j is a_(j+1) q_(j+1) + b_(j+1) q_j + c_(j+1) q_(j-1)
        product = torch.zeros_like(now)
        product[1:] = ta * now[:-1]
        product[:-1] += tb * now[:-1]
        product[:-2] += (tc * now[:-1])[1:]
        now, before = (product - b[k] * now - c[k] * before) / a[k], now
        columns.append(now)
    return torch.stack(columns, 1)
