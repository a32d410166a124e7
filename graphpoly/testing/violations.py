"""How a check says that a promise is broken, or that it says nothing about a layer."""

from __future__ import annotations

from typing import Any

from graphpoly.testing.tolerances import difference

__all__ = ["NotApplicable", "Violation", "expect", "expect_close"]


class Violation(AssertionError):
    """The layer breaks the property; the message says what was compared and by how much."""


class NotApplicable(Exception):
    """The property says nothing about this layer; the message says why."""


def expect(condition: object, message: str) -> None:
    """Raise a :class:`Violation` unless the condition holds."""
    if not condition:
        raise Violation(message)


def expect_close(actual: Any, expected: Any, what: str, *, kind: str = "exact") -> None:
    """Raise a :class:`Violation` that says how ``actual`` differs from ``expected``."""
    found = difference(actual, expected, kind=kind)
    expect(found is None, f"{what}: {found}")
