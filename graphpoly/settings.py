"""Typed settings that can be overridden by ``key=value``, checked field by field."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from graphpoly.errors import unknown

__all__ = [
    "Described",
    "Settings",
    "bounded",
    "describe",
    "meanings",
    "parse_assignments",
    "replace_settings",
]

S = TypeVar("S", bound="Settings")
_ABSENT = ("none", "null")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_NAMES = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "a word",
    tuple[float, ...]: "numbers separated by commas",
}
# types of the fields of each class; they are text, which takes long to read
_HINTS: dict[type, dict[str, Any]] = {}
# an entry of a docstring's "Attributes:", "a, b: text that may go on below"
_ENTRY = re.compile(r"^    (\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*(?:\n(?:      .*)?)*)", re.MULTILINE)


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
    if cls not in _HINTS:
        _HINTS[cls] = typing.get_type_hints(cls)
    return [(field, _HINTS[cls][field.name]) for field in dataclasses.fields(cls)]


@dataclasses.dataclass(frozen=True)
class Described:
    """One setting, for people.

    Attributes:
        name: What users type.
        default: Its value, or None with ``required``.
        accepts: Type, bounds or choices in words.
        meaning: One line, from the docstring of the class that declares it.
        required: Whether there is no default.
    """

    name: str
    default: Any
    accepts: str
    meaning: str
    required: bool = False


def describe(settings: Settings | type[Settings]) -> list[Described]:
    """Return what can be set, in the order of declaration; instances show their own values.

    The meanings are read from the docstrings, so that nobody keeps them twice.
    """
    cls = settings if isinstance(settings, type) else type(settings)
    told: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        told |= meanings(inspect.getdoc(base) or "", "Attributes:")
    rows = []
    for field, kind in typed_fields(cls):
        kind, optional = _bare(kind)
        low, high = field.metadata.get("low"), field.metadata.get("high")
        choices = field.metadata.get("choices")
        accepts = " | ".join(choices) if choices else _expected(kind, low, high)
        value = field.default if isinstance(settings, type) else getattr(settings, field.name)
        required = value is dataclasses.MISSING
        rows.append(
            Described(
                field.name,
                None if required else value,
                accepts + (" or none" if optional else ""),
                told.get(field.name, ""),
                required,
            )
        )
    return rows


def meanings(docstring: str, section: str) -> dict[str, str]:
    """Return the entries of a section of a docstring, such as ``"Args:"``, by name.

    >>> meanings("Args:\\n    a, b: Sizes\\n        of things.", "Args:")
    {'a': 'Sizes of things.', 'b': 'Sizes of things.'}
    """
    _, _, rest = docstring.partition(f"{section}\n")
    body = re.split(r"\n(?=\S)", rest, maxsplit=1)[0]
    return {
        name.lstrip("*"): " ".join(text.split())
        for names, text in _ENTRY.findall(body)
        for name in names.split(", ")
    }


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
    kind, optional = _bare(kind)
    if optional and (value is None or (isinstance(value, str) and value.lower() in _ABSENT)):
        return None
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


def _bare(kind: Any) -> tuple[Any, bool]:
    """Return the type without ``| None``, and whether that stood there."""
    options = typing.get_args(kind)
    if isinstance(kind, types.UnionType) and type(None) in options:
        return next(option for option in options if option is not type(None)), True
    return kind, False


def _convert(kind: Any, value: Any) -> Any:
    if kind == tuple[float, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(_convert(float, part) for part in parts)
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
