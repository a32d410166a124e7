"""Batches of a neighbour loader whose features were written down beforehand, batch by batch."""

from __future__ import annotations

import copy
import itertools
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import TensorAttr

from graphpoly.loader.hot_rows import HotRows
from graphpoly.loader.packed_files import Block, BlockReader, Manifest, chunk_name, parts_of
from graphpoly.loader.seeded_epoch import samples
from graphpoly.ops import number_keys

__all__ = ["PackedEpochs", "checksum", "kept_rows", "numbered"]


class PackedEpochs:
    """The batches of a neighbour loader, their features read from what :func:`pack_epochs` wrote.

    A batch takes one read of consecutive bytes, which a thread does while the network is busy with
    the batch before; the rows of the nodes that are sampled most are in memory. Neighbours are
    sampled anew, as they were: what comes out is equal, field by field, to the batches of
    :func:`~graphpoly.loader.seeded_epoch` with the features in memory, and so is every loss.

    Each iteration is the next epoch. A run that was killed goes on with ``set_epoch``, or within an
    epoch with ``batches(epoch, start)``.

    Args:
        loader: The loader that was packed, or one made alike.
        folder: Where it was packed.
        prefetch: Batches that are read ahead.

    Attributes:
        epoch: The epoch that comes next.
        bytes_read: Bytes read for batches and for the rows in memory.
        num_hits: Rows that were found in memory.
        num_misses: Rows that were read.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the folder is not packed to its end, if a file was altered, or if the loader
            samples what was not packed: another graph, other settings. Nothing is given then.

    Complexity: O(size of the batch); memory of the rows that are kept, of the batches that are read
    ahead, and of 4 bytes for each node of the graph.
    """

    def __init__(self, loader: Any, folder: str | Path, *, prefetch: int = 2) -> None:
        if prefetch < 1:
            raise ValueError(f"prefetch: got {prefetch}, expected at least 1")
        self.loader, self.folder, self.prefetch = loader, Path(folder), prefetch
        self.epoch = self.num_hits = self.num_misses = 0
        self._manifest = manifest = Manifest.read(self.folder)
        self._places = list(manifest.places())
        wanted = manifest.epochs * manifest.batches
        if len(self._places) < wanted:
            done = f"{len(self._places)} of {wanted} batches"
            raise ValueError(f"{self.folder}: holds {done}; call pack_epochs again")
        if len(loader) != manifest.batches:
            got = f"{len(loader)} batches an epoch, {manifest.batches} were packed"
            raise ValueError(f"loader: has {got}")
        self._reader = BlockReader(self.folder)
        self._hot = kept_rows(self._reader, manifest)

    @property
    def bytes_read(self) -> int:
        return self._reader.bytes_read

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        if not 0 <= epoch <= self._manifest.epochs:
            raise ValueError(f"epoch: got {epoch}, {self._manifest.epochs} were packed")
        self.epoch = epoch

    def __len__(self) -> int:
        return self._manifest.batches

    def __iter__(self) -> Iterator[Any]:
        self.epoch += 1
        return self.batches(self.epoch - 1)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """Give the batches of an epoch.

        Args:
            epoch: From 0.
            start: The batch to begin with. Those before are sampled, not read.

        Raises:
            ValueError: If there is no such epoch.
        """
        manifest = self._manifest
        if not 0 <= epoch < manifest.epochs:
            raise ValueError(f"epoch: got {epoch}, {manifest.epochs} were packed")
        return self._batches(epoch, start)

    def _batches(self, epoch: int, start: int) -> Iterator[Any]:
        first = epoch * len(self)
        ahead: deque[Any] = deque()
        waiting = iter(self._places[first + start : first + len(self)])
        drawn = itertools.islice(samples(self.loader, self._manifest.seed + epoch), start, None)
        with ThreadPoolExecutor(1) as pool:
            try:
                for number, out in enumerate(drawn, start):
                    for chunk, offset, block in itertools.islice(
                        waiting, 1 + self.prefetch - len(ahead)
                    ):
                        name = chunk_name(chunk)
                        ahead.append((block, pool.submit(self._reader.read, name, offset, block)))
                    where = f"epoch {epoch}, batch {number}"
                    block, read = ahead.popleft()
                    yield self._filled(out, _Rows(self, block, read, where))
            finally:
                pool.shutdown(cancel_futures=True)

    def _filled(self, out: Any, rows: _Rows) -> Any:
        loader = copy.copy(self.loader)
        if isinstance(loader.data, tuple | list):
            loader.data = rows, loader.data[1]
            return loader.filter_fn(out)
        loader.transform = None  # it may want the features
        batch = loader.filter_fn(out)
        attrs = rows.get_all_tensor_attrs()
        for attr in attrs:
            attr.index = batch[attr.group_name].n_id if attr.group_name else batch.n_id
        for attr, value in zip(attrs, rows.multi_get_tensor(attrs), strict=True):
            (batch[attr.group_name] if attr.group_name else batch)[attr.attr_name] = value
        return batch if self.loader.transform is None else self.loader.transform(batch)

    def __repr__(self) -> str:
        manifest = self._manifest
        return f"{type(self).__name__}(epochs={manifest.epochs}, batches={manifest.batches})"


