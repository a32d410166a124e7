r"""A polynomial of a sparse operator, applied to a block of channels in one fused pass.

A family of polynomials is given by its three-term recurrence in Jacobi form, for each channel c,

.. math::
    \lambda\, p_{k-1} = a_k\, p_k + b_k\, p_{k-1} + c_k\, p_{k-2},
    \qquad p_0 = 1,\; p_{-1} = 0,

and the operator computes :math:`z = \sum_{k=0}^{K} \theta_k\, p_k(A)\, x`, K sparse products, each
fused with the recurrence and with the weighted sum. Two blocks of the size of x are all the
scratch memory.

The gradient needs no stored basis either. Since :math:`p_k(A)^\top = p_k(A^\top)`,

.. math::
    \nabla_x = \sum_k \theta_k\, p_k(A^\top)\, g, \qquad
    \nabla_{\theta_k} = \langle g, p_k(A)\, x \rangle
    = \langle p_k(A^\top)\, g,\; x \rangle =: \mu_k ,

so one run over the transpose gives both (``polynomial_moments``). And the loss depends on the
recurrence only through polynomials of degree at most K under the linear functional
:math:`f \mapsto \langle g, f(A)\, x \rangle`, whose values on the basis are the same
:math:`\mu_k`. Replacing A by its (K+1) x (K+1) Jacobi matrix T and x by the unit vector
:math:`e_0` gives the same functional: the gradient of a learned recurrence is that of a problem of
size K+1 (:func:`_recurrence_gradient`).

The bfloat16 features are read, gathered and written as they are, and so are the p_k that later
steps read; the recurrence and all sums are in float32. A step reads half of the bytes, and
errs by one rounding of p_{k-1}. Against float64 at K = 10 on a graph of pubmed's size, z is off by
up to four roundings (Chebyshev, every coefficient 1 in size), by hardly more than one where these
coefficients decay, and never by more than a chain of bfloat16 products, which is off by two to
seven for most polynomials. Where that is too much, widen the features.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.library import direct, implement
from graphpoly.ops.linear_operator import LinearOperator, polynomial_by_products
from graphpoly.ops.spmm import spmm_reference
from graphpoly.ops.turned_weight import turned_weight

__all__ = ["polynomial", "polynomial_moments_reference", "polynomial_reference"]


def polynomial(adj: CSR | LinearOperator, x: Tensor, theta: Tensor, recurrence: Tensor) -> Tensor:
    r"""Return :math:`\sum_k \theta_k\, p_k(A)\, x`.

    Args:
        adj: Square operator A with N rows, or one that is known by its products.
        x: ``[N, F]``; half precisions are computed in float32, bfloat16 rounded at each step.
        theta: Coefficients, ``[K+1, F]``, or ``[K+1, 1]`` to share them between channels.
        recurrence: ``(a, b, c)`` of :math:`k = 1..K`, ``[3, K, F]`` or ``[3, K, 1]``; no a may be
            0.

    Returns:
        ``[N, F]``, in the dtype of x.

    Raises:
        ValueError: If a shape does not fit, or a recurrence that asks for a gradient meets an
            operator that is known by its products.

    Complexity: K products, O(K E F) time; O(N F) memory in both directions, whatever K is. Only
    where the weights of ``adj`` are learned does the backward pass keep O(K N F).

    >>> import torch
    >>> from graphpoly.ops import polynomial, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> square = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).unsqueeze(-1)  # a=1, b=c=0
    >>> polynomial(adj, torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [0.0], [1.0]]), square)
    tensor([[1.],
            [3.]])
    """
    num_nodes = adj.num_rows
    if isinstance(adj, CSR) and adj.num_cols != num_nodes:
        raise ValueError(f"adj: got {num_nodes} x {adj.num_cols}, a square operator is needed")
    if x.dim() != 2 or x.size(0) != num_nodes:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [{num_nodes}, F]")
    channels, order = x.size(1), len(theta) - 1 if theta.dim() else -1
    if theta.dim() != 2 or order < 0 or theta.size(1) not in (1, channels):
        raise ValueError(f"theta: got shape {tuple(theta.shape)}, expected [K+1, {channels} or 1]")
    floating(x=x)
    if (
        recurrence.dim() != 3
        or recurrence.size(0) != 3
        or recurrence.size(1) != order
        or (recurrence.size(2) != 1 and recurrence.size(2) != channels)
    ):
        raise ValueError(
            f"recurrence: got shape {tuple(recurrence.shape)}, "
            f"expected [3, {order}, {channels} or 1]"
        )
    floating(theta=theta, recurrence=recurrence)
    if isinstance(adj, LinearOperator):
        return polynomial_by_products(adj, x, theta.to(x.dtype), recurrence.to(x.dtype))
    kept, dtype = floating(adj, x=x)
    if kept != torch.bfloat16:
        x = x.to(dtype)
    weight = None if adj.weight is None else adj.weight.to(dtype)
    z = direct.polynomial(
        adj.rowptr,
        adj.col,
        weight,
        x,
        theta.to(dtype).expand(-1, channels),
        recurrence.to(dtype).expand(-1, -1, channels),
        *(adj.transposed or (None, None, None)),
    )
    return z.to(kept)


def polynomial_moments_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor | None,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The definition, in plain PyTorch.

    Returns:
        :math:`z = \sum_k \theta_k p_k(A) x` ``[N, F]`` and the moments
        :math:`\mu_k = \langle y, p_k(A) x \rangle` of each channel, ``[K+1, F]``, zeros if y is
        None.

    With a bfloat16 x (and y) all else is float32; p_k is rounded where a later step reads it, and z
    once.
    """
    a, b, c = recurrence
    stored, order = x.dtype, theta.size(0) - 1
    x = x.to(theta.dtype).contiguous()  # as every backend lays out its result
    before, now = torch.zeros_like(x), x
    z = theta[0] * x
    moments = [_inner(y, now)]
    for k in range(1, order + 1):
        product = spmm_reference(rowptr, col, weight, now)
        value = (product - b[k - 1] * now - c[k - 1] * before) / a[k - 1]
        now, before = value.to(stored).to(x.dtype) if k < order else value, now
        z = z + theta[k] * now
        moments.append(_inner(y, now))
    return z.to(stored), torch.stack(moments)


