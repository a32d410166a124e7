"""A bar on standard error for what takes long outside of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bar"]


@contextmanager
def bar(label: str, total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many of ``total`` things are done in addition.

    Nothing is drawn where standard error is no terminal.

    Args:
        label: What is done.
        total: Number of things.
        shown: Whether there is a bar at all.
    """
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.update(task, advance=count)
