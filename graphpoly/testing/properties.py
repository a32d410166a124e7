"""What a property is, and the list of them that the checks fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from graphpoly.testing.subject import Subject

__all__ = ["Property", "beside", "enter_into", "prop", "table"]


class Property(NamedTuple):
    """One promise that a layer keeps.

    Attributes:
        name: What exclusions and failures call it.
        sentence: The promise in one sentence.
        check: Raises :class:`~graphpoly.testing.violations.Violation` if the layer breaks it,
            :class:`~graphpoly.testing.violations.NotApplicable` if the layer cannot be asked.
    """

    name: str
    sentence: str
    check: Callable[[Subject], None]


_PROPERTIES: dict[str, Property] = {}


def prop(name: str, sentence: str) -> Callable[[Callable[[Subject], None]], Any]:
    """Enter the decorated check as a property."""

    def enter(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
        assert name not in _PROPERTIES, f"two properties are called {name}"
        _PROPERTIES[name] = Property(name, sentence, check)
        return check

    return enter


def table() -> dict[str, Property]:
    """Return the properties by name, in the order in which the checks were imported."""
    return dict(_PROPERTIES)


def enter_into(own: dict[str, Property], sentence: str) -> Callable[[Callable[..., None]], Any]:
    """Enter the decorated ``_check_NAME`` as the property NAME of what is no layer."""

    def enter(check: Callable[..., None]) -> Callable[..., None]:
        name = check.__name__.removeprefix("_check_")
        own[name] = Property(name, sentence, check)
        return check

    return enter


def beside(own: dict[str, Property], as_a_layer: Iterable[str]) -> dict[str, Property]:
    """Return properties of its own, and those of layers that it is asked for, too."""
    return {**own, **{name: _PROPERTIES[name] for name in as_a_layer}}
