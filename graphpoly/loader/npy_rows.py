"""Rows of an array on the disk, read by position and never mapped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphpoly.files import replacing
from graphpoly.loader.open_file import OpenFile

__all__ = ["NpyRows", "write_npy"]

_PAGE = 4096  # what a disk gives at least, so that a smaller gap is read through
_BLOCK = 2**24  # bytes that are held beside the rows
_BFLOAT16 = np.dtype("V2")  # NumPy has no name for it; ml_dtypes writes it so


class NpyRows:
    """The rows of an array in a ``.npy`` file.

    Rows that are asked for are sorted, those less than a page apart are joined, and each run is one
    positional read: nothing else of the file is touched, nor read ahead.

    Args:
        path: File in C order. Two bytes without a type (``V2``) are bfloat16.

    Attributes:
        shape: Of the array.
        dtype: Of the tensors that are read.
        row_bytes: Bytes of a row.
        bytes_read: Bytes asked of the system so far, gaps within a run among them.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds no such array, or less than its header says.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.bytes_read = Path(path), 0
        self._file = OpenFile(self.path)
        self.shape, self.dtype, self._offset = self._header()
        self.row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        needed, held = self._offset + self.shape[0] * self.row_bytes, self._file.size
        if held < needed:
            raise ValueError(f"{self.path}: is cut short, {held} bytes of {needed}")
        self._file.advise("RANDOM")

    @property
    def changed(self) -> int:
        """When the file was last written, in nanoseconds."""
        return self._file.changed

    def _header(self) -> tuple[tuple[int, ...], torch.dtype, int]:
        form: Any = np.lib.format
        readers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
        with open(self._file.handle, "rb", closefd=False) as file:
            try:
                shape, fortran, kind = readers[form.read_magic(file)](file)
            except (KeyError, ValueError) as error:
                raise ValueError(f"{self.path}: holds no array of NumPy's") from error
            offset = file.tell()
        if fortran and len(shape) > 1:
            raise ValueError(f"{self.path}: is in Fortran order, rows are read in C order")
        if not shape:
            raise ValueError(f"{self.path}: is a number, expected an array with rows")
        if kind == _BFLOAT16:
            return shape, torch.bfloat16, offset
        try:
            return shape, torch.from_numpy(np.empty(0, kind)).dtype, offset
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.path}: {kind} has no tensors") from error

    def read(self, index: Tensor) -> Tensor:
        """Return rows, in any order and as often as they are asked for.

        Args:
            index: Their numbers, ``[M]``, int64, from 0.

        Returns:
            ``[M, ...]``, equal to direct indexing byte by byte.

        Raises:
            ValueError: If the file has been cut meanwhile.

        Complexity: O(M log M) time, memory of the rows and of a block; a read for each run.
        """
        out = self._empty(index.numel())
        if out.nbytes:
            ordered, order = index.sort()
            self._gather(ordered.numpy(), order.numpy(), out)
        return self._tensor(out, (index.numel(), *self.shape[1:]))

    def _gather(self, rows: Any, order: Any, out: Any) -> None:
        most = max(1, _BLOCK // self.row_bytes)
        # a gap of k rows leaves k - 1 between its ends; a run stays within its share of the file
        apart = np.diff(rows) - 1 > (_PAGE - 1) // self.row_bytes
        apart |= np.diff(rows // most) > 0
        begin = np.concatenate([[0], np.flatnonzero(apart) + 1, [rows.size]])
        first, length = rows[begin[:-1]], rows[begin[1:] - 1] - rows[begin[:-1]] + 1
        total = length.cumsum()
        cut = np.flatnonzero(np.diff((total - 1) // most)) + 1
        for a, b in zip([0, *cut], [*cut, first.size], strict=True):
            at = total[a:b] - length[a:b]
            at -= at[0]
            held = self._empty(int(length[a:b].sum()))
            view = held.view(np.uint8).data
            reads = list(
                zip(
                    (at * self.row_bytes).tolist(),
                    (length[a:b] * self.row_bytes).tolist(),
                    (self._offset + first[a:b] * self.row_bytes).tolist(),
                    strict=True,
                )
            )
            for _, size, offset in reads:  # so that the disk has them all before it
                self._file.advise("WILLNEED", offset, size)
            for start, size, offset in reads:
                self._fill(view[start : start + size], offset)
            part = slice(begin[a], begin[b])
            shift = np.repeat(at - first[a:b], np.diff(begin[a : b + 1]))
            out[order[part]] = held[rows[part] + shift]

    def range(self, first: int, last: int) -> Tensor:
        """Return the rows from ``first`` to before ``last``, by one read."""
        out = self._empty(last - first)
        if out.nbytes:
            self._fill(out.view(np.uint8).data, self._offset + first * self.row_bytes)
        return self._tensor(out, (last - first, *self.shape[1:]))

    def _fill(self, view: memoryview, offset: int) -> None:
        self._file.fill(view, offset)
        self.bytes_read += len(view)

    def _empty(self, count: int) -> Any:
        return np.empty(count, np.dtype((np.void, self.row_bytes)))  # a row is one element

    def _tensor(self, out: Any, shape: tuple[int, ...]) -> Tensor:
        if not out.nbytes:
            return torch.empty(shape, dtype=self.dtype, device="cpu")
        return torch.from_numpy(out.view(np.uint8)).view(self.dtype).view(shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path,)  # a file is opened anew in another process


def write_npy(path: Path, value: Tensor | np.ndarray[Any, Any]) -> None:
    """Write an array that :class:`NpyRows` reads, whole or not at all.

    Raises:
        ValueError: If it is a number, or of a type that has no tensors.
    """
    form: Any = np.lib.format
    kind = None
    if isinstance(value, Tensor):
        value = value.detach().cpu().contiguous()
        if value.dtype == torch.bfloat16:
            kind, value = _BFLOAT16, value.view(torch.int16)
        value = value.numpy()
    if not value.ndim:
        raise ValueError(f"{path}: got a number, expected an array with rows")
    array = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
    if kind is None and array.dtype != _BFLOAT16:
        torch.from_numpy(array[:0])
    header = {"descr": form.dtype_to_descr(kind or array.dtype), "fortran_order": False}
    with replacing(path) as temporary, temporary.open("wb") as file:
        form.write_array_header_1_0(file, {**header, "shape": array.shape})
        file.write(array.reshape(-1).view(np.uint8).data)
