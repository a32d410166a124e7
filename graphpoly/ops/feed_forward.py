r"""A function of each number between two linear maps: :math:`f(\nu(x W^\top + b)) V^\top + c`.

:math:`\nu` is nothing or layer normalisation, f one of ReLU, SiLU and GELU, and some of what it
gives may be dropped. All of it belongs to rows, which go all the way while they are in the caches:
what lies between the maps may be many times as large as what comes in and out, and is not kept for
the backward pass where it takes less to make it anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.dropout import dropout_reference
from graphpoly.ops.library import call, differentiated, direct, implement

__all__ = ["ACTIVATIONS", "feed_forward", "feed_forward_reference"]

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "silu": F.silu, "gelu": F.gelu}
ACTIVATIONS = tuple(_FUNCTIONS)
_OPERATOR = torch.ops.graphpoly.feed_forward.default
_MOST_MADE_ANEW = 48  # products of a number between the maps that take less than to store it


def feed_forward(
    x: Tensor,
    last: Tensor,
    last_bias: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    activation: str = "relu",
    scale: Tensor | None = None,
    shift: Tensor | None = None,
    eps: float = 1e-5,
    dropout: float = 0.0,
    seed: Tensor | None = None,
) -> Tensor:
    """Return what two linear maps and a function between them make of each row, ``[N, C]``.

    Args:
        x: ``[N, F]``, float32 or float64, as is everything else.
        last: ``[C, H]``.
        last_bias: ``[C]``.
        weight: ``[H, F]``; None where there is no first map, and F is H.
        bias: ``[H]``, where there is ``weight``.
        activation: One of :data:`ACTIVATIONS`.
        scale: ``[H]``, what the normalised channels of a row are multiplied by; None without
            normalisation.
        shift: ``[H]``, what is added to them.
        eps: Added to the variance.
        dropout: Probability that a number is dropped before the last map.
        seed: One int64 that :func:`~graphpoly.ops.dropout` draws by; drawn where it is None.

    Raises:
        ValueError: If ``activation`` is unknown, ``dropout`` no probability, or only one of
            ``scale`` and ``shift`` is given.

    Complexity: O(N H (F + C)) time; O(N (F + C)) memory until the backward pass, and O(N H) where
    the first map is so large that making its numbers anew takes longer than to keep them.
    """
    if activation not in _FUNCTIONS:
        raise unknown("activation", activation, ACTIVATIONS)
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout: got {dropout}, expected a probability")
    if (scale is None) != (shift is None):
        raise ValueError("scale, shift: got one of them, expected both or neither")
    if dropout > 0 and seed is None:
        seed = torch.randint(2**63 - 1, (), device=x.device)
    wanted = torch.is_grad_enabled() and weight is not None and x.size(1) > _MOST_MADE_ANEW
    given = (x, weight, bias, scale, shift, last, last_bias, seed if dropout > 0 else None)
    out: Tensor = call(_OPERATOR, *given, ACTIVATIONS.index(activation), dropout, eps, wanted)[0]
    return out


def feed_forward_reference(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    seed: Tensor | None,
    activation: int,
    p: float,
    eps: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::feed_forward`` in plain PyTorch.

    Beside the result, what is before the normalisation, where it is to be kept.
    """
    before = x if weight is None else F.linear(x, weight, bias)
    value = before
    if scale is not None:
        value = F.layer_norm(before, before.shape[1:], scale, shift, eps)
    value = _FUNCTIONS[ACTIVATIONS[activation]](value)
    if seed is not None:
        value = dropout_reference(value, seed, p, None)
    kept = before.clone() if keep else before.new_empty(0, before.size(1))
    return F.linear(value, last, last_bias), kept


def _fake(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    last_bias: Tensor | None,
    seed: Tensor | None,
    activation: int,
    p: float,
    eps: float,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    torch._check(x.dim() == 2 and last.dim() == 2)
    kept = x.new_empty(x.size(0) if keep else 0, last.size(1))
    return x.new_empty(x.size(0), last.size(0)), kept


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *maps, _, seed, ctx.activation, ctx.p, ctx.eps, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*maps, seed, output[1])


