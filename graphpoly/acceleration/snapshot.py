"""Whether anything in a tree of modules has changed since it was looked at."""

from __future__ import annotations

from itertools import chain
from operator import is_
from typing import Any

from torch import nn

__all__ = ["Snapshot"]


class Snapshot:
    """What the modules below one are made of.

    Every attribute, parameter, buffer, child and hook counts, by identity: what is given anew is
    something else, whatever it is equal to. What a tensor holds is not looked at, nor what objects
    other than dicts and lists have within.

    Args:
        root: The module itself is not kept, its children are.
    """

    def __init__(self, root: nn.Module) -> None:
        modules = list(root.modules())
        self._below = modules[1:]
        self._types = [type(module) for module in self._below]
        own = [vars(module) for module in modules]
        within = list(chain.from_iterable(map(dict.values, own)))
        tables = [*own, *(value for value in within if isinstance(value, dict))]
        self._full = [table for table in tables if table]
        self._empty = [table for table in tables if not table]  # most are, those of hooks
        self._lists = [value for value in within if isinstance(value, list)]
        self._found = self._look()

    def holds(self) -> bool:
        """Whether all is as it was."""
        if any(self._empty):
            return False
        found = self._look()
        return (
            len(found) == len(self._found)
            and all(map(is_, found, self._found))
            and list(map(type, self._below)) == self._types
        )

    def _look(self) -> list[Any]:
        return [
            *chain.from_iterable(map(dict.values, self._full)),
            *chain.from_iterable(self._lists),
        ]
