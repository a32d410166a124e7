"""Keys that are read from places anywhere, and numbered as they come."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.entry import as_size
from graphpoly.ops.library import call, implement
from graphpoly.ops.number_keys import number_keys_reference

__all__ = ["TakenKeys", "take_and_number"]


class TakenKeys(NamedTuple):
    """What :func:`take_and_number` gives.

    Attributes:
        number: Of each key that was taken, ``[M]``.
        key: Those that were known, then each new one where it was taken first, ``[K+F]``.
    """

    number: Tensor
    key: Tensor


def take_and_number(known: Tensor, value: Tensor, place: Tensor, num_keys: int) -> TakenKeys:
    """Return ``number_keys(known, value[place])``, numbered by one thread while others read.

    Args:
        known: Keys, ``[K]``, int64. The i-th has the number i; of equal ones the first counts.
        value: Keys, ``[N]``, int64.
        place: Where to read, ``[M]``, int64, of 0 to N - 1.
        num_keys: Keys are of 0 to this - 1. Others that are not read may be anything.

    Raises:
        TypeError: If a type is another.
        ValueError: If one has other than one dimension, or a place or key is outside.

    Complexity: O(K + M) time and memory, ``num_keys`` words more where it is below 16 (K + M).

    >>> value = torch.tensor([7, 5, 4, 9])
    >>> taken = take_and_number(torch.tensor([7, 9]), value, torch.tensor([3, 1, 0, 1, 2]), 10)
    >>> taken.number.tolist(), taken.key.tolist()
    ([1, 2, 0, 2, 3], [7, 9, 5, 4])
    """
    for name, tensor in {"known": known, "value": value, "place": place}.items():
        if tensor.dtype != torch.int64:
            raise TypeError(f"{name}: got {tensor.dtype}, int64 is accepted")
        if tensor.dim() != 1:
            raise ValueError(f"{name}: got {tensor.dim()} dimensions, expected 1")
    num_keys = as_size("num_keys", num_keys)
    try:
        return TakenKeys(*call(torch.ops.graphpoly.take_and_number, known, value, place, num_keys))
    except RuntimeError as error:
        line = str(error).partition("\n")[0]
        if not line.startswith(("known: ", "value: ", "place: ")):
            raise
        raise ValueError(line) from None


def take_and_number_reference(
    known: Tensor, value: Tensor, place: Tensor, num_keys: int
) -> tuple[Tensor, Tensor]:
    """The definition."""
    _check("known", known, num_keys)
    _check("place", place, value.numel())
    found = value[place]
    _check("value", found, num_keys)
    number, first = number_keys_reference(known, found)
    return number, torch.cat([known, found[first]])


def _check(name: str, number: Tensor, limit: int) -> None:
    if bool(((number < 0) | (number >= limit)).any()):
        raise RuntimeError(f"{name}: got a number outside [0, {limit})")


def _fake(known: Tensor, value: Tensor, place: Tensor, num_keys: int) -> tuple[Tensor, Tensor]:
    every = torch.library.get_ctx().new_dynamic_size()
    return torch.empty_like(place), known.new_empty(every)


implement("take_and_number", reference=take_and_number_reference, fake=_fake)