def _backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    if grad is None:
        return (None,) * 12
    wanted = ctx.needs_input_grad
    found = direct.feed_forward_backward(
        *ctx.saved_tensors, grad, ctx.activation, ctx.p, ctx.eps, wanted[0]
    )
    given = (g if want else None for g, want in zip(found, wanted, strict=False))
    return *given, *(None,) * 5


implement(
    "feed_forward",
    reference=feed_forward_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _backward_reference(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    seed: Tensor | None,
    before: Tensor,
    grad: Tensor,
    activation: int,
    p: float,
    eps: float,
    to_x: bool,
) -> tuple[Tensor, ...]:
    """The gradients of ``x, weight, bias, scale, shift, last, last_bias``."""
    before = x if weight is None else F.linear(x, weight, bias)
    value = normal = before
    rate = before.new_ones(())
    if scale is not None and shift is not None:
        rate = (before.var(1, correction=0, keepdim=True) + eps).rsqrt()
        normal = (before - before.mean(1, keepdim=True)) * rate
        value = normal * scale + shift
    turned = grad @ last
    active = _FUNCTIONS[ACTIVATIONS[activation]](value)
    if seed is not None:
        active, turned = (dropout_reference(part, seed, p, None) for part in (active, turned))
    to_last, to_last_bias = grad.T @ active, grad.sum(0)
    turned = turned * _slope(value, ACTIVATIONS[activation])
    to_scale, to_shift = x.new_empty(0), x.new_empty(0)
    if scale is not None:
        to_scale, to_shift = (turned * normal).sum(0), turned.sum(0)
        turned = turned * scale
        along = (turned * normal).mean(1, keepdim=True)
        turned = (turned - turned.mean(1, keepdim=True) - normal * along) * rate
    back = turned if weight is None else turned @ weight
    back = back if to_x else x.new_empty(0, x.size(1))
    to_weight = x.new_empty(0, x.size(1)) if weight is None else turned.T @ x
    to_bias = x.new_empty(0) if weight is None else turned.sum(0)
    return back, to_weight, to_bias, to_scale, to_shift, to_last, to_last_bias


def _slope(x: Tensor, activation: str) -> Tensor:
    if activation == "relu":
        return (x > 0).to(x.dtype)
    if activation == "silu":
        share = x.sigmoid()
        return share * (1 + x * (1 - share))
    bell = (-x.square() / 2).exp() / math.sqrt(2 * math.pi)
    return torch.special.ndtr(x) + x * bell


def _backward_fake(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    scale: Tensor | None,
    shift: Tensor | None,
    last: Tensor,
    seed: Tensor | None,
    before: Tensor,
    grad: Tensor,
    activation: int,
    p: float,
    eps: float,
    to_x: bool,
) -> tuple[Tensor, ...]:
    channels, hidden = last.shape
    mapped, normed = (hidden if t is not None else 0 for t in (weight, scale))
    return (
        x.new_empty(x.size(0) if to_x else 0, x.size(1)),
        x.new_empty(mapped, x.size(1)),
        x.new_empty(mapped),
        x.new_empty(normed),
        x.new_empty(normed),
        x.new_empty(channels, hidden),
        x.new_empty(channels),
    )


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.activation, ctx.p, ctx.eps, ctx.to_x = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference, which reads nothing that the forward pass kept."""
    inputs = (*ctx.saved_tensors, ctx.activation, ctx.p, ctx.eps, ctx.to_x)
    wanted = [i for i in (0, 1, 2, 3, 4, 5, 8) if inputs[i] is not None and inputs[i].requires_grad]
    return tuple(differentiated(_backward_reference, inputs, wanted, outer))


implement(
    "feed_forward_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
