"""Progress bars, behind a protocol so that pipes and tests stay silent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Progress", "RichProgress"]


class Progress(Protocol):
    """What :func:`graphpoly.training.fit` tells while it works."""

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        """Begin a run of ``total`` epochs of which ``done`` are behind it.

        Where other things than epochs are counted, ``what`` names one. They all take their time, so
        that the time left can be told; epochs may end early.
        """

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        """Report that ``done`` epochs are finished, with the scores of the last one."""

    def stop(self) -> None:
        """End the run that :meth:`start` began, finished or not."""


class RichProgress:
    """One bar a run on standard error; silent where that is no terminal.

    Example:
        >>> bar = RichProgress()
        >>> bar.start("seed 0", total=2, done=0)
        >>> bar.update(1, {"loss": 0.5, "val": 0.75})
        >>> bar.stop()
    """

    # Redrawing more often than the eye can see would cost more than a short epoch.
    _SECONDS_BETWEEN_UPDATES = 0.1

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._shown = 0.0
        self._latest: tuple[int, Mapping[str, float]] = (0, {})

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        """See :meth:`Progress.start`."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            *([TextColumn("left"), TimeRemainingColumn()] if what else []),
            TextColumn("{task.fields[scores]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar.start()
        self._task = self._bar.add_task(label, total=total, completed=done, scores="")
        self._shown, self._latest = 0.0, (done, {})

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        """See :meth:`Progress.update`."""
        self._latest = (done, scores)
        now = time.monotonic()
        if now - self._shown >= self._SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self._draw()

    def stop(self) -> None:
        """See :meth:`Progress.stop`."""
        self._draw()
        self._bar.stop()

    def _draw(self) -> None:
        done, scores = self._latest
        text = "  ".join(f"{name} {scores[name]:.4f}" for name in ("loss", "val") if name in scores)
        self._bar.update(self._task, completed=done, scores=text)
