"""Arguments that a network passes on to its layers, written out where users look for them."""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from graphpoly.settings import meanings

__all__ = ["passes_on"]

T = TypeVar("T", bound=type)
_KWARGS = re.compile(r"^    \*\*kwargs:.*?(?=^\S|^\n|\Z)", re.MULTILINE | re.DOTALL)


def passes_on(*layers: type, without: tuple[str, ...] = ()) -> Callable[[T], T]:
    """Write out the ``**kwargs`` of a constructor: they are the keyword arguments of layers.

    The signature names them with the defaults of the layers, and the docstring says of each what
    the first layer that has it says. What is passed to the constructor is passed as before.

    Args:
        *layers: What the constructor passes ``**kwargs`` to.
        without: Arguments of theirs that the network decides.
    """

    def decorate(cls: T) -> T:
        made = inspect.unwrap(cls.__init__)  # type: ignore[misc]
        own = inspect.signature(made)
        kept = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        if len(kept) == len(own.parameters):
            return cls
        refused = {each.name for each in kept}.union(without)
        passed: dict[str, inspect.Parameter] = {}
        for layer in layers:
            for name, each in inspect.signature(layer).parameters.items():
                if name not in refused:
                    passed.setdefault(name, each.replace(kind=each.KEYWORD_ONLY))

        @functools.wraps(made)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            made(self, *args, **kwargs)

        signature = own.replace(parameters=[*kept, *passed.values()])
        __init__.__signature__ = signature  # type: ignore[attr-defined]
        cls.__init__ = __init__  # type: ignore[misc]
        if cls.__doc__:
            cls.__doc__ = _written_out(cls, layers, [*signature.parameters][1:])
        return cls

    return decorate


def _written_out(cls: type, layers: tuple[type, ...], names: list[str]) -> str:
    """Return the docstring with an entry for each argument, after those that it has."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    own = meanings(doc, "Args:")
    told: dict[str, str] = {}
    for each in (*layers[::-1], *cls.__mro__[:0:-1]):
        if each is not object:
            told |= meanings(inspect.cleandoc(each.__doc__ or ""), "Args:")
    entries = "\n".join(
        textwrap.fill(
            f"{name}: {told[name]}", 96, initial_indent=" " * 4, subsequent_indent=" " * 8
        )
        for name in names
        if name not in own and name in told
    )
    if not entries:
        return doc
    if _KWARGS.search(doc):
        return _KWARGS.sub(lambda _: entries + "\n", doc, count=1)
    head, example, rest = doc.partition("\n>>> ")
    return f"{head.rstrip()}\n\nArgs:\n{entries}\n{example}{rest}"
