r"""Orthogonal matrices as products of Householder reflections.

.. math::
    Q(p) = H_1 \cdots H_{d-1}, \qquad H_j = I - 2\, \frac{v_j v_j^\top}{v_j^\top v_j}, \qquad
    v_j = (0, \dots, 0, 1, p_{j,j+1}, \dots, p_{j,d})

with :math:`d (d - 1) / 2` parameters in all, those of :math:`v_1` first. :math:`Q` has determinant
:math:`(-1)^{d-1}` whatever p is, so that the product :math:`Q(a)^\top Q(b)` of two is a rotation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import as_size
from graphpoly.ops.library import differentiated, direct, implement

__all__ = ["householder", "householder_transport", "householder_transport_reference"]

_LARGEST = 8  # of the fused kernel
_SIZES = 2**15  # of a matrix at all


def householder(params: Tensor, size: int) -> Tensor:
    """Return Q for each row of parameters, in plain PyTorch.

    Args:
        params: ``[E, d (d - 1) / 2]``.
        size: d.

    Returns:
        ``[E, d, d]``.

    Raises:
        TypeError: If ``params`` is not floating-point.
        ValueError: If its shape does not fit.
    """
    size = as_size("size", size, least=1, most=_SIZES)
    angles = size * (size - 1) // 2
    if params.dim() != 2 or params.size(1) != angles:
        raise ValueError(
            f"params: got shape {tuple(params.shape)}, expected [E, {angles}] for size {size}"
        )
    kept, dtype = floating(params=params)
    return _householder(params.to(dtype), size).to(kept)


def _householder(params: Tensor, size: int) -> Tensor:
    matrix = torch.eye(size, dtype=params.dtype, device=params.device)
    matrix = matrix.expand(params.size(0), size, size)
    for vector in reversed(_vectors(params, size)):
        matrix = _reflect(vector, matrix)
    return matrix


def householder_transport(a: Tensor, b: Tensor, size: int) -> Tensor:
    """Return ``Q(a)^T Q(b)`` for each pair of rows of parameters.

    Args:
        a: ``[E, d (d - 1) / 2]``.
        b: ``[E, d (d - 1) / 2]``.
        size: d.

    Returns:
        ``[E, d, d]``.

    Complexity: O(E d^3) time, O(E d^2) memory; the backward pass keeps the parameters only.

    >>> import torch
    >>> from graphpoly.ops import householder_transport
    >>> quarter = householder_transport(torch.zeros(1, 1), torch.ones(1, 1), 2)
    >>> quarter.round().tolist()
    [[[0.0, 1.0], [-1.0, 0.0]]]
    """
    size = as_size("size", size, least=1, most=_SIZES)
    angles = size * (size - 1) // 2
    if a.dim() != 2 or a.shape != b.shape or a.size(1) != angles:
        raise ValueError(
            f"a, b: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected twice "
            f"[E, {angles}] for size {size}"
        )
    kept, dtype = floating(a=a, b=b)
    a, b = a.to(dtype), b.to(dtype)
    if size > _LARGEST:
        return householder_transport_reference(a, b, size).to(kept)
    out: Tensor = direct.householder_transport(a, b, size)
    return out.to(kept)


def householder_transport_reference(a: Tensor, b: Tensor, size: int) -> Tensor:
    """The definition of ``graphpoly::householder_transport`` in plain PyTorch."""
    matrix = _householder(b, size)
    for vector in _vectors(a, size):
        matrix = _reflect(vector, matrix)
    return matrix.clone(memory_format=torch.contiguous_format)


def _vectors(params: Tensor, size: int) -> list[Tensor]:
    one, first, vectors = params.new_ones(params.size(0), 1), 0, []
    for j in range(size - 1):
        below = params[:, first : first + size - 1 - j]
        zeros = params.new_zeros(params.size(0), j)
        vectors.append(torch.cat([zeros, one, below], 1))
        first += size - 1 - j
    return vectors


def _reflect(vector: Tensor, matrix: Tensor) -> Tensor:
    column, row = vector.unsqueeze(2), vector.unsqueeze(1)
    return matrix - column * (2 / (row @ column)) * (row @ matrix)


def _fake(a: Tensor, b: Tensor, size: int) -> Tensor:
    torch._check(a.dim() == 2 and b.dim() == 2)
    return a.new_empty(a.size(0), size, size)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    a, b, ctx.size = inputs
    ctx.save_for_backward(a, b)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    a, b = ctx.saved_tensors
    grads = direct.householder_transport_backward(a, b, grad, ctx.size)
    return grads[0], grads[1], None


implement(
    "householder_transport",
    reference=householder_transport_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _grad_reference(a: Tensor, b: Tensor, grad: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Walk back through the reflections; each undoes itself."""
    matrix = householder_transport_reference(a, b, size)
    found: dict[str, list[Tensor]] = {"a": [], "b": []}
    steps = [("a", j, v) for j, v in reversed(list(enumerate(_vectors(a, size))))]
    steps += [("b", j, v) for j, v in enumerate(_vectors(b, size))]
    for name, j, vector in steps:
        column, row = vector.unsqueeze(2), vector.unsqueeze(1)
        scale = 2 / (row @ column)
        matrix = _reflect(vector, matrix)
        w, g = row @ matrix, row @ grad
        step = scale * (scale * (g @ w.mT) * column - grad @ w.mT - matrix @ g.mT)
        found[name].append(step.squeeze(2)[:, j + 1 :])
        grad = _reflect(vector, grad)
    if not found["a"]:
        return torch.zeros_like(a), torch.zeros_like(b)
    return torch.cat(found["a"][::-1], 1), torch.cat(found["b"], 1)


def _grad_fake(a: Tensor, b: Tensor, grad: Tensor, size: int) -> tuple[Tensor, Tensor]:
    return a.new_empty(a.shape), b.new_empty(b.shape)


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    a, b, grad, ctx.size = inputs
    ctx.save_for_backward(a, b, grad)


def _grad_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    # rare enough to go through the gradient of the reference
    inputs = (*ctx.saved_tensors, ctx.size)
    wanted = [i for i in range(3) if inputs[i].requires_grad]
    return tuple(differentiated(_grad_reference, inputs, wanted, outer))


implement(
    "householder_transport_backward",
    reference=_grad_reference,
    fake=_grad_fake,
    setup_context=_grad_setup,
    backward=_grad_backward,
)
