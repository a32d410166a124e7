"""Where settings are searched: one range a name, whatever model has a setting of that name."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from graphpoly.models.settings import ModelSettings
from graphpoly.settings import typed_fields

__all__ = ["SPACES", "Choice", "Range", "Space", "space_of"]


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both are integers.

    Attributes:
        low, high: The ends.
        log: Whether magnitudes are drawn evenly, instead of numbers.
    """

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[int, ...]


Space = Range | Choice

SPACES: dict[str, Space] = {
    "lr": Range(1e-4, 1e-1, log=True),
    "weight_decay": Range(1e-6, 1e-2, log=True),
    "dropout": Range(0.0, 0.8),
    "hidden_channels": Choice((16, 32, 64, 128, 256)),
    "K": Range(1, 10),
    "num_layers": Range(1, 6),
}


def space_of(settings: ModelSettings, fixed: Collection[str] = ()) -> dict[str, Space]:
    """Return what is searched of a model's settings: those in :data:`SPACES` that are not fixed.

    Whatever else there is to set keeps its value. A range never leaves the bounds of its setting.

    Args:
        settings: Of the model.
        fixed: Names that keep their values.

    Raises:
        ValueError: If nothing is left.

    >>> from graphpoly.models.settings import settings_of
    >>> space_of(settings_of("SGC")[1](), fixed=["lr"])
    {'weight_decay': Range(low=1e-06, high=0.01, log=True), 'K': Range(low=1, high=10, log=False)}
    """
    found = {}
    for field, kind in typed_fields(type(settings)):
        space = SPACES.get(field.name)
        if space is None or field.name in fixed or kind is not _kind(space):
            continue
        found[field.name] = _within(space, field.metadata)
    if not found:
        held = ", ".join(fixed) or "none of them"
        raise ValueError(f"settings: nothing to search among {', '.join(SPACES)}; fixed: {held}")
    return found


def _kind(space: Space) -> type:
    return type(space.low) if isinstance(space, Range) else int


def _within(space: Space, bounds: Any) -> Space:
    low, high = bounds.get("low"), bounds.get("high")
    if isinstance(space, Choice):
        return space
    least = space.low if low is None else max(space.low, type(space.low)(low))
    most = space.high if high is None else min(space.high, type(space.high)(high))
    return dataclasses.replace(space, low=least, high=most)
