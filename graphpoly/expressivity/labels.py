"""Labels of any kind as numbers that are equal where the labels are."""

from __future__ import annotations

import hashlib
import math
import numbers
import struct
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["label_values"]

_LARGEST = 2.0**768  # below it numbers stand for themselves
_HUGE = 0x6FF0_0000_0000_0000  # its bits


def label_values(values: Sequence[Any]) -> Tensor | None:
    """Return a number for each label: equal labels, and no others, get equal ones.

    Numbers and truth values are equal if they have the same value, wherever they stand (1, 1.0 and
    True are one label) and stand for themselves. A text, which is equal to no number, and whatever
    else is named by a hash beyond 1e231, as are integers that no float64 has. The absence of a
    label is a label, too.

    Args:
        values: Numbers, texts, None, or what has a text.

    Returns:
        float64 ``[N]``, comparable across graphs, files and runs; None if nothing has a label.

    >>> label_values([1, 1.0, True, None, "1"]).unique().numel()
    3
    """
    if all(value is None for value in values):
        return None
    return torch.tensor([_number(value) for value in values], dtype=torch.float64, device="cpu")


def _number(value: Any) -> float:
    if isinstance(value, numbers.Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if abs(number) < _LARGEST and number == value:
            return number + 0.0
        # what float64 does not hold, by all its digits
        value = int(value) if isinstance(value, numbers.Integral) else number
        if isinstance(value, float) and math.isfinite(value):
            value = int(value) if value.is_integer() else value
    kind = "text" if isinstance(value, str) else type(value).__name__
    digest = hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=8).digest()
    word = int.from_bytes(digest, "little")
    sign, rest = word >> 63, word & 0x0FFF_FFFF_FFFF_FFFF
    found: float = struct.unpack("<d", ((sign << 63) | (_HUGE + rest)).to_bytes(8, "little"))[0]
    return found
