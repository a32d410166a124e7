"""From an exception to one line on standard error and an exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

__all__ = ["FAILED", "RESUME", "USAGE", "Debug", "failing_with"]

FAILED = 1
USAGE = 2
RESUME = "the same command with --resume"

Debug = Annotated[
    bool, typer.Option("--debug", envvar="GRAPHPOLY_DEBUG", help="Show tracebacks of errors.")
]
# what the library raises on purpose, with a message that says all there is to say
_EXPECTED = (ValueError, TypeError, OSError, ImportError, MemoryError)


@contextmanager
def failing_with(code: int, *, debug: bool, again: str | None = None) -> Iterator[None]:
    """Turn an exception inside the block into one line and exit code ``code``.

    Of several processes that torchrun has started, the first says what all of them know.

    Args:
        code: Of the exit.
        debug: Show the traceback, too.
        again: What goes on after an interrupt; None where nothing does.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise  # of the last: who reads what is printed has had enough, and typer says nothing
    except KeyboardInterrupt:
        if not _further():
            further = "" if again is None else f"; {again} goes on from here"
            typer.echo(f"interrupted{further}", err=True)
        raise typer.Exit(FAILED) from None
    except Exception as error:
        if debug:
            traceback.print_exc()
        number = _further()
        if not number:
            typer.echo(f"error: {_line(error)}", err=True)
        elif code != USAGE and not getattr(error, "told", False):
            typer.echo(f"error of process {number}: {_line(error)}", err=True)
        raise typer.Exit(code) from None


def _further() -> str:
    """Return the number of this process where torchrun has started it; nothing of the first."""
    number = os.environ.get("RANK", "") if "TORCHELASTIC_RUN_ID" in os.environ else ""
    return "" if number == "0" else number


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else ""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{_path(error.filename)}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, _EXPECTED) or type(error).__module__.startswith("graphpoly"):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text} (--debug shows where)"


def _path(named: object) -> str:
    """Return what an ``OSError`` is about: a path in any of its forms, or the number of a file."""
    return os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(named)
