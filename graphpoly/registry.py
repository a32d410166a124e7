"""The one list of what graphpoly offers.

Layers, aggregations, models, kernels, bases, transforms and recipes enter it with :func:`register`;
the compliance battery, ``graphpoly list`` and the documentation read it. Nobody keeps a second
list.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from graphpoly.errors import unknown

__all__ = ["KINDS", "Entry", "add", "entries", "find", "get", "load_all", "register"]

KINDS = (
    "layer",
    "aggregation",
    "model",
    "baseline",
    "kernel",
    "basis",
    "transform",
    "dataset",
    "recipe",
)

# Rooms that register something; importing them fills the list.
_ROOMS = ("bases", "data", "rewiring", "features", "layers", "kernels", "models", "recipes")

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One registered object.

    Attributes:
        name: What users type.
        kind: One of :data:`KINDS`.
        obj: The class, function or recipe itself.
        paper: Where the mathematics comes from, as ``Authors, Title, Venue Year``.
        arxiv: arXiv number, if any.
        example: Zero-argument factory of a tiny working instance.
        tags: Facts for tables, such as ``{"complexity": "O(K |E| C)", "expressivity": "1-WL"}``.
    """

    name: str
    kind: str
    obj: Any
    paper: str
    arxiv: str | None
    example: Callable[[], Any] | None
    tags: dict[str, str]


_ENTRIES: dict[tuple[str, str], Entry] = {}


def add(
    kind: str,
    name: str,
    obj: Any,
    *,
    paper: str,
    arxiv: str | None = None,
    example: Callable[[], Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    """Register ``obj`` under ``name``; a second object under the same name is an error."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    held = _ENTRIES.get((kind, name))
    if held is not None and getattr(held.obj, "__module__", None) != getattr(
        obj, "__module__", None
    ):
        raise ValueError(f"{kind} {name!r} is registered already, by {held.obj!r}")
    _ENTRIES[kind, name] = Entry(name, kind, obj, paper, arxiv, example, dict(tags or {}))


def register(
    kind: str,
    *,
    paper: str,
    arxiv: str | None = None,
    example: Callable[[], Any] | None = None,
    tags: dict[str, str] | None = None,
) -> Callable[[T], T]:
    """Register the decorated class or function under its own name.

    Args:
        kind: One of :data:`KINDS`.
        paper: Source of the mathematics.
        arxiv: arXiv number of that source.
        example: Factory of a tiny instance that the compliance battery runs.
        tags: Facts for tables.
    """

    def decorate(obj: T) -> T:
        name = obj.__name__  # type: ignore[attr-defined]
        add(kind, name, obj, paper=paper, arxiv=arxiv, example=example, tags=tags)
        return obj

    return decorate


def load_all() -> None:
    """Import every room that registers something."""
    collecting = gc.isenabled()
    gc.disable()  # modules leave no garbage, and each search for some goes through all of torch
    try:
        for room in _ROOMS:
            importlib.import_module(f"graphpoly.{room}")
    finally:
        if collecting:
            gc.enable()


def entries(kind: str | None = None) -> list[Entry]:
    """Return all registered entries, or those of one kind, ordered by kind and name."""
    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    load_all()
    chosen = [entry for entry in _ENTRIES.values() if kind is None or entry.kind == kind]
    return sorted(chosen, key=lambda entry: (KINDS.index(entry.kind), entry.name))


def get(kind: str, name: str) -> Entry:
    """Return one entry.

    Raises:
        ValueError: If there is no such entry; the message names the nearest one.
    """
    found = find(kind, name)
    if found is None:
        raise unknown(kind, name, [entry.name for entry in entries(kind)])
    return found


def find(kind: str, name: str) -> Entry | None:
    """Return one entry, or None if there is none of that name."""
    load_all()
    return _ENTRIES.get((kind, name))
