r"""Two linear maps with a ReLU between them: :math:`\mathrm{relu}(\nu(x W^\top + b)) V^\top + c`.

:math:`\nu` is nothing, or the normalisation of each channel by the moments of the batch or by given
ones. What a GIN layer does behind its sum, in one operator: what lies between the maps is written
once, and read while it is in the caches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.library import call, differentiated, direct, implement

__all__ = [
    "NORMS",
    "Perceptron",
    "perceptron",
    "perceptron_backward_fake",
    "perceptron_backward_reference",
    "perceptron_fake",
    "perceptron_reference",
]

# whose moments channels are normalised by: of none, of the rows at hand, or those that are given
NORMS = (None, "batch", "given")
_OPERATOR = torch.ops.graphpoly.perceptron.default


class Perceptron(NamedTuple):
    """Result, and the moments that the channels between the maps were normalised by.

    Attributes:
        out: ``[N, C]``.
        mean: ``[H]``, empty without a norm.
        var: ``[H]``, the mean of squares; empty without a norm.
    """

    out: Tensor
    mean: Tensor
    var: Tensor


def perceptron(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    *,
    norm: str | None = None,
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    mean: Tensor | None = None,
    var: Tensor | None = None,
    eps: float = 1e-5,
) -> Perceptron:
    """Return the two maps of ``x``, the norm between them and a ReLU.

    Args:
        x: ``[N, F]``, float32 or float64, as is everything else.
        weight: ``[H, F]``.
        bias: ``[H]``.
        last: ``[C, H]``.
        last_bias: ``[C]``.
        norm: None, ``"batch"`` or ``"given"``: whose moments channels are normalised by.
        scale: ``[H]``, what normalised channels are multiplied by.
        shift: ``[H]``, what is added to them.
        mean: ``[H]``, where moments are given.
        var: ``[H]``, where moments are given.
        eps: Added to the variance.

    Complexity: O(N H (F + C)) time, O(N H) memory until the backward pass.
    """
    out, _, _, mean, var = call(
        _OPERATOR,
        *(x, weight, bias, scale, shift, mean, var, last, last_bias, NORMS.index(norm), eps),
    )
    return Perceptron(out, mean, var)


def perceptron_reference(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    norm: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::perceptron`` in plain PyTorch.

    Beside the result, what the gradient needs: what is before the norm, what comes out of the
    ReLU, and the moments.
    """
    before = x @ weight.T
    if bias is not None:
        before = before + bias
    if not norm:
        active = before.relu()
        before, mean, var = before[:0], before.new_empty(0), before.new_empty(0)
    else:
        if norm == 1:
            mean, var = before.mean(0), before.var(0, correction=0)
        else:
            assert mean is not None
            assert var is not None
            mean, var = mean.clone(), var.clone()
        value = (before - mean) * (var + eps).rsqrt()
        value = value if scale is None else value * scale
        active = (value if shift is None else value + shift).relu()
    out = active @ last.T
    return out if last_bias is None else out + last_bias, before, active, mean, var


def perceptron_fake(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    norm: int,
    eps: float,
) -> tuple[Tensor, ...]:
    torch._check(x.dim() == 2 and weight.dim() == 2 and last.dim() == 2)
    rows, hidden = x.size(0), weight.size(0)
    moments = hidden if norm else 0
    return (
        x.new_empty(rows, last.size(0)),
        x.new_empty(rows if norm else 0, hidden),
        x.new_empty(rows, hidden),
        x.new_empty(moments),
        x.new_empty(moments),
    )


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, weight, bias, scale, shift, _, _, last, _, ctx.norm, ctx.eps = inputs
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, weight, bias, scale, shift, last, *output[1:])


def _backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 11
    wanted = ctx.needs_input_grad
    found = direct.perceptron_backward(*ctx.saved_tensors, grad, ctx.norm, ctx.eps, wanted[0])
    x, weight, bias, scale, shift, last, last_bias = found
    if not ctx.norm:
        scale = shift = None
    placed = (x, weight, bias, scale, shift, None, None, last, last_bias)
    return *(g if want else None for g, want in zip(placed, wanted, strict=False)), None, None


implement(
    "perceptron",
    reference=perceptron_reference,
    fake=perceptron_fake,
    setup_context=_setup,
    backward=_backward,
)


def perceptron_backward_reference(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    before: Tensor,
    active: Tensor,
    mean: Tensor,
    var: Tensor,
    grad: Tensor,
    norm: int,
    eps: float,
    to_x: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, weight, bias, scale, shift, last, last_bias``."""
    turned = torch.where(active <= 0, 0, grad @ last)
    to_scale, to_shift = mean.new_empty(0), mean.new_empty(0)
    if norm:
        rate = (var + eps).rsqrt()
        value = (before - mean) * rate
        to_scale, to_shift = (turned * value).sum(0), turned.sum(0)
        if norm == 1:
            turned = turned - (to_shift + value * to_scale) / max(x.size(0), 1)
        turned = turned * (rate if scale is None else rate * scale)
    to_last, to_last_bias = grad.T @ active, grad.sum(0)
    back = turned @ weight if to_x else x.new_empty(0, x.size(1))
    return back, turned.T @ x, turned.sum(0), to_scale, to_shift, to_last, to_last_bias


def perceptron_backward_fake(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    before: Tensor,
    active: Tensor,
    mean: Tensor,
    var: Tensor,
    grad: Tensor,
    norm: int,
    eps: float,
    to_x: bool,
) -> tuple[Tensor, ...]:
    hidden, channels = weight.size(0), last.size(0)
    return (
        x.new_empty(x.size(0) if to_x else 0, x.size(1)),
        x.new_empty(weight.shape),
        x.new_empty(hidden),
        x.new_empty(mean.shape),
        x.new_empty(mean.shape),
        x.new_empty(last.shape),
        x.new_empty(channels),
    )


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.norm, ctx.eps, ctx.to_x = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference.

    No gradient goes to what the forward pass kept: it is a function of the other inputs, and is
    made of them again.
    """
    inputs = (*ctx.saved_tensors, ctx.norm, ctx.eps, ctx.to_x)
    wanted = [
        i for i, t in enumerate(inputs[:11]) if t is not None and t.requires_grad and i not in _KEPT
    ]
    return tuple(differentiated(_backward_from_inputs, inputs, wanted, outer))


def _backward_from_inputs(*inputs: Any) -> tuple[Tensor, ...]:
    *given, last, _, _, mean, var, grad, norm, eps, to_x = inputs
    arguments: tuple[Any, ...] = (*given, mean, var, last, None, norm, eps)
    kept = perceptron_reference(*arguments)[1:]
    arguments = (*given, last, *kept, grad, norm, eps, to_x)
    return perceptron_backward_reference(*arguments)


_KEPT = (6, 7, 8, 9)

implement(
    "perceptron_backward",
    reference=perceptron_backward_reference,
    fake=perceptron_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