def _inner(y: Tensor | None, p: Tensor) -> Tensor:
    return p.new_zeros(p.size(1)) if y is None else (y * p).sum(0)


def polynomial_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """The definition of ``graphpoly::polynomial``: z of :func:`polynomial_moments_reference`."""
    return polynomial_moments_reference(rowptr, col, weight, x, theta, recurrence, None)[0]


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> Tensor:
    torch._check(x.dim() == 2 and theta.dim() == 2 and recurrence.dim() == 3)
    return x.new_empty(x.shape)


def _moments_fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    y: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), theta.new_empty(theta.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, weight, x, *rest = inputs
    needs = ctx.needs_input_grad
    ctx.num_nodes = x.size(0)
    held_x = x if needs[2] or needs[4] or needs[5] else None
    ctx.save_for_backward(rowptr, col, weight, held_x, *rest)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, x, theta, recurrence, *turn = ctx.saved_tensors
    ops = torch.ops.graphpoly
    back = _transposed(rowptr, col, weight, ctx.num_nodes, turn)
    grad_weight = grad_x = grad_theta = grad_recurrence = None
    if ctx.needs_input_grad[4] or ctx.needs_input_grad[5]:
        grad_x, grad_theta = ops.polynomial_moments(
            *back, grad, theta, recurrence, x, None, None, None
        )
        if ctx.needs_input_grad[5]:
            grad_recurrence = _recurrence_gradient(grad_theta, theta, recurrence)
    elif ctx.needs_input_grad[3]:
        grad_x = ops.polynomial(*back, grad, theta, recurrence, None, None, None)
    if weight is not None and ctx.needs_input_grad[2]:
        grad_weight = _weight_gradient((rowptr, col, weight), back, x, theta, recurrence, grad)
    return None, None, grad_weight, grad_x, grad_theta, grad_recurrence, None, None, None


def _moments_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    rowptr, col, weight, x, theta, recurrence, y, *turn = inputs
    needs = ctx.needs_input_grad
    ctx.num_nodes = x.size(0)
    held_x = x if needs[2] or needs[4] or needs[5] or needs[6] else None
    held_y = y if needs[2] or needs[3] else None
    moments = output[1] if needs[5] else None
    ctx.save_for_backward(rowptr, col, weight, held_x, theta, recurrence, held_y, *turn, moments)


def _moments_backward(ctx: Any, grad_z: Tensor, grad_mu: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, x, theta, recurrence, y, *turn, moments = ctx.saved_tensors
    ops = torch.ops.graphpoly
    here, none = (rowptr, col, weight), (None, None, None)
    back = _transposed(rowptr, col, weight, ctx.num_nodes, turn)
    needs = ctx.needs_input_grad
    grad_weight = grad_x = grad_theta = grad_recurrence = grad_y = None
    if needs[4] or needs[5]:
        grad_x, grad_theta = ops.polynomial_moments(*back, grad_z, theta, recurrence, x, *none)
        if needs[5]:
            grad_recurrence = _recurrence_gradient(grad_theta, theta, recurrence)
            grad_recurrence = grad_recurrence + _recurrence_gradient(moments, grad_mu, recurrence)
    elif needs[3]:
        grad_x = ops.polynomial(*back, grad_z, theta, recurrence, *none)
    if needs[3]:
        of_mu = ops.polynomial(*back, y, grad_mu, recurrence, *none)
        assert grad_x is not None
        grad_x = (grad_x.to(theta.dtype) + of_mu).to(grad_x.dtype)
    if needs[6]:
        grad_y = ops.polynomial(*here, x, grad_mu, recurrence, *turn)
    if weight is not None and ctx.needs_input_grad[2]:
        grad_weight = _weight_gradient(here, back, x, theta, recurrence, grad_z)
        grad_weight = grad_weight + _weight_gradient(here, back, x, grad_mu, recurrence, y)
    gradients = (None, None, grad_weight, grad_x, grad_theta, grad_recurrence, grad_y)
    return *gradients, None, None, None


def _transposed(
    rowptr: Tensor, col: Tensor, weight: Tensor | None, num_nodes: int, turn: list[Tensor | None]
) -> tuple[Tensor, Tensor, Tensor | None]:
    colptr, row, tperm = turn
    if colptr is None or row is None or tperm is None:
        colptr, row, tperm = transpose(rowptr, col, num_nodes)
    return colptr, row, turned_weight(weight, row, tperm)


def _recurrence_gradient(moments: Tensor, theta: Tensor, recurrence: Tensor) -> Tensor:
    """Gradient in (a, b, c) of the loss whose gradient in theta is ``moments``.

    In the coordinates of the basis itself p_k is the unit vector e_k and multiplication by the
    argument is the tridiagonal T. ``adjoint`` is the gradient in the coordinates of p_k, got by the
    recurrence run backwards; the derivatives read three of its entries. O(K^2 F), in float64.
    """
    a, b, c = recurrence.double()
    mu, theta = moments.double(), theta.double()
    order = theta.size(0) - 1
    zero = torch.zeros_like(mu)
    later, latest = zero, zero  # gradients in p_{k+1} and p_{k+2}
    steps = []
    for k in range(order, 0, -1):
        adjoint = theta[k] * mu
        if k < order:
            turned = a * later[1:] + b * later[:-1]  # T^T, its first K rows
            turned = turned + c * torch.cat([zero[:1], later[:-2]])
            turned = torch.cat([turned, zero[:1]])
            adjoint = adjoint + (turned - b[k] * later) / a[k]
        if k < order - 1:
            adjoint = adjoint - c[k + 1] / a[k + 1] * latest
        before = adjoint[k - 2] if k > 1 else zero[0]
        steps.append(-torch.stack([adjoint[k], adjoint[k - 1], before]) / a[k - 1])
        later, latest = adjoint, later
    if not steps:
        return torch.zeros_like(recurrence)
    return torch.stack(steps[::-1], 1).to(recurrence.dtype)


def _weight_gradient(
    here: tuple[Tensor, Tensor, Tensor | None],
    back: tuple[Tensor, Tensor, Tensor | None],
    x: Tensor,
    theta: Tensor,
    recurrence: Tensor,
    grad: Tensor,
) -> Tensor:
    """Gradient in the values of the operator: the basis kept, its adjoint met entry by entry."""
    ops, none = torch.ops.graphpoly, (None, None, None)
    a, b, c = recurrence
    x, grad = x.to(theta.dtype), grad.to(theta.dtype)
    order = theta.size(0) - 1
    basis = [x]
    for k in range(order - 1):
        value = ops.spmm_sum(*here, basis[k], *none, False) - b[k] * basis[k]
        if k > 0:
            value = value - c[k] * basis[k - 1]
        basis.append(value / a[k])
    total = torch.zeros_like(here[1], dtype=x.dtype)
    later = latest = torch.zeros_like(x)
    for k in range(order, 0, -1):
        adjoint = theta[k] * grad
        if k < order:
            scaled = later / a[k]
            adjoint = adjoint + ops.spmm_sum(*back, scaled, *none, False) - b[k] * scaled
        if k < order - 1:
            adjoint = adjoint - c[k + 1] / a[k + 1] * latest
        total = total + ops.sddmm(here[0], here[1], adjoint / a[k - 1], basis[k - 1], *none)
        later, latest = adjoint, later
    return total


implement(
    "polynomial",
    reference=polynomial_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)
implement(
    "polynomial_moments",
    reference=polynomial_moments_reference,
    fake=_moments_fake,
    setup_context=_moments_setup,
    backward=_moments_backward,
)
