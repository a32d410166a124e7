"""Random numbers that depend on a seed and on what they are for, and on nothing else."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.ops.color_refinement import mix64
from graphpoly.ops.entry import INT64_MIN, as_size, check_device

__all__ = ["GOLDEN", "WORD", "hash64", "mix_bits", "threshold", "uniform"]

WORD = 0xFFFFFFFF
GOLDEN = 0x9E3779B9


def hash64(seed: int, a: Tensor, b: Tensor) -> Tensor:
    """Return 64 bits for each pair of numbers, the same on every machine.

    Args:
        seed: Any integer of 64 bits.
        a: int64.
        b: int64, of a shape that goes with that of ``a``.

    Raises:
        TypeError: If ``seed`` is no integer, or a dtype is another.
        ValueError: If ``seed`` takes more than 64 bits, or the shapes do not go together.

    >>> hash64(0, torch.tensor([1, 2]), torch.tensor([3, 3])).tolist()
    [-4784904354155427983, 2858175983971167868]
    """
    for name, tensor in (("a", a), ("b", b)):
        if tensor.dtype != torch.int64:
            raise TypeError(f"{name}: got dtype {tensor.dtype}, expected int64")
    if any(m != n and 1 not in (m, n) for m, n in zip(a.shape[::-1], b.shape[::-1], strict=False)):
        raise ValueError(f"a, b: got shapes {tuple(a.shape)} and {tuple(b.shape)}")
    check_device("b", b, a.device)
    first = mix64(torch.tensor(as_size("seed", seed, INT64_MIN), device=a.device))
    return mix64(mix64(first + a) + b)


def uniform(bits: Tensor) -> Tensor:
    """Turn 64 bits into a number in [0, 1), float64.

    Raises:
        TypeError: If ``bits`` are not int64.

    >>> uniform(torch.tensor([-1, 0])).tolist()
    [0.9999999999999999, 0.0]
    """
    if bits.dtype != torch.int64:
        raise TypeError(f"bits: got dtype {bits.dtype}, expected int64")
    return ((bits >> 11) & ((1 << 53) - 1)).double() * 2.0**-53


def mix_bits(x: Tensor) -> Tensor:
    """Mix the bits of 32-bit words held in int64."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & WORD
    x = ((x ^ (x >> 15)) * 0x735A2D97) & WORD
    return x ^ (x >> 15)


def threshold(p: float) -> int:
    """Return what 24 random bits are below with probability ``p``."""
    return math.floor(p * 2**24 + 0.5)
