"""Files that are either whole or not there, and values that both YAML and JSON can hold."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch

try:
    import fcntl
except ImportError:  # only POSIX has advisory locks that die with their owner
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "fsync_directory",
    "is_open_as",
    "naming",
    "plain",
    "replacing",
    "to_json",
    "write_atomically",
    "write_synced",
]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let every ``OSError`` of the block say which file it is about, as text.

    A full disk names no file, and the functions of :mod:`os` print a path as ``PosixPath(...)``.

    >>> with naming(Path("history.csv")):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: 'history.csv'
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with naming(path), path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_directory(path: Path) -> None:
    """Wait until the disk has the entries of a directory, such as a rename in it."""
    if os.name != "posix":
        return  # directories cannot be opened elsewhere
    with naming(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the name of a file that takes the place of another in one step when the block ends.

    A reader sees the old content or the new, never a part; where the block fails, the old. Who
    replaces the same file meanwhile, in another process or thread, waits.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with naming(path), _alone(temporary):
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    fsync_directory(path.parent)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Have a temporary file to oneself; what a process has locked is free when it ends."""
    if fcntl is None:
        yield
        return
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            if is_open_as(path, handle):  # nobody has put it in place meanwhile
                yield
                return
        finally:
            os.close(handle)


def is_open_as(path: Path, handle: int) -> bool:
    """Return whether a path still is the file that was opened."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def write_atomically(path: Path, content: str) -> None:
    """Replace a text file in one step: see :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode())


def plain(value: Any, name: str = "settings") -> Any:
    """Reduce a value to what YAML and JSON both hold: mappings, lists, strings and numbers.

    Raises:
        TypeError: If something in it has no such form; the message says where it is.

    Example:
        >>> plain({"betas": (0.9, 0.999), "root": Path("runs")})
        {'betas': [0.9, 0.999], 'root': 'runs'}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{name}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, PurePath | torch.dtype | torch.device):
        return str(value)
    if isinstance(value, np.generic) or (isinstance(value, torch.Tensor) and value.dim() == 0):
        return value.item()
    raise TypeError(f"{name} must be a plain value, got {type(value).__name__}")


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Serialise plain values as strict JSON, where a number that is not finite becomes null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
