"""The files of packed epochs: what is where, checksums, and how blocks are written and read."""

from __future__ import annotations

import itertools
import json
import math
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import TensorAttr

from graphpoly.files import replacing, to_json, write_atomically
from graphpoly.loader.open_file import OpenFile

__all__ = ["Block", "BlockReader", "Feature", "Manifest", "chunk_name", "parts_of", "write_blocks"]

_FORMAT = "graphpoly.loader.PackedEpochs 1"
_ALIGNED = 8  # every part of a block begins there, whatever its type

Part = tuple[torch.dtype, tuple[int, ...]]


class Block(NamedTuple):
    """What was written for a batch, or for the nodes that stay in memory.

    Attributes:
        ids: Checksum of the nodes of the batch, group by group.
        counts: Rows of each group.
        bytes: Length.
        crc: Checksum of the bytes.
    """

    ids: int
    counts: list[int]
    bytes: int
    crc: int


@dataclass(frozen=True)
class Feature:
    """An attribute that was packed: its file as it was then."""

    group: str | None
    name: str
    dtype: str
    shape: list[int]
    changed: int

    @property
    def attr(self) -> TensorAttr:
        return TensorAttr(self.group, self.name)

    @property
    def row(self) -> Part:
        return getattr(torch, self.dtype), tuple(self.shape[1:])


@dataclass
class Manifest:
    """What a folder of packed epochs holds.

    Attributes:
        seed: Epoch k is drawn with the seed ``seed + k``.
        epochs: Number of epochs.
        batches: Batches of an epoch.
        cache_bytes: What rows in memory may take.
        features: The attributes, group by group.
        hot: The rows in memory, ``hot.rows``.
        chunks: The batches in each of the files ``00000.rows`` and so on.
    """

    seed: int
    epochs: int
    batches: int
    cache_bytes: int
    features: list[Feature]
    hot: Block
    chunks: list[list[Block]] = field(default_factory=list)

    @property
    def groups(self) -> list[str | None]:
        return list(dict.fromkeys(feature.group for feature in self.features))

    @property
    def settings(self) -> dict[str, Any]:
        """What must be alike for a packing to go on."""
        return {name: value for name, value in asdict(self).items() if name not in _FOUND}

    def of(self, group: str | None) -> list[Feature]:
        """Return the attributes of a group."""
        return [feature for feature in self.features if feature.group == group]

    def row_bytes(self, group: str | None) -> int:
        """Return what all attributes of a node take."""
        return sum(
            math.prod(row) * dtype.itemsize for dtype, row in (f.row for f in self.of(group))
        )

    def parts(self, block: Block, *, numbered: bool = False) -> list[Part]:
        """Return types and shapes of what a block holds: rows, nodes before them where numbered."""
        found: list[Part] = []
        for group, count in zip(self.groups, block.counts, strict=True):
            if numbered:
                found.append((torch.int64, (count,)))
            found += [(f.row[0], (count, *f.row[1])) for f in self.of(group)]
        return found

    def places(self) -> Iterator[tuple[int, int, Block]]:
        """Give number of the file, offset and block of each batch, epoch by epoch."""
        for chunk, blocks in enumerate(self.chunks):
            offset = 0
            for block in blocks:
                yield chunk, offset, block
                offset += block.bytes

    def write(self, folder: Path) -> None:
        """Write it in place of the one before."""
        body = to_json({"format": _FORMAT, **asdict(self)}, indent=None)
        write_atomically(folder / "manifest.json", f"{zlib.crc32(body.encode())}\n{body}")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read what :meth:`write` wrote.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it was altered, or is something else.
        """
        path = folder / "manifest.json"
        crc, _, body = path.read_bytes().partition(b"\n")
        try:
            if int(crc) != zlib.crc32(body):
                raise ValueError("altered")
            held = json.loads(body)
            if held.pop("format") != _FORMAT:
                raise ValueError("of another version")
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{path}: is altered or no manifest; pack into a new folder"
            ) from error
        held["features"] = [Feature(**each) for each in held["features"]]
        held["hot"] = Block(*held["hot"])
        held["chunks"] = [[Block(*each) for each in blocks] for blocks in held["chunks"]]
        return cls(**held)


_FOUND = ("hot", "chunks")


def chunk_name(number: int) -> str:
    """Return the name of a file of batches."""
    return f"{number:05}.rows"


def write_blocks(path: Path, blocks: Iterable[tuple[int, list[int], list[Tensor]]]) -> list[Block]:
    """Write a file of blocks, whole or not at all.

    Args:
        path: The file.
        blocks: For each the checksum of its nodes, its counts, and its parts.
    """
    found = []
    with replacing(path) as temporary, temporary.open("wb") as file:
        for ids, counts, parts in blocks:
            size = crc = 0
            for part in parts:
                raw: Any = part.contiguous().reshape(-1).view(torch.uint8).numpy()
                for piece in (raw.data, bytes(-raw.size % _ALIGNED)):
                    crc, size = zlib.crc32(piece, crc), size + file.write(piece)
            found.append(Block(ids, counts, size, crc))
    return found


def parts_of(buffer: Tensor, parts: Sequence[Part]) -> list[Tensor]:
    """Return the parts of a block, which share its memory."""
    found, offset = [], 0
    for dtype, shape in parts:
        size = math.prod(shape) * dtype.itemsize
        found.append(buffer[offset : offset + size].view(dtype).view(shape))
        offset += size + -size % _ALIGNED
    return found


class BlockReader:
    """Reads blocks from the files of a folder, and lets none pass that is not what was written.

    Attributes:
        bytes_read: Bytes of the blocks read so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.bytes_read = folder, 0
        self._file: OpenFile | None = None
        self._lock = threading.Lock()

    def read(self, name: str, offset: int, block: Block) -> Tensor:
        """Return the bytes of a block.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If its checksum is another.
        """
        path = self.folder / name
        buffer = torch.empty(block.bytes, dtype=torch.uint8, device="cpu")
        raw: Any = buffer.numpy()
        with self._lock:
            if self._file is None or self._file.path != path:
                self._file = OpenFile(path)
            self._file.fill(raw.data, offset)
            self._file.advise("DONTNEED", offset, block.bytes)  # not again in this epoch
            self.bytes_read += block.bytes
        if zlib.crc32(raw.data) != block.crc:
            raise ValueError(f"{path}: is not what was written; call pack_epochs again")
        return buffer

    def holds(self, name: str, blocks: Sequence[Block]) -> bool:
        """Whether a file is whole: these blocks and nothing else."""
        path = self.folder / name
        sizes = [block.bytes for block in blocks]
        if not path.exists() or path.stat().st_size != sum(sizes):
            return False
        try:
            for offset, block in zip(itertools.accumulate(sizes, initial=0), blocks, strict=False):
                self.read(name, offset, block)
        except ValueError:
            return False
        finally:
            self._file = None
        return True
