"""Progress for logs: where standard error is no terminal, a line now and then instead of a bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from graphpoly.training import Progress

__all__ = ["LineProgress", "progress_for"]


def progress_for(what: str = "epoch") -> Progress:
    """Return a bar for a terminal and lines for anything else, which count ``what``."""
    from graphpoly.training import RichProgress

    return RichProgress() if sys.stderr.isatty() else LineProgress(what=what)


class LineProgress:
    """One line on standard error when a run ends, and one every ``seconds`` until then.

    >>> lines = LineProgress()
    >>> lines.start("seed 0", total=2, done=0)
    >>> lines.update(2, {"loss": 0.5, "val": 0.75})
    >>> lines.stop()
    """

    def __init__(self, seconds: float = 30.0, *, what: str = "epoch") -> None:
        self.seconds, self.what = seconds, what
        self._label, self._text, self._counted = "", "", ""
        self._began = self._said = 0.0

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        """Begin a run; of things that ``what`` names, lines say how much time is left."""
        self._label, self._total, self._text = label, total, ""
        self._first, self._counted = done, what
        self._began = self._said = time.monotonic()

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        """Remember the last epoch, and say so if it is time."""
        numbers = [f"{name} {scores[name]:.4f}" for name in ("loss", "val") if name in scores]
        what = self._counted or self.what
        self._text = ", ".join([f"{what} {done} of {self._total}", *numbers])
        if time.monotonic() - self._said >= self.seconds:
            self._said = time.monotonic()
            left = ""
            if self._counted and done > self._first:
                pace = (self._said - self._began) / (done - self._first)
                left = f", about {pace * (self._total - done):.0f} s left"
            typer.echo(f"{self._label}: {self._text}{left}", err=True)

    def stop(self) -> None:
        """End the run."""
        if self._text:
            seconds = time.monotonic() - self._began
            typer.echo(f"{self._label}: ended after {self._text}, {seconds:.1f} s", err=True)
