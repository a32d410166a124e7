"""Rows that are gathered into large pages of memory."""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch_geometric.loader import utils as pyg

__all__ = ["large_pages"]

_KEPT = 32 * 2**20  # bytes; blocks that are larger glibc fetches anew, page by page
_PAGE = 2**21
_TURN = threading.Lock()


@contextmanager
def large_pages() -> Iterator[None]:
    """Let what PyG gathers meanwhile lie in pages of 2 MB where it is larger than 32 MB.

    The kernel of Linux hands out, and empties, 512 times as many of its ordinary pages, which takes
    several times as long as gathering. Where it does not know large ones nothing changes, nor do
    rows that a worker process gathers: they lie in shared memory.
    """
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is None or torch.utils.data.get_worker_info() is not None:
        yield
        return
    with _TURN:
        gather: Any = pyg.index_select

        def gathered(value: Any, index: Tensor, dim: int = 0) -> Any:
            if not _is_large(value, index) or dim != 0:
                return gather(value, index, dim)
            out = value.new_empty(index.numel(), *value.shape[1:])
            begin, end = -(-out.data_ptr() // _PAGE), (out.data_ptr() + out.nbytes) // _PAGE
            ctypes.CDLL(None).madvise(
                ctypes.c_void_p(begin * _PAGE), ctypes.c_size_t((end - begin) * _PAGE), advice
            )
            return torch.index_select(value, 0, index.to(torch.int64), out=out)

        pyg.index_select = gathered
        try:
            yield
        finally:
            pyg.index_select = gather


def _is_large(value: Any, index: Tensor) -> bool:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.requires_grad:
        return False
    count = value[:1].numel() * index.numel()
    return value.device.type == "cpu" and count * value.element_size() > _KEPT
