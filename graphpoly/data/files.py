"""What to do when a dataset's files are absent, cut short, or out of reach."""

from __future__ import annotations

import errno
import gzip
import os
import pickle
import socket
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import GlobalStorage

from graphpoly.ogb_files import default_root

__all__ = [
    "DatasetError",
    "check_reachable",
    "default_root",
    "find_damaged",
    "first_line",
    "is_storage_error",
    "network_timeout",
    "pyg_storage_allowed",
    "remove_empty_folders",
]

_GETTER = "torch_geometric.data.batch.DynamicInheritanceGetter"
_SCALAR = np.float64(0).__reduce__()[0]
_NETWORK_LOCK = threading.RLock()
_STORAGE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EEXIST,
)


class DatasetError(RuntimeError):
    """A dataset cannot be had: its files are absent, incomplete or altered.

    The message is one line that names the dataset, the file or folder, and what to do.
    """


@contextmanager
def pyg_storage_allowed() -> Iterator[None]:
    """Let ``torch.load(weights_only=True)`` read PyG's graphs inside the block.

    What was allowed before stays allowed after it: torch's own context forgets that.
    """
    known = torch.serialization.get_safe_globals()
    wanted: list[Any] = [Data, DataEdgeAttr, DataTensorAttr, GlobalStorage]
    # a Batch is saved as a call of an object that makes one; in its place stands a function
    wanted += [Batch, type(Batch(_base_cls=Data)), _batch, (_BatchGetter, _GETTER)]
    wanted += [np.dtype, _SCALAR, *(type(np.dtype(kind)) for kind in "?bhilBfd")]  # ogb's counts
    with torch.serialization.safe_globals([kind for kind in wanted if kind not in known]):
        yield


def _batch(_: type, base: type) -> Any:
    return Batch(_base_cls=base)


class _BatchGetter:
    def __new__(cls) -> Any:
        return _batch


def check_reachable(url: str, seconds: float = 15.0) -> None:
    """Raise :class:`ConnectionError` unless the host of ``url`` answers within ``seconds``.

    The probe runs in a daemon thread, because looking up a name obeys no timeout and would
    otherwise hold the caller for minutes on a network that swallows packets.
    """
    failure: list[BaseException] = []

    def probe() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=seconds).close()
        except urllib.error.HTTPError:
            pass  # the host answered; what it says of this very address the download will tell
        except (OSError, ValueError) as error:
            failure.append(error)

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ConnectionError(f"no answer within {seconds:g} s")
    if failure:
        reason = getattr(failure[0], "reason", None)
        raise ConnectionError(str(failure[0] if reason is None else reason))


@contextmanager
def network_timeout(seconds: float) -> Iterator[None]:
    """Give sockets that set no timeout of their own one of ``seconds``, inside the block only."""
    with _NETWORK_LOCK:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(seconds)
        try:
            yield
        finally:
            socket.setdefaulttimeout(before)


def find_damaged(folders: Iterable[Path]) -> tuple[Path, str] | None:
    """Return the first file below ``folders`` that is visibly cut short, and in which way.

    Archives are read through and their checksums compared; a text file must end with a line
    break, a pickle with its stop mark. Other files are only looked at for being empty. Reads
    every byte, hence meant for after a failure.
    """
    for folder in folders:
        for path in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
            reason = _damage(path)
            if reason is not None:
                return path, reason
    return None


def first_line(error: BaseException) -> str:
    """Return what an exception says, on one line.

    >>> first_line(KeyError("train_mask"))
    "KeyError: 'train_mask'"
    """
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def is_storage_error(error: BaseException) -> bool:
    """Tell a folder that cannot be used (rights, space, not a folder) from a bad file."""
    return isinstance(error, OSError) and error.errno in _STORAGE


def remove_empty_folders(folder: Path, stop: Path) -> None:
    """Remove ``folder`` and its parents below ``stop`` as long as they hold nothing."""
    while folder != stop and stop in folder.parents:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = folder.parent


def _damage(path: Path) -> str | None:
    name = path.name
    if name.startswith("RELEASE"):  # ogb's mark of a version, empty by design
        return None
    if path.stat().st_size == 0:
        return "the file is empty"
    if name.endswith(".npz") or (name.endswith(".pt") and _first_byte(path) != pickle.PROTO):
        try:
            with zipfile.ZipFile(path) as archive:
                bad = archive.testzip()
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
            return "the archive is cut short or altered"
        return None if bad is None else f"the archive's member {bad!r} is altered"
    if name.endswith(".gz"):
        try:
            with gzip.open(path) as stream:
                while stream.read(1 << 20):
                    pass
        except (EOFError, OSError, zlib.error):
            return "the archive is cut short or altered"
        return None
    if name.endswith((".txt", ".index")):
        return None if _last_byte(path) == b"\n" else "its last line is cut short"
    if name.startswith("ind."):
        return None if _last_byte(path) == b"." else "the pickle is cut short"
    return None


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(1)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)
