"""Messages that tell a user what was got and what is accepted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["ConvergenceError", "module_of", "nearest", "unknown"]

_SHOWN = 30  # names that one line has room for


class ConvergenceError(RuntimeError):
    """An iteration did not reach its tolerance; the message says how far it came."""


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is spelled most like ``name``, if any comes close.

    >>> nearest("favrd/citeseer", ["favard/citeseer", "demo"])
    'favard/citeseer'
    >>> nearest("zzz", ["favard", "demo"]) is None
    True
    """
    folded = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None


def module_of(file: str) -> str:
    """Return what a file of code is imported as; a name of a module is one already.

    >>> module_of("./nets/own.py"), module_of("nets.own")
    ('nets.own', 'nets.own')
    """
    return file.removesuffix(".py").replace("/", ".").strip(".") if file.endswith(".py") else file


def unknown(what: str, name: object, candidates: Iterable[str]) -> ValueError:
    """Build the error for a name that is not among ``candidates``.

    >>> raise unknown("recipe", "dmeo", ["demo", "favard/citeseer"])
    Traceback (most recent call last):
    ValueError: unknown recipe 'dmeo'; did you mean 'demo'?
    """
    known = sorted(candidates)
    match = nearest(str(name), known)
    if str(name).endswith(".py"):
        hint = f"of a file of code name what is in it, too: {module_of(str(name))}:NAME"
    elif match is not None:
        hint = f"did you mean {match!r}?"
    elif known:
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        hint = f"known: {', '.join(known[:_SHOWN])}{more}"
    else:
        hint = "none is registered"
    return ValueError(f"unknown {what} {str(name)!r}; {hint}")
