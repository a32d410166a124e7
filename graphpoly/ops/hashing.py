"""Random numbers that depend on a seed and on what they are for, and on nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.color_refinement import mix64

__all__ = ["hash64", "uniform"]


def hash64(seed: int, a: Tensor, b: Tensor) -> Tensor:
    """Return 64 bits for each pair of numbers, the same on every machine.

    Args:
        seed: Any integer.
        a: int64.
        b: int64, of a shape that goes with that of ``a``.

    >>> hash64(0, torch.tensor([1, 2]), torch.tensor([3, 3])).tolist()
    [-4784904354155427983, 2858175983971167868]
    """
    return mix64(mix64(mix64(torch.tensor(seed)) + a) + b)


def uniform(bits: Tensor) -> Tensor:
    """Turn 64 bits into a number in [0, 1), float64.

    >>> uniform(torch.tensor([-1, 0])).tolist()
    [0.9999999999999999, 0.0]
    """
    return ((bits >> 11) & ((1 << 53) - 1)).double() * 2.0**-53
