r"""Operators that are known by their products alone.

A polynomial asks for nothing else, and neither does its gradient: one run of the recurrence over
the transpose gives

.. math::
    \nabla_x = \sum_k \theta_k\, p_k(A^\top)\, g, \qquad
    \nabla_{\theta_k} = \langle p_k(A^\top)\, g,\; x \rangle ,

so that no basis is stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["LinearOperator", "operator_product", "polynomial_by_products"]


class LinearOperator(ABC):
    """A square operator A that says what its products are, such as one in parts.

    :func:`graphpoly.ops.polynomial` takes it in place of a CSR, and so do the filters in a basis
    that is known beforehand. How often products are asked for does not depend on any value.

    >>> class Twice(LinearOperator):
    ...     num_rows = 2
    ...     def product(self, x):
    ...         return 2 * x
    ...     transposed_product = product
    >>> from graphpoly.ops import polynomial
    >>> square = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(-1)  # a=1, b=c=0
    >>> polynomial(Twice(), torch.ones(2, 1), torch.tensor([[0.0], [0.0], [1.0]]), square).tolist()
    [[4.0], [4.0]]
    """

    @property
    @abstractmethod
    def num_rows(self) -> int:
        """Rows of what is multiplied, and of the product."""

    @abstractmethod
    def product(self, x: Tensor) -> Tensor:
        """Return A x for ``x`` ``[N, F]``; no gradient is asked of it."""

    @abstractmethod
    def transposed_product(self, x: Tensor) -> Tensor:
        """Return the product with the transpose likewise."""


def operator_product(operator: LinearOperator, x: Tensor, *, transposed: bool = False) -> Tensor:
    """Return A x, or the product with the transpose, for ``x`` ``[N, F]``.

    The gradient is the product with the other of the two, and has gradients of its own.

    >>> class Twice(LinearOperator):
    ...     num_rows = 2
    ...     def product(self, x):
    ...         return 2 * x
    ...     transposed_product = product
    >>> operator_product(Twice(), torch.ones(2, 1)).tolist()
    [[2.0], [2.0]]
    """
    out: Tensor = _Product.apply(x, operator, transposed)
    return out


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, operator: LinearOperator, transposed: bool) -> Tensor:
        ctx.operator, ctx.transposed = operator, transposed
        return operator.transposed_product(x) if transposed else operator.product(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        grad_x = operator_product(ctx.operator, grad, transposed=not ctx.transposed)
        return grad_x, None, None


def polynomial_by_products(
    operator: LinearOperator, x: Tensor, theta: Tensor, recurrence: Tensor
) -> Tensor:
    """Return what :func:`graphpoly.ops.polynomial` does, of arguments that it has checked.

    Complexity: K products, and as many with the transpose for the gradient; O(N F) memory whatever
    K is.

    Raises:
        ValueError: If the recurrence asks for a gradient.
    """
    if recurrence.requires_grad:
        name = type(operator).__name__
        raise ValueError(f"recurrence: it is not learned over {name}; detach it")
    out: Tensor = _Polynomial.apply(x, theta, recurrence, operator)
    return out


class _Polynomial(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, theta: Tensor, recurrence: Tensor, operator: LinearOperator
    ) -> Tensor:
        ctx.operator = operator
        ctx.save_for_backward(x, theta, recurrence)
        return _run(operator.product, x, theta, recurrence)[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, theta, recurrence = ctx.saved_tensors
        grad_x, moments = _run(ctx.operator.transposed_product, grad, theta, recurrence, x)
        if theta.size(1) == 1:
            moments = moments.sum(1, keepdim=True)
        return grad_x, moments, None, None


def _run(
    product: Callable[[Tensor], Tensor],
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the polynomial, and the inner products ``[K+1, F]`` of its basis with ``y``."""
    a, b, c = recurrence
    before, now = torch.zeros_like(x), x
    out, moments = theta[0] * x, [_inner(y, x)]
    for k in range(1, theta.size(0)):
        following = torch.addcmul(product(now), b[k - 1], now, value=-1)
        following.addcmul_(c[k - 1], before, value=-1).div_(a[k - 1])
        before, now = now, following
        out.addcmul_(theta[k], now)
        moments.append(_inner(y, now))
    return out, torch.stack(moments)


def _inner(y: Tensor | None, p: Tensor) -> Tensor:
    return p.new_zeros(p.size(1)) if y is None else (y * p).sum(0)
