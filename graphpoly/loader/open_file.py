"""A file that is read by position."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from graphpoly.files import naming

__all__ = ["OpenFile"]


class OpenFile:
    """A file that is open for positional reads for as long as this lives.

    Who reads it elsewhere, in a thread or a process, is not disturbed. A file that takes its place
    by its name is another.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with naming(path):
            self.handle = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.handle)

    @property
    def size(self) -> int:
        return os.fstat(self.handle).st_size

    @property
    def changed(self) -> int:
        """When the file was last written, in nanoseconds."""
        return os.fstat(self.handle).st_mtime_ns

    def fill(self, view: memoryview, offset: int) -> None:
        """Fill a buffer with the bytes from ``offset`` on.

        Raises:
            OSError: If they cannot be read.
            ValueError: If the file ends before.
        """
        with naming(self.path):
            while len(view):
                got = os.preadv(self.handle, [view], offset)
                if not got:
                    raise ValueError(f"{self.path}: is cut short")
                view, offset = view[got:], offset + got

    def advise(self, advice: str, offset: int = 0, size: int = 0) -> None:
        """Tell the system how a part is read, or all: ``RANDOM``, ``WILLNEED``, ``DONTNEED``."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.handle, offset, size, getattr(os, f"POSIX_FADV_{advice}"))
