r"""Evaluation of a family of polynomials from its three-term recurrence.

A recurrence in Jacobi form is a tensor ``[3, K, C]`` of :math:`(a, b, c)`, one family for each of C
channels:

.. math:: \lambda\, p_{k-1} = a_k\, p_k + b_k\, p_{k-1} + c_k\, p_{k-2}, \qquad p_{-1} = 0 .
"""

from __future__ import annotations

from numbers import Integral

import torch
from torch import Tensor

__all__ = ["check_order", "evaluate", "substitute"]


def check_order(K: int) -> None:
    """Raise a TypeError where K is no whole number, a ValueError where it is negative."""
    if not isinstance(K, Integral):
        raise TypeError(f"K: got {K!r}, expected an order, a whole number of at least 0")
    if K < 0:
        raise ValueError(f"K: got {K}, expected an order of at least 0")


def evaluate(recurrence: Tensor, lambdas: Tensor, *, initial: Tensor | None = None) -> Tensor:
    """Evaluate p_0, ..., p_K.

    Args:
        recurrence: ``[3, K, C]``.
        lambdas: Points, ``[L]``.
        initial: The constant p_0 of each channel, ``[C]``; default 1.

    Returns:
        ``[K+1, L, C]``, in the wider dtype of the two.

    >>> import torch
    >>> chebyshev = torch.tensor([[1.0, 0.5, 0.5], [0.0, 0.0, 0.0], [0.0, 0.5, 0.5]]).unsqueeze(-1)
    >>> evaluate(chebyshev, torch.tensor([0.5])).flatten().tolist()
    [1.0, 0.5, -0.5, -1.0]
    """
    dtype = torch.promote_types(recurrence.dtype, lambdas.dtype)
    a, b, c = recurrence.to(dtype)
    points = lambdas.to(dtype).unsqueeze(-1)
    now = torch.ones(points.size(0), a.size(1), dtype=dtype, device=points.device)
    if initial is not None:
        now = now * initial
    before = torch.zeros_like(now)
    values = [now]
    for k in range(a.size(0)):
        now, before = ((points - b[k]) * now - c[k] * before) / a[k], now
        values.append(now)
    return torch.stack(values)


def substitute(recurrence: Tensor, scale: float, shift: float = 0.0) -> Tensor:
    r"""Return the recurrence of the polynomials :math:`p_k(\mathrm{scale} \cdot \lambda +
    \mathrm{shift})`.

    So the family of one interval becomes that of another; ``scale=-1`` turns a filter of L - I into
    one of I - L.

    Args:
        recurrence: ``[3, K, C]`` of :math:`p_k`.
        scale: Not 0.
        shift: Any number.

    Returns:
        ``[3, K, C]``.

    >>> import torch
    >>> from graphpoly.bases import chebyshev
    >>> turned = substitute(chebyshev(3), -1.0)
    >>> evaluate(turned, torch.tensor([0.5])).flatten().tolist()  # T_k(-1/2)
    [1.0, -0.5, -0.5, 1.0]
    """
    if scale == 0:
        raise ValueError("scale: got 0, expected any other number")
    a, b, c = recurrence
    return torch.stack([a, b - shift, c]) / scale
