"""Results line by line: a file that grows by whole lines, and can be gone on with after any end."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphpoly.files import fsync_directory, naming, write_synced
from graphpoly.training.checkpoint import CheckpointError

__all__ = ["LineFile"]

_CHECK = "check"


class LineFile:
    """A file of JSON objects, one a line, each with a checksum; the first says what is computed.

    Args:
        path: The file.
        header: What all lines depend on, as plain values. A file with another header is not gone
            on with.
        resume: Read what is there, instead of refusing to touch it.

    Attributes:
        records: The lines that were there, in order.

    Raises:
        CheckpointError: If there is a file and ``resume`` is false, if it was made with another
            header, or if a line other than the last was altered. A last line that was cut short is
            dropped: its writer was killed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "lines.jsonl"
    >>> LineFile(path, {"model": "GIN"}).append({"pair": 0})
    >>> LineFile(path, {"model": "GIN"}, resume=True).records
    [{'pair': 0}]
    """

    def __init__(
        self, path: str | Path, header: Mapping[str, Any], *, resume: bool = False
    ) -> None:
        self.path = Path(path)
        self.records: list[dict[str, Any]] = []
        first = _line(header)
        if not self.path.exists() or (self.path.is_file() and not self.path.stat().st_size):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_synced(self.path, first)
            fsync_directory(self.path.parent)
            return
        if not resume:
            raise CheckpointError(
                f"{self.path}: holds results already; resume them (--resume) or choose another "
                "directory"
            )
        try:
            held = self.path.read_bytes()
        except IsADirectoryError as error:
            raise CheckpointError(f"{self.path}: a folder, not a file of results") from error
        whole = held.rfind(b"\n") + 1
        lines = held[:whole].splitlines()
        if not lines and not first.startswith(held):
            raise CheckpointError(f"{self.path}: line 1 was altered; remove it or the file")
        if not lines:  # cut within the first line
            write_synced(self.path, first)
            return
        found = [self._read(number, line) for number, line in enumerate(lines, 1)]
        self._compare(found[0], json.loads(first))
        self.records = found[1:]
        if whole < len(held):
            with naming(self.path):
                os.truncate(self.path, whole)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line, and wait until the disk has it.

        Raises:
            OSError: If the disk does not take it; the file is then as it was.
        """
        line = _line(record)
        with naming(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND)
            try:
                held = os.fstat(handle).st_size
                try:
                    # one call, so that a line is never mixed with another; a full disk takes a part
                    # of it without an error, which comes with the rest
                    written = os.write(handle, line)
                    while written < len(line):
                        written += os.write(handle, line[written:])
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, held)
                    raise
            finally:
                os.close(handle)

    def _read(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line)
            check = record.pop(_CHECK)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            check, record = None, {}
        if check != _checksum(record):
            raise CheckpointError(f"{self.path}: line {number} was altered; remove it or the file")
        return dict(record)

    def _compare(self, held: dict[str, Any], header: dict[str, Any]) -> None:
        for key in sorted({*held, *header} - {_CHECK}):
            if held.get(key) != header.get(key):
                raise CheckpointError(
                    f"{self.path}: was made with {key}={held.get(key)!r}, "
                    f"not {header.get(key)!r}; choose another directory"
                )


def _line(record: Mapping[str, Any]) -> bytes:
    # through JSON once, so that what is checked is what will be read
    plain = json.loads(json.dumps(record, allow_nan=False))
    return json.dumps({**plain, _CHECK: _checksum(plain)}).encode() + b"\n"


def _checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]
