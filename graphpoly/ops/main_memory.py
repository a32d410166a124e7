"""How much memory there is, for what would otherwise be found out by the process's end.

Linux grants more than there is and kills who uses it: an array that is refused raises an error, ten
arrays of which each was granted do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

__all__ = ["check_fits", "main_memory"]

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of the container that we may be in


def main_memory() -> int | None:
    """Return the bytes of the machine, or of its control group where that has less; None: unknown.

    >>> found = main_memory()
    >>> found is None or found > 2**20
    True
    """
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not every system says so
        return None
    try:
        return min(found, int(_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no group, or one that says "max"
        return found


def check_fits(what: Callable[[], str], size: int, device: torch.device) -> None:
    """Refuse what cannot fit the main memory.

    Args:
        what: Says what takes the memory, and what would take less.
        size: A lower bound, in bytes.
        device: Where; others than the CPU refuse by themselves.

    Raises:
        ValueError: If there is less, whatever else is in it.
    """
    if device.type != "cpu" or torch.compiler.is_compiling():
        return
    there = main_memory()
    if there is not None and size > there:
        needed, has = (f"{each / 2**30:,.1f}" for each in (size, there))
        raise ValueError(f"{what()}: takes {needed} GiB at least, this machine has {has}")
