r"""One linear map, or the sum of two: :math:`x W^\top + y V^\top + b`.

Rows are nodes and many, channels are a few dozen. Libraries of dense algebra are written for large
matrices; the kernel of this operator holds the small matrix in the nearest caches.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

import graphpoly.ops._extension as _extension
from graphpoly.ops.dtypes import EXACT
from graphpoly.ops.library import call, direct, implement

__all__ = [
    "at_hand",
    "computes",
    "is_like",
    "is_small",
    "is_whole",
    "linear",
    "linear_reference",
    "serves",
]

_OPERATOR = torch.ops.graphpoly.linear.default
_PLAIN = (Tensor, torch.nn.Parameter)
_MOST_NUMBERS = 1 << 18  # beyond it a matrix leaves the caches, and libraries are built for that


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    y: Tensor | None = None,
    other: Tensor | None = None,
) -> Tensor:
    """Return ``x @ weight.T + y @ other.T + bias``, ``[N, C]``.

    Args:
        x: ``[N, F]``, float32 or float64, as is everything else.
        weight: ``[C, F]``.
        bias: ``[C]``.
        y: ``[N, D]``, where there is ``other``.
        other: ``[C, D]``.

    Complexity: O(N C (F + D)) time; beside the result, O(C (F + D)) memory. Sums run in an order
    that depends on the sizes alone.
    """
    out: Tensor = call(_OPERATOR, x, weight, y, other, bias)
    return out


def computes(x: Tensor) -> bool:
    """Whether dense kernels take ``x`` as it is; inside a compiled graph the compiler does it."""
    return at_hand(x) and x.dtype in EXACT and not torch.is_autocast_enabled("cpu")


def at_hand(x: Tensor) -> bool:
    """Whether ``x`` lies there for a kernel: no trace of it, no transform, no other device."""
    return (
        not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and type(x) in _PLAIN
        and x.layout is torch.strided
        and not x.is_nested
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )


def is_like(tensor: Tensor, x: Tensor) -> bool:
    """Whether a tensor is one for a kernel beside ``x``: of its type, and where it is."""
    return type(tensor) in _PLAIN and tensor.dtype is x.dtype and tensor.device == x.device


def is_small(weight: Tensor, x: Tensor) -> bool:
    """Whether a matrix is one that the kernel is made for, of the type of ``x``."""
    return (
        is_like(weight, x)
        and weight.numel() <= _MOST_NUMBERS
        and _extension.load()["simd"] in ("avx2", "avx512")
    )


def is_whole(bias: Tensor | None, weight: Tensor) -> bool:
    """Whether a bias has a number for each row of a matrix; PyTorch spreads others."""
    return bias is None or bias.shape == weight.shape[:1]


def serves(x: Tensor, weight: Tensor) -> bool:
    """Whether the kernel multiplies ``x`` ``[..., F]`` by a matrix, and does it sooner."""
    return computes(x) and is_small(weight, x) and x.size(-1) == weight.size(-1)


def linear_reference(
    x: Tensor, weight: Tensor, y: Tensor | None, other: Tensor | None, bias: Tensor | None
) -> Tensor:
    """The definition of ``graphpoly::linear`` in plain PyTorch."""
    out = x @ weight.T
    if y is not None and other is not None:
        out = out + y @ other.T
    return out if bias is None else out + bias


def _fake(
    x: Tensor, weight: Tensor, y: Tensor | None, other: Tensor | None, bias: Tensor | None
) -> Tensor:
    torch._check(x.dim() == 2 and weight.dim() == 2)
    return x.new_empty(x.size(0), weight.size(0))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, y, other, _ = inputs
    to_x, to_weight, to_y, to_other, _ = ctx.needs_input_grad[:5]
    ctx.save_for_backward(
        x if to_weight else None,
        weight if to_x else None,
        y if to_other else None,
        other if to_y else None,
    )


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[:5]
    found = direct.linear_backward(grad, *ctx.saved_tensors, wanted[4])
    return tuple(g if want else None for g, want in zip(found, wanted, strict=True))


implement(
    "linear", reference=linear_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def _backward_reference(
    grad: Tensor,
    x: Tensor | None,
    weight: Tensor | None,
    y: Tensor | None,
    other: Tensor | None,
    bias: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, weight, y, other, bias``.

    One is empty where what it is a product with is not there: ``weight`` for ``x``, ``x`` for
    ``weight``.
    """

    def nothing() -> Tensor:  # results may not share their memory
        return grad.new_empty(0, 0)

    return (
        nothing() if weight is None else grad @ weight,
        nothing() if x is None else grad.T @ x,
        nothing() if other is None else grad @ other,
        nothing() if y is None else grad.T @ y,
        grad.sum(0) if bias else grad.new_empty(0),
    )


def _backward_fake(
    grad: Tensor,
    x: Tensor | None,
    weight: Tensor | None,
    y: Tensor | None,
    other: Tensor | None,
    bias: bool,
) -> tuple[Tensor, ...]:
    rows, channels = grad.shape
    sizes = [
        (0, 0) if tensor is None else (size, tensor.size(1))
        for tensor, size in ((weight, rows), (x, channels), (other, rows), (y, channels))
    ]
    return (*map(grad.new_empty, sizes), grad.new_empty(channels if bias else 0))


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    grad, x, weight, y, other, ctx.bias = inputs
    to_grad, *to_others = ctx.needs_input_grad[:5]
    factors = (x, weight, y, other) if to_grad else (None,) * 4
    ctx.rows = grad.size(0)
    ctx.save_for_backward(grad if any(to_others) else None, *factors)
    ctx.set_materialize_grads(False)


def _double_backward(ctx: Any, *outer: Tensor | None) -> tuple[Tensor | None, ...]:
    """Each gradient is a product of two of the inputs, and so are its own."""
    grad, x, weight, y, other = ctx.saved_tensors
    to_x, to_weight, to_y, to_other, to_bias = outer
    from_grad, from_x, from_weight, from_y, from_other = ctx.needs_input_grad[:5]
    terms = [
        *(given @ map_.T for given, map_ in _both((to_x, weight), (to_y, other))),
        *(factor @ given.T for given, factor in _both((to_weight, x), (to_other, y))),
    ]
    if to_bias is not None and ctx.bias:
        terms.append(to_bias.expand(ctx.rows, -1))
    return (
        sum(terms[1:], terms[0]) if from_grad and terms else None,
        grad @ to_weight if from_x and to_weight is not None else None,
        grad.T @ to_x if from_weight and to_x is not None else None,
        grad @ to_other if from_y and to_other is not None else None,
        grad.T @ to_y if from_other and to_y is not None else None,
        None,
    )


def _both(*pairs: tuple[Tensor | None, Tensor | None]) -> list[tuple[Tensor, Tensor]]:
    return [(one, two) for one, two in pairs if one is not None and two is not None]


implement(
    "linear_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
