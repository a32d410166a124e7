"""What networks in one operator share: the way to it and back, and when it is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.library import differentiated, is_short

__all__ = ["Maps", "Rule", "check_square", "goes_at_once", "run_at_once", "split"]

Maps: TypeAlias = Sequence[Tensor | None]  # those of one layer after those of the other


class Rule(NamedTuple):
    """How the layers of a network run.

    Args:
        forward: Takes x and maps; returns what is kept of them, the result, and what else is given
            out, without gradients.
        backward: Takes x with maps, what was kept, the gradient of the result and which gradients
            are wanted; returns those of x and maps.
        one_by_one: Takes x and maps; returns the result.
    """

    forward: Callable[[Tensor, Maps], tuple[list[Tensor], Tensor, Sequence[Tensor]]]
    backward: Callable[[Maps, list[Tensor], Tensor, Sequence[bool]], list[Tensor | None]]
    one_by_one: Callable[[Tensor, Maps], Tensor]


def split(layer: Any, maps: Maps) -> list[Any]:
    """Return the layers that hold these maps, as tuples of this class."""
    size = len(layer._fields)
    return [layer(*maps[i : i + size]) for i in range(0, len(maps), size)]


def check_square(adj: CSR, x: Tensor) -> None:
    """Raise ValueError unless there are as many rows and columns as rows of ``x``."""
    if not len(x) == adj.num_cols == adj.num_rows:
        raise ValueError(
            f"x: got {len(x)} rows, the operator has {adj.num_rows} rows and {adj.num_cols} columns"
        )


def goes_at_once(x: Tensor, maps: Maps) -> bool:
    """Whether gradients are wanted, and nobody watches the way to them."""
    learns = torch.is_grad_enabled() and torch._C._any_requires_grad(x, *maps)
    return learns and is_short(x, *maps)


def run_at_once(rule: Rule, x: Tensor, maps: Maps) -> tuple[Tensor, ...]:
    """Return the result, and what else ``rule.forward`` gives out."""
    out: tuple[Tensor, ...] = _Network.apply(rule, x, *maps)
    return out


class _Network(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rule: Rule, x: Tensor, *maps: Tensor | None) -> tuple[Tensor, ...]:
        ctx.rule = rule
        kept, out, beside = rule.forward(x, maps)
        ctx.mark_non_differentiable(*beside)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, *maps, *kept)
        return out, *beside

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[1:]
        if grad is None:
            return (None,) * (1 + len(wanted))
        saved, count = ctx.saved_tensors, len(wanted)
        inputs, kept = saved[:count], saved[count:]
        # several gradients at once hold no memory, and lists of tensors have no rule for them
        if torch.is_grad_enabled() or not torch._C._has_storage(grad):

            def again(x: Tensor, *maps: Any) -> tuple[Tensor]:
                return (ctx.rule.one_by_one(x, maps),)

            places = [i for i, needs in enumerate(wanted) if needs]
            return None, *differentiated(again, inputs, places, [grad])
        found = ctx.rule.backward(inputs, list(kept), grad, wanted)
        return None, *(g if needs else None for g, needs in zip(found, wanted, strict=True))
