"""Who may write into a run directory, and what is always found in it."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import yaml

from graphpoly.distributed import from_first
from graphpoly.files import is_open_as, naming, plain, write_atomically
from graphpoly.training.checkpoint import CheckpointError, require_same
from graphpoly.training.config import TrainConfig

__all__ = [
    "claim",
    "finished_seeds",
    "lock",
    "read_record",
    "read_scores",
    "reserve",
    "write_config",
]

# what of a record may be null in place of a number
_SCORES = ("train", "val", "test", "val_loss", "mean")
# Any of these says that a run, or several, live here.
_TRACES = (
    "config.yaml",
    "results.json",
    "history.csv",
    "history.jsonl",
    "checkpoint",
    "checkpoint.old",
    "pairs.jsonl",
    "graphs.jsonl",
    "report.html",
    "sweep.svg",
    "search.json",
    "comparison.json",
    "seed-*",
)

_log = logging.getLogger("graphpoly")
# Directories that the code around this one holds: an experiment, and each run within it.
_held: ContextVar[frozenset[Path]] = ContextVar("_held", default=frozenset())


@contextmanager
def reserve(
    directory: Path, config: Mapping[str, Any] | None = None, *, resume: bool
) -> Iterator[None]:
    """Have a directory to oneself while a run, or several, write into it.

    The one rule of everything that writes runs: what is there already is gone on with where
    ``resume`` asks for it, and otherwise left as it is. Nothing is ever removed. Of several
    processes that train together the first has it.

    Args:
        directory: Of a run or an experiment; it need not exist.
        config: What :func:`write_config` would write there; None where each part has its own.
        resume: Continue what the directory holds, instead of refusing.

    Raises:
        CheckpointError: As :func:`claim` and :func:`lock` do. Nothing has been written then.
    """
    with ExitStack() as held:

        def enter() -> None:
            claim(directory, config, resume=resume)
            held.enter_context(lock(directory))
            claim(directory, config, resume=resume)  # another may have come and gone meanwhile

        from_first(enter)
        yield


def claim(directory: Path, config: Mapping[str, Any] | None, *, resume: bool) -> None:
    """Check that a run may write into a directory; writes nothing.

    Args:
        directory: The run directory, which need not exist.
        config: What :func:`write_config` would write there; None compares nothing.
        resume: Continue the run that the directory holds, if any, instead of refusing.

    Raises:
        CheckpointError: If the directory holds a run and ``resume`` is false, or if it was
            configured differently. The message names the file.
    """
    if directory.exists() and not directory.is_dir():
        raise CheckpointError(f"{directory}: not a folder; choose another one for the results")
    if not resume:
        for trace in _TRACES:
            for found in sorted(directory.glob(trace)):
                raise CheckpointError(
                    f"{found}: the directory holds a run already; "
                    "resume it (resume=True, or --resume) or choose another directory"
                )
        return
    path = directory / "config.yaml"
    if config is None or not path.exists():
        return
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        require_same(path, _comparable(stored), _comparable(plain(config)))
    except CheckpointError:
        raise
    except (
        IsADirectoryError,
        yaml.YAMLError,
        AttributeError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise CheckpointError(f"{path}: cut short or altered; it is not readable") from error


def write_config(directory: Path, config: Mapping[str, Any]) -> None:
    """Store the resolved configuration beside the results."""
    directory.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)
    write_atomically(directory / "config.yaml", text)


def finished_seeds(directory: Path) -> list[int]:
    """Return the seeds of the runs in a directory that have ended, in order."""
    names = [path.parent.name for path in directory.glob("seed-*/results.json")]
    seeds = [name.removeprefix("seed-") for name in names]
    return sorted(int(seed) for seed in seeds if seed.isdecimal())


def read_record(path: Path) -> dict[str, Any]:
    """Read the JSON object that a run left, such as ``results.json``.

    Raises:
        CheckpointError: If it is missing, cut short or altered; the message names the file.
    """
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: missing") from error
    except (IsADirectoryError, NotADirectoryError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cut short or altered; it is not readable") from error
    if not isinstance(record, dict):
        raise CheckpointError(f"{path}: altered; it holds no results")
    return record


def read_scores(path: Path, parts: Sequence[str]) -> dict[str, Any]:
    """Read a record in some parts of which scores that were not finite are NaN again.

    JSON has no number for them, and they stand there as null.
    """
    record = read_record(path)
    return {**record, **{part: _scores(record[part]) for part in parts if part in record}}


def _scores(held: Any) -> Any:
    if isinstance(held, dict):
        return {
            key: math.nan if value is None and key in _SCORES else _scores(value)
            for key, value in held.items()
        }
    return [_scores(each) for each in held] if isinstance(held, list) else held


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold a directory for this process; the lock ends with the process, however it ends.

    Code that runs inside the block may hold the same directory again. Where it writes nothing, no
    directory is left that was not there before.

    Raises:
        CheckpointError: If another process holds it, or another thread of this one.
    """
    try:
        import fcntl
    except ImportError:  # only POSIX has advisory locks that die with their owner
        yield
        return
    place = directory.resolve()
    if place in _held.get():
        yield
        return
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    path = directory / ".lock"
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        with naming(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CheckpointError(f"{path}: another process is writing this run") from error
            except OSError as error:  # some network file systems have no locks at all
                _log.warning("%s: no lock here (%s); let no other run write into it", path, error)
            if not is_open_as(path, handle):  # who had it has left nothing, not even this file
                continue
            token = _held.set(_held.get() | {place})
            try:
                yield
            finally:
                _held.reset(token)
                _take_away(path, made)
            return
        finally:
            os.close(handle)


def _take_away(path: Path, made: Sequence[Path]) -> None:
    """Remove a lock where nothing was written, and the directories that were made for it."""
    with suppress(OSError):  # another process has begun in one of them
        if os.listdir(path.parent) == [path.name]:
            path.unlink()
            for directory in made:
                directory.rmdir()


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a resumed run may change: more seeds, and how often it writes."""
    kept = {key: value for key, value in config.items() if key != "seeds"}
    kept["train"] = TrainConfig.from_dict(kept.get("train", {})).identity()
    return kept
