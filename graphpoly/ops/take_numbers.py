"""Numbers from places anywhere in a long vector."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.library import call, implement

__all__ = ["take_numbers"]


def take_numbers(value: Tensor, place: Tensor) -> Tensor:
    """Return ``value[place]``, with as many reads on their way at once as memory allows.

    Args:
        value: ``[N]``, int64.
        place: Where to read, ``[M]``, int64, of 0 to N - 1.

    Returns:
        ``[M]``, int64.

    Raises:
        TypeError: If a type is another.
        ValueError: If one has other than one dimension, or a place is outside.

    Complexity: O(M) time and memory.

    >>> take_numbers(torch.tensor([5, 7, 9]), torch.tensor([2, 0, 2])).tolist()
    [9, 5, 9]
    """
    for name, tensor in {"value": value, "place": place}.items():
        if tensor.dtype != torch.int64:
            raise TypeError(f"{name}: got {tensor.dtype}, int64 is accepted")
        if tensor.dim() != 1:
            raise ValueError(f"{name}: got {tensor.dim()} dimensions, expected 1")
    try:
        taken: Tensor = call(torch.ops.graphpoly.take_numbers, value, place)
    except RuntimeError as error:
        line = str(error).partition("\n")[0]
        if not line.startswith("place: "):
            raise
        raise ValueError(line) from None
    return taken


def take_numbers_reference(value: Tensor, place: Tensor) -> Tensor:
    """The definition."""
    if bool(((place < 0) | (place >= value.numel())).any()):
        raise RuntimeError(f"place: got a number outside [0, {value.numel()})")
    return value[place]


def _fake(value: Tensor, place: Tensor) -> Tensor:
    return torch.empty_like(place)


implement("take_numbers", reference=take_numbers_reference, fake=_fake)
