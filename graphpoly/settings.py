"""Typed settings that can be overridden by ``key=value``, checked field by field."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from graphpoly.errors import unknown

__all__ = ["Settings", "bounded", "parse_assignments", "replace_settings"]

S = TypeVar("S", bound="Settings")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_NAMES = {int: "an integer", float: "a number", bool: "true or false", str: "a word"}


def bounded(
    default: Any = dataclasses.MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """Declare a field of :class:`Settings` whose value lies in ``[low, high]`` or ``choices``."""
    metadata = {"low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of frozen dataclasses whose fields are checked against their types and bounds.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Filter(Settings):
    ...     K: int = bounded(10, low=0)
    >>> Filter(K=-1)
    Traceback (most recent call last):
    ValueError: K: got -1, expected an integer of at least 0
    """

    def __post_init__(self) -> None:
        for field, kind in typed_fields(type(self)):
            value = _coerce(field, kind, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


def typed_fields(cls: type[Settings]) -> list[tuple[dataclasses.Field[Any], Any]]:
    """Return the fields of ``cls``, each with its type."""
    hints = typing.get_type_hints(cls)
    return [(field, hints[field.name]) for field in dataclasses.fields(cls)]


def replace_settings(settings: S, changes: Mapping[str, Any]) -> S:
    """Return ``settings`` with some values replaced; text is converted to the field's type.

    Raises:
        ValueError: If a key is unknown, or a value has the wrong type or is out of bounds.
    """
    known = [field.name for field in dataclasses.fields(settings)]
    for key in changes:
        if key not in known:
            raise unknown("key", key, known)
    return dataclasses.replace(settings, **changes)


def parse_assignments(assignments: typing.Iterable[str]) -> dict[str, str]:
    """Split ``key=value`` words; a later one wins over nobody.

    >>> parse_assignments(["K=4", "split=dense"])
    {'K': '4', 'split': 'dense'}

    Raises:
        ValueError: If a word has no ``=`` or a key stands twice.
    """
    parsed: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ValueError(f"expected key=value, got {assignment!r}")
        if key.strip() in parsed:
            raise ValueError(f"key {key.strip()!r} is given twice")
        parsed[key.strip()] = value.strip()
    return parsed


def _coerce(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    optional = isinstance(kind, types.UnionType) and type(None) in typing.get_args(kind)
    if optional:
        if value is None or (isinstance(value, str) and value.lower() in ("none", "null")):
            return None
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    low, high = field.metadata.get("low"), field.metadata.get("high")
    choices = field.metadata.get("choices")
    try:
        result = _convert(kind, value)
        inside = (low is None or result >= low) and (high is None or result <= high)
        if not inside:
            raise ValueError
    except (TypeError, ValueError):
        expected = _expected(kind, low, high) + (" or none" if optional else "")
        raise ValueError(f"{field.name}: got {value!r}, expected {expected}") from None
    if choices is not None and result not in choices:
        raise unknown(field.name, result, choices)
    return result


def _convert(kind: Any, value: Any) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        word = value.lower() if isinstance(value, str) else ""
        if word not in _TRUE + _FALSE:
            raise ValueError
        return word in _TRUE
    if kind is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    # bool is an int to Python, and never what somebody means by a number of layers
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if kind is int:
        if isinstance(value, float):
            raise TypeError
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _expected(kind: Any, low: float | None, high: float | None) -> str:
    name = _NAMES.get(kind, str(kind))
    if low is not None and high is not None:
        return f"{name} from {low:g} to {high:g}"
    if low is not None:
        return f"{name} of at least {low:g}"
    return name
