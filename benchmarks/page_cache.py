"""A limit on what the system keeps of some files in memory, without privileges.

Where a control group cannot be made, this stands in for one: after each step, pages beyond the
limit are given back, those least recently used first. Linux alone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphpoly.loader.open_file import OpenFile

__all__ = ["LimitedFile", "bytes_from_device", "dropped"]

PAGE = mmap.PAGESIZE


def bytes_from_device() -> int:
    """What this process has had read from the disk so far, pages read ahead among it."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def dropped(paths: Sequence[Path]) -> None:
    """Have the system keep nothing of some files."""
    for path in paths:
        file = OpenFile(path)
        os.fsync(file.handle)
        file.advise("DONTNEED")


class LimitedFile:
    """A file of which no more than so many bytes stay in the page cache.

    Args:
        path: The file.
        allowed: Bytes.
        mappings: Other mappings of it in this process, whose pages would not be given back.

    Attributes:
        seconds: What looking and giving back took.
        most: Bytes that were in memory at most, before pages were given back.
    """

    def __init__(self, path: Path, allowed: int, mappings: Sequence[mmap.mmap] = ()) -> None:
        self.allowed, self.mappings, self.seconds, self.most = allowed, mappings, 0.0, 0
        self._file, self._libc = OpenFile(path), ctypes.CDLL(None, use_errno=True)
        self._map = np.memmap(path, np.uint8, mode="r")  # never touched
        self._state = np.zeros(-(-self._file.size // PAGE), np.uint8)
        self._used = np.full(self._state.size, -1, np.int64)
        self._step = 0

    def resident(self) -> Any:
        """Which pages are in memory."""
        address = ctypes.c_void_p(self._map.ctypes.data)
        size, out = ctypes.c_size_t(self._map.size), ctypes.c_void_p(self._state.ctypes.data)
        if self._libc.mincore(address, size, out):
            raise OSError(ctypes.get_errno(), "mincore")
        return self._state & 1 == 1

    def limit(self, first: Any, last: Any) -> None:
        """Give back what is too much, bytes from ``first`` to before ``last`` having been read."""
        begin = time.perf_counter()
        self._step += 2
        there = self.resident()
        # pages that were read ahead are younger than the last step and older than this one
        self._used[there & (self._used < 0)] = self._step - 1
        for edge in (first // PAGE, (last - 1) // PAGE):
            self._used[edge] = self._step
        self._used[~there] = -1
        pages = np.flatnonzero(there)
        self.most = max(self.most, pages.size * PAGE)
        excess = pages.size - self.allowed // PAGE
        if excess > 0:
            for mapping in self.mappings:
                mapping.madvise(mmap.MADV_DONTNEED)
            oldest = pages[np.argsort(self._used[pages], kind="stable")[:excess]]
            oldest.sort()
            for part in np.split(oldest, np.flatnonzero(np.diff(oldest) > 1) + 1):
                self._file.advise("DONTNEED", int(part[0]) * PAGE, part.size * PAGE)
            self._used[oldest] = -1
        self.seconds += time.perf_counter() - begin
