"""Loggers: rows of numbers, one an epoch, into CSV, JSONL and TensorBoard."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from graphpoly.files import naming, write_atomically
from graphpoly.training.checkpoint import CheckpointError

__all__ = [
    "CsvLogger",
    "JsonlLogger",
    "Logger",
    "TensorBoardLogger",
    "default_loggers",
    "read_history",
]


_Row = TypeVar("_Row")


class Logger(Protocol):
    """Takes one row an epoch. Every row has an integer ``"epoch"``; the rest are floats."""

    def open(self, after: int) -> None:
        """Begin, or continue a resumed run: forget every row later than epoch ``after``."""

    def log(self, row: Mapping[str, float]) -> None:
        """Add the row of one epoch."""

    def flush(self) -> None:
        """Bring every row so far to the disk; called before each checkpoint."""

    def close(self) -> None:
        """End, finished or not."""


class _LineLogger:
    """A text file of one line an epoch."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None

    def open(self, after: int) -> None:
        """See :meth:`Logger.open`. A line that was cut short while it was written is dropped.

        Raises:
            CheckpointError: If a line was altered; the message names the file and the line.
        """
        kept = self._keep(after) if after > 0 and self.path.exists() else ""
        write_atomically(self.path, kept)
        # Line buffering: whoever follows the file sees each epoch as it ends.
        with naming(self.path):
            self._file = self.path.open("a", encoding="utf-8", newline="", buffering=1)

    def log(self, row: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`."""
        if self._file is None:
            raise RuntimeError("open the logger first")
        with naming(self.path):
            self._file.write(self._line(row))

    def flush(self) -> None:
        """See :meth:`Logger.flush`."""
        if self._file is not None:
            with naming(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """See :meth:`Logger.close`."""
        file, self._file = self._file, None
        if file is not None:
            with naming(self.path):
                file.close()

    def _keep(self, after: int) -> str:
        raise NotImplementedError

    def _line(self, row: Mapping[str, float]) -> str:
        raise NotImplementedError


class CsvLogger(_LineLogger):
    """One CSV row an epoch; the columns are those of the first row. Floats are written exactly."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._columns: list[str] | None = None

    def _keep(self, after: int) -> str:
        parse = _CsvRows()
        lines = list(_parsed(self.path, parse))
        self._columns = parse.columns
        return "".join(line for line, row in lines if row is None or row["epoch"] <= after)

    def _line(self, row: Mapping[str, float]) -> str:
        buffer = io.StringIO()
        write = csv.writer(buffer, lineterminator="\n").writerow
        if self._columns is None:
            self._columns = list(row)
            write(self._columns)
        write([row.get(column, "") for column in self._columns])
        return buffer.getvalue()


class JsonlLogger(_LineLogger):
    """One JSON object an epoch. A number that is not finite is written as null."""

    def _keep(self, after: int) -> str:
        lines = _parsed(self.path, _json_row)
        return "".join(line for line, row in lines if row["epoch"] <= after)

    def _line(self, row: Mapping[str, float]) -> str:
        finite = {key: value if abs(value) < float("inf") else None for key, value in row.items()}
        return json.dumps(finite, allow_nan=False) + "\n"


class TensorBoardLogger:
    """Scalars for TensorBoard, which the extra ``graphpoly[train]`` brings.

    Raises:
        ImportError: If TensorBoard is not installed.
    """

    def __init__(self, directory: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is missing: pip install 'graphpoly[train]'") from error
        self._make = SummaryWriter
        self._directory = str(directory)
        self._writer: Any = None

    def open(self, after: int) -> None:
        """See :meth:`Logger.open`; TensorBoard itself hides the steps that are written again."""
        self._writer = self._make(self._directory, purge_step=after + 1)

    def log(self, row: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`."""
        epoch = int(row["epoch"])
        for key, value in row.items():
            if key != "epoch":
                self._writer.add_scalar(key, value, epoch)

    def flush(self) -> None:
        """See :meth:`Logger.flush`."""
        self._writer.flush()

    def close(self) -> None:
        """See :meth:`Logger.close`."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def default_loggers(run_dir: str | Path, *, tensorboard: bool) -> list[Logger]:
    """Return what every run is logged with: CSV, JSONL, and TensorBoard if asked and installed."""
    run_dir = Path(run_dir)
    chosen: list[Logger] = [
        CsvLogger(run_dir / "history.csv"),
        JsonlLogger(run_dir / "history.jsonl"),
    ]
    if tensorboard:
        with contextlib.suppress(ImportError):  # optional by design
            chosen.append(TensorBoardLogger(run_dir / "tensorboard"))
    return chosen


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Return the rows of a ``history.csv``; a value that was not written is NaN.

    Raises:
        CheckpointError: If a line was altered; the message names the file and the line.
    """
    return [row for _, row in _parsed(Path(path), _CsvRows()) if row is not None]


def _parsed(path: Path, parse: Callable[[str], _Row]) -> Iterator[tuple[str, _Row]]:
    """Give each whole line and what it says; what follows the last line end was cut short."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except IsADirectoryError as error:
        raise CheckpointError(f"{path}: a folder, not the history of a run") from error
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode() + "\n"
            row = parse(text)
        except (ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
            raise CheckpointError(
                f"{path}: line {number} was altered; it is not of the history of a run"
            ) from error
        yield text, row


class _CsvRows:
    """Reads one line after the other; the first names the columns, and gives no row."""

    def __init__(self) -> None:
        self.columns: list[str] | None = None

    def __call__(self, line: str) -> dict[str, float] | None:
        fields = next(csv.reader([line], strict=True))
        if self.columns is None:
            fields.index("epoch")
            self.columns = fields
            return None
        row = dict(zip(self.columns, fields, strict=True))
        return {**{key: float(value or "nan") for key, value in row.items()}, **_epoch(row)}


def _json_row(line: str) -> dict[str, Any]:
    row = json.loads(line)
    return {**row, **_epoch(row)}


def _epoch(row: Mapping[str, Any]) -> dict[str, int]:
    epoch = row["epoch"]
    if not isinstance(epoch, int | str) or isinstance(epoch, bool):
        raise TypeError(f"epoch: got {epoch!r}")
    return {"epoch": int(epoch)}
