"""Instructions that this thread executes in user space, from the processor's own counter.

What other processes do changes the time of a run by tens of per cent and its instructions by
nothing, so that a check of a hundredth shows. Linux only, where the kernel lends the counter.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Callable
from typing import Any

__all__ = ["counter"]

_NUMBERS = {"x86_64": 298, "aarch64": 241}  # of the system call
_INSTRUCTIONS, _SIZE, _USER_ONLY = 1, 112, 1 << 5 | 1 << 6


def counter() -> Callable[[Callable[[], Any]], int] | None:
    """Return what counts the instructions of a call, or None where nobody lends a counter.

    >>> count = counter()
    >>> count is None or count(lambda: None) > 0
    True
    """
    number = _NUMBERS.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return None
    attributes = struct.pack("IIQQQQQ", 0, _SIZE, _INSTRUCTIONS, 0, 0, 0, _USER_ONLY)
    block = ctypes.create_string_buffer(attributes, _SIZE)
    handle = ctypes.CDLL(None, use_errno=True).syscall(number, block, 0, -1, -1, 0)
    if handle < 0:
        return None

    def now() -> int:
        return int.from_bytes(os.read(handle, 8), "little")

    def count(run: Callable[[], Any]) -> int:
        begin = now()
        run()
        return now() - begin

    return count if count(lambda: None) > 0 else None
