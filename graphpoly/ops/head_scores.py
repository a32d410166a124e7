r"""Scores of the heads of an attention: :math:`\langle x_{n,h}, a_h \rangle`, one vector or two."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.library import call, differentiated, direct, implement

__all__ = ["head_scores", "head_scores_reference"]

_OPERATOR = torch.ops.graphpoly.head_scores.default


def head_scores(x: Tensor, first: Tensor, second: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the products of ``x`` with each vector, ``[N, H]`` and ``[N, H]``.

    Args:
        x: ``[N, H, C]``, float32 or float64, as are the vectors.
        first: ``[H, C]``.
        second: ``[H, C]``; without it the second result is ``[0, H]``.

    Complexity: O(N H C), the features being read once.
    """
    one, two = call(_OPERATOR, x, first, second)
    return one, two


def head_scores_reference(x: Tensor, first: Tensor, second: Tensor | None) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::head_scores`` in plain PyTorch."""
    one = (x * first).sum(-1)
    return one, one.new_empty(0, x.size(1)) if second is None else (x * second).sum(-1)


def _fake(x: Tensor, first: Tensor, second: Tensor | None) -> tuple[Tensor, Tensor]:
    torch._check(x.dim() == 3)
    rows = 0 if second is None else x.size(0)
    return x.new_empty(x.shape[:2]), x.new_empty(rows, x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, one: Tensor, two: Tensor) -> tuple[Tensor | None, ...]:
    x, first, second = ctx.saved_tensors
    wanted = ctx.needs_input_grad[:3]
    found = direct.head_scores_backward(
        x, first, second, one, None if second is None else two, wanted[0]
    )
    return tuple(g if want else None for g, want in zip(found, wanted, strict=True))


implement(
    "head_scores",
    reference=head_scores_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _backward_reference(
    x: Tensor,
    first: Tensor,
    second: Tensor | None,
    of_first: Tensor,
    of_second: Tensor | None,
    to_x: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of ``x, first, second``."""
    one = of_first.unsqueeze(-1)
    back, nothing = one * first, first[:0].clone()
    if second is None or of_second is None:
        return back if to_x else back[:0].clone(), (one * x).sum(0), nothing
    two = of_second.unsqueeze(-1)
    back = back + two * second if to_x else back[:0].clone()
    return back, (one * x).sum(0), (two * x).sum(0)


def _backward_fake(
    x: Tensor,
    first: Tensor,
    second: Tensor | None,
    of_first: Tensor,
    of_second: Tensor | None,
    to_x: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    rows, heads, channels = x.shape
    return (
        x.new_empty(rows if to_x else 0, heads, channels),
        x.new_empty(first.shape),
        x.new_empty(0 if second is None else heads, channels),
    )


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.to_x = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference, of products all."""
    inputs = (*ctx.saved_tensors, ctx.to_x)
    wanted = [i for i, t in enumerate(inputs[:5]) if t is not None and t.requires_grad]
    return tuple(differentiated(_backward_reference, inputs, wanted, outer))


implement(
    "head_scores_backward",
    reference=_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
