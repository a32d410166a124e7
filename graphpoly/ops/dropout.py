r"""Dropout whose mask is a hash of a seed and of the place: :math:`y = m \odot x / (1 - p)`.

PyTorch draws one number after another on a CPU, which on a small graph takes longer than the
network. Here each number's bits come from its place, so that all are drawn at once, the same for
any number of threads, and the mask is made anew in the backward pass rather than kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import graphpoly.ops._extension as _extension
from graphpoly.ops.dtypes import EXACT
from graphpoly.ops.entry import INT64_MIN, as_size
from graphpoly.ops.hashing import GOLDEN, WORD, mix_bits, threshold
from graphpoly.ops.library import call, direct, implement
from graphpoly.ops.linear import at_hand

__all__ = ["dropout", "dropout_reference"]

_STORED = (*EXACT, torch.bfloat16)
_OPERATOR = torch.ops.graphpoly.dropout.default


def dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,
    *,
    seed: int | Tensor | None = None,
    place: Tensor | None = None,
) -> Tensor:
    """Set each number to 0 with probability ``p`` and divide the others by ``1 - p``.

    Args:
        x: ``[...]``, floating-point numbers.
        p: Probability of 0, to the nearest 2^-24.
        training: If False, x is returned as it is.
        seed: An integer, or an int64 tensor of one element. Drawn from the default generator where
            it is None.
        place: int64, in the shape of ``x``: the place of each number, which its bits are a hash
            of. Its place in ``x`` where it is None.

    Returns:
        ``[...]``. What is dropped is 0 even where x is not finite.

    Raises:
        TypeError: If ``x`` is not of floating-point numbers.
        ValueError: If ``p`` is no probability, ``seed`` no integer of 64 bits, or ``place`` has
            another shape or dtype.

    Without ``seed`` and ``place``, what the kernel does not serve is left to ``F.dropout``, with
    its numbers: other devices, float16, transforms of functions, compilation.

    Complexity: O(N) time for N numbers, and no memory until the backward pass.

    >>> dropout(torch.ones(6), 0.5, seed=1).tolist()
    [2.0, 2.0, 0.0, 0.0, 0.0, 2.0]
    """
    if not x.is_floating_point():
        raise TypeError(f"x: got dtype {x.dtype}, a floating-point dtype is accepted")
    if not 0 <= p <= 1:
        raise ValueError(f"p: got {p}, expected a probability")
    if not training or p == 0:
        return x
    if seed is None and place is None and not _serves(x):
        return F.dropout(x, p)
    if place is not None and (place.shape != x.shape or place.dtype != torch.int64):
        raise ValueError(
            f"place: got {place.dtype} of shape {tuple(place.shape)}, "
            f"expected int64 of shape {tuple(x.shape)}"
        )
    if seed is None:
        seed = torch.randint(2**63 - 1, (), device=x.device)
    elif not isinstance(seed, Tensor):
        seed = torch.tensor(as_size("seed", seed, INT64_MIN), device=x.device)
    elif seed.numel() != 1 or seed.dtype != torch.int64:
        raise ValueError(f"seed: got {seed.dtype} of shape {tuple(seed.shape)}, expected one int64")
    wide = x if x.dtype in _STORED else x.float()
    out: Tensor = call(_OPERATOR, wide, seed, p, place)
    return out.to(x.dtype)


def _serves(x: Tensor) -> bool:
    return at_hand(x) and x.dtype in _STORED and _extension.load()["available"]


def dropout_reference(x: Tensor, seed: Tensor, p: float, place: Tensor | None) -> Tensor:
    """The definition of ``graphpoly::dropout`` in plain PyTorch.

    A bfloat16 x is multiplied in float32 and rounded once.
    """
    if x.dtype == torch.bfloat16:
        return dropout_reference(x.float(), seed, p, place).to(x.dtype)
    if place is None:
        place = torch.arange(x.numel(), device=x.device).view(x.shape)
    seed = seed.reshape(())
    first = mix_bits(seed & WORD)
    second = mix_bits((((seed >> 32) & WORD) + first + GOLDEN) & WORD)
    word = mix_bits((place & WORD) ^ first) + second + ((place >> 32) & WORD) * GOLDEN
    kept = (mix_bits(word & WORD) >> 8) >= threshold(p)
    return torch.where(kept, x * (1 / (1 - p) if p < 1 else 0.0), 0)


def _fake(x: Tensor, seed: Tensor, p: float, place: Tensor | None) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, seed, ctx.p, place = inputs
    ctx.save_for_backward(seed, place)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    seed, place = ctx.saved_tensors
    return direct.dropout(grad, seed, ctx.p, place), None, None, None


implement(
    "dropout", reference=dropout_reference, fake=_fake, setup_context=_setup, backward=_backward
)
