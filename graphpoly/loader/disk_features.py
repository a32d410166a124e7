"""PyG's feature store over files of rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import FeatureStore, TensorAttr

from graphpoly.files import naming
from graphpoly.loader.hot_rows import HotRows, hottest
from graphpoly.loader.npy_rows import NpyRows, write_npy

__all__ = ["DiskFeatures"]

_NAME = re.compile(r"[\w-]+")


class DiskFeatures(FeatureStore):
    """Features of nodes in a folder of ``.npy`` files, of which no more is read than is asked for.

    ``FOLDER/x.npy`` is the attribute ``x``; in a heterogeneous graph, ``FOLDER/paper/x.npy`` that
    of the nodes of type ``paper``. Files that are there already, as ``numpy.save`` writes them, are
    opened and never changed. In a neighbour loader the store takes the place of the features:
    ``NeighborLoader((store, data), ...)``, where ``data`` is a graph store. A ``Data`` is one to
    PyG once it has ``data.put_edge_index(edge_index, "coo", size=(N, N))``, as a ``HeteroData``
    already is.

    Rows are read by position, sorted and merged, and not mapped: a mapped file is read page by
    page, and what is read ahead with them. Those of the nodes that are read most can be kept in
    memory, see :meth:`keep`. What is read for a whole epoch at once is read faster, see
    :func:`graphpoly.loader.pack_epochs`. Positional reads are those of Linux and macOS.

    Args:
        folder: Where the files are; it need not be there before something is put.

    Attributes:
        bytes_read: Bytes asked of the system.
        num_hits: Rows that were found in memory.
        num_misses: Rows that were not.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If one holds no array of rows in C order, or less than its header says; the
            message names it.

    >>> import tempfile
    >>> store = DiskFeatures(tempfile.mkdtemp())
    >>> store.put_tensor(torch.arange(6.0).view(3, 2), None, "x", None)
    True
    >>> store.get_tensor(None, "x", torch.tensor([2, 0, 2])).tolist()
    [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    >>> store.bytes_read  # the row between the two is nearer than a page
    24
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.num_hits = self.num_misses = 0
        self._files: dict[tuple[str | None, str], NpyRows] = {}
        self._kept: dict[str | None, HotRows] = {}
        self._past = 0  # bytes read from files that were replaced
        for path in sorted([*self.folder.glob("*.npy"), *self.folder.glob("*/*.npy")]):
            group = None if path.parent == self.folder else path.parent.name
            self._files[group, path.stem] = NpyRows(path)

    @property
    def bytes_read(self) -> int:
        return self._past + sum(file.bytes_read for file in self._files.values())

    def file(self, attr: TensorAttr) -> NpyRows:
        """Return the file of an attribute.

        Raises:
            KeyError: If there is none.
        """
        key = attr.group_name, attr.attr_name
        if key not in self._files:
            raise KeyError(f"{_said(*key)}: is not in {self.folder}")
        return self._files[key]

    def row_bytes(self, group_name: str | None = None) -> int:
        """Return what all attributes of a node take."""
        return sum(
            file.row_bytes for (group, _), file in self._files.items() if group == group_name
        )

    def keep(self, score: Tensor, cache_bytes: int, group_name: str | None = None) -> int:
        """Keep the rows of the nodes of the highest scores in memory, instead of any before.

        Args:
            score: ``[N]``: how often each is read, its degree, or a mask. Nodes whose score is not
                above 0 are not kept.
            cache_bytes: What the rows may take. Beside them are 4 bytes for each node of the graph.
            group_name: Type of the nodes.

        Returns:
            Number of nodes that are kept.

        Raises:
            ValueError: If there is not one score for each row.
            KeyError: If there is nothing of such nodes.
        """
        files = {name: f for (group, name), f in self._files.items() if group == group_name}
        if not files:
            raise KeyError(f"{group_name}: is not in {self.folder}")
        for name, file in files.items():
            if tuple(score.shape) != file.shape[:1]:
                got, said = list(score.shape), _said(group_name, name)
                raise ValueError(f"score: got {got}, {said} has {file.shape[0]} rows")
        size = self.row_bytes(group_name)
        nodes = hottest({group_name: score}, {group_name: size}, cache_bytes)[group_name]
        rows = {name: file.read(nodes) for name, file in files.items()}
        self._kept[group_name] = HotRows(nodes, rows, score.numel())
        return nodes.numel()

    def _get_tensor(self, attr: TensorAttr) -> Tensor:
        file, index = self.file(attr), attr.index
        size = file.shape[0]
        if index is None or isinstance(index, slice):
            first, last, step = (index or slice(None)).indices(size)
            if step == 1:
                return file.range(first, max(first, last))
            return self._rows(attr, torch.arange(size, device="cpu")[index])
        if isinstance(index, int | np.integer):
            return self._rows(attr, _within(torch.tensor([int(index)], device="cpu"), size))[0]
        index = torch.as_tensor(index, device="cpu")
        if isinstance(attr.index, list | tuple) and not index.numel():
            index = index.long()  # PyTorch gives it another type
        if index.dtype == torch.bool:
            if index.shape != (size,):
                raise IndexError(f"index: got a mask of {list(index.shape)}, there are {size} rows")
            return self._rows(attr, index.nonzero().view(-1))
        if index.is_floating_point() or index.is_complex():
            raise TypeError(f"index: got {index.dtype}, expected integers or a mask")
        flat = _within(index.reshape(-1).to("cpu", torch.int64), size)
        return self._rows(attr, flat).view(index.shape + file.shape[1:])

    def _rows(self, attr: TensorAttr, index: Tensor) -> Tensor:
        file, kept = self.file(attr), self._kept.get(attr.group_name)
        if kept is None or attr.attr_name not in kept.rows:
            self.num_misses += index.numel()
            return file.read(index)
        split = kept.split(index)
        self.num_hits += split[0].numel()
        self.num_misses += split[2].numel()
        return kept.joined(attr.attr_name, split, file.read(index[split[2]]))

    def _put_tensor(self, tensor: Tensor | np.ndarray[Any, Any], attr: TensorAttr) -> bool:
        if attr.index is not None:
            raise ValueError("index: got one, expected None; a file is written as a whole")
        for name in (attr.group_name, attr.attr_name):
            if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
                raise ValueError(f"{name!r}: is no name of a file; edges have none here")
        path = self.folder / (attr.group_name or "") / f"{attr.attr_name}.npy"
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_npy(path, tensor)
        self._forget(attr)
        self._files[attr.group_name, attr.attr_name] = NpyRows(path)
        return True

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        if (attr.group_name, attr.attr_name) not in self._files:
            return False
        with naming(self.file(attr).path):
            self.file(attr).path.unlink()
        self._forget(attr)
        return True

    def _forget(self, attr: TensorAttr) -> None:
        file = self._files.pop((attr.group_name, attr.attr_name), None)
        self._past += 0 if file is None else file.bytes_read
        kept = self._kept.get(attr.group_name)
        if kept is not None:
            kept.rows.pop(attr.attr_name, None)

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        return self.file(attr).shape

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Return what there is, without an index."""
        return [TensorAttr(group, name) for group, name in self._files]

    def __repr__(self) -> str:
        held = ", ".join(_said(*key) for key in self._files)
        return f"{type(self).__name__}({held})"


def _said(group: str | None, name: str) -> str:
    return name if group is None else f"{group}.{name}"


def _within(index: Tensor, size: int) -> Tensor:
    if not index.numel():
        return index
    low, high = (int(end) for end in index.aminmax())
    if low < -size or high >= size:
        raise IndexError(f"index: got {low} to {high}, there are {size} rows")
    return torch.where(index < 0, index + size, index) if low < 0 else index
