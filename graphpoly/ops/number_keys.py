"""Keys in the order in which they are seen first."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.entry import check_held
from graphpoly.ops.library import call, implement

__all__ = ["NumberedKeys", "number_keys"]


class NumberedKeys(NamedTuple):
    """What :func:`number_keys` gives.

    Attributes:
        number: Of each key that was found, ``[M]``.
        first: Places among them of the keys that were not known, each where it stands first.
    """

    number: Tensor
    first: Tensor


def number_keys(known: Tensor, found: Tensor) -> NumberedKeys:
    """Give keys the numbers of those that are known, and new ones the next.

    Args:
        known: ``[K]``, int64. The i-th has the number i; of equal ones the first counts.
        found: ``[M]``, int64.

    Raises:
        TypeError: If a type is another.
        ValueError: If one has other than one dimension, or is on the meta device.

    Complexity: O(K + M) time and memory.

    >>> found = number_keys(torch.tensor([7, 9]), torch.tensor([9, 5, 7, 5, 4]))
    >>> found.number.tolist(), found.first.tolist()
    ([1, 2, 0, 2, 3], [1, 4])
    """
    for name, tensor in {"known": known, "found": found}.items():
        if tensor.dtype != torch.int64:
            raise TypeError(f"{name}: got {tensor.dtype}, int64 is accepted")
        if tensor.dim() != 1:
            raise ValueError(f"{name}: got {tensor.dim()} dimensions, expected 1")
        check_held(name, tensor)
    return NumberedKeys(*call(torch.ops.graphpoly.number_keys, known, found))


def number_keys_reference(known: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """The definition, by sorting."""
    both, size = torch.cat([known, found]), known.numel()
    keys, inverse = torch.unique(both, return_inverse=True)
    place = torch.full_like(keys, both.numel())
    place.scatter_reduce_(0, inverse, torch.arange(both.numel(), device=both.device), "amin")
    fresh = place >= size
    first = place[fresh].sort().values
    number = place.clone()
    number[fresh] = size + torch.searchsorted(first, place[fresh])
    return number[inverse[size:]], first - size


def _fake(known: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    fresh = torch.library.get_ctx().new_dynamic_size()
    return torch.empty_like(found), found.new_empty(fresh)


implement("number_keys", reference=number_keys_reference, fake=_fake)