class _Rows:
    """What PyG asks of a feature store, for one batch."""

    def __init__(self, epochs: PackedEpochs, block: Block, read: Any, where: str) -> None:
        self.epochs, self.block, self.read, self.where = epochs, block, read, where

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Return what was packed, without an index."""
        return [each.attr for each in self.epochs._manifest.features]

    def multi_get_tensor(self, attrs: Sequence[TensorAttr]) -> list[Tensor]:
        """Return the rows of the nodes that were sampled."""
        epochs, manifest = self.epochs, self.epochs._manifest
        nodes = {attr.group_name: attr.index for attr in attrs}
        if checksum(nodes, manifest.groups) != self.block.ids:
            raise ValueError(
                f"loader: {self.where}, has sampled what was not packed in {epochs.folder}; "
                "the graph, the loader or what samples is another"
            )
        parts = iter(parts_of(self.read.result(), manifest.parts(self.block)))
        found = {}
        for group in manifest.groups:
            once, number = numbered(nodes.get(group, _NONE))
            split = epochs._hot[group].split(once)
            epochs.num_hits += split[0].numel()
            epochs.num_misses += split[2].numel()
            for feature in manifest.of(group):
                rows = epochs._hot[group].joined(feature.name, split, next(parts))
                found[group, feature.name] = rows if number is None else rows[number]
        return [found[attr.group_name, attr.attr_name] for attr in attrs]


_NONE = torch.empty(0, dtype=torch.int64, device="cpu")


def kept_rows(reader: BlockReader, manifest: Manifest) -> dict[str | None, HotRows]:
    """Return the rows that stay in memory, of each group."""
    buffer = reader.read("hot.rows", 0, manifest.hot)
    parts = iter(parts_of(buffer, manifest.parts(manifest.hot, numbered=True)))
    found = {}
    for group in manifest.groups:
        nodes, features = next(parts), manifest.of(group)
        rows = {feature.name: next(parts) for feature in features}
        found[group] = HotRows(nodes, rows, features[0].shape[0])
    return found


def checksum(nodes: Mapping[str | None, Tensor], groups: Sequence[str | None]) -> int:
    """Return the checksum of the nodes of a batch."""
    crc = 0
    for group in groups:
        found: Any = nodes.get(group, _NONE).contiguous().numpy()
        crc = zlib.crc32(found.data, zlib.crc32(found.size.to_bytes(8, "little"), crc))
    return crc


def numbered(nodes: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return nodes once each, and the number of each; None where they were."""
    number, first = number_keys(_NONE, nodes)
    return (nodes, None) if first.numel() == nodes.numel() else (nodes[first], number)
