"""BREC: 400 pairs of graphs in seven families, none of which colour refinement tells apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from torch_geometric.data import Data

from graphpoly.data.files import DatasetError, default_root, first_line
from graphpoly.data.graph6 import decode_graph6
from graphpoly.errors import unknown

__all__ = ["BREC", "BREC_CATEGORIES", "load_brec"]

# In the order of the pairs. The benchmark's scripts count the second and third as one, "Regular".
BREC_CATEGORIES = {
    "Basic": range(60),
    "SimpleRegular": range(60, 110),
    "StronglyRegular": range(110, 160),
    "Extension": range(160, 260),
    "CFI": range(260, 360),
    "FourVertexCondition": range(360, 380),
    "DistanceRegular": range(380, 400),
}
_FILES = ("basic", "regular", "str", "extension", "cfi", "4vtx", "dr")
_SOURCE = "customize/Data/raw of github.com/GraphPKU/BREC"


class BREC(Sequence[tuple[Data, Data]]):
    """The pairs, read when they are asked for.

    Args:
        lines: Two lines of graph6 for each pair.

    >>> pairs = BREC([(b"Bw", b"BW")])
    >>> [graph.num_edges for graph in pairs[0]]
    [6, 4]
    """

    def __init__(self, lines: Sequence[tuple[bytes, bytes]]) -> None:
        self.lines = list(lines)

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> tuple[Data, Data]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Data, Data]]: ...

    def __getitem__(self, index: int | slice) -> tuple[Data, Data] | list[tuple[Data, Data]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.graph(index, 0), self.graph(index, 1)

    def __iter__(self) -> Iterator[tuple[Data, Data]]:
        return (self[i] for i in range(len(self)))

    def graph(self, index: int, which: int) -> Data:
        """Return one graph, the first (0) or second (1) of a pair."""
        size, edge_index = decode_graph6(self.lines[index][which])
        return Data(edge_index=edge_index, num_nodes=size)

    def graphs(self, pairs: Sequence[int] | None = None) -> list[Data]:
        """Return the graphs of some or all pairs one after another, two for each pair."""
        chosen = range(len(self)) if pairs is None else pairs
        return [graph for index in chosen for graph in self[index]]

    @staticmethod
    def category(index: int) -> str:
        """Return the family of a pair.

        >>> BREC.category(98), BREC.category(380)
        ('SimpleRegular', 'DistanceRegular')
        """
        for name, members in BREC_CATEGORIES.items():
            if index in members:
                return name
        raise IndexError(f"pair {index}: BREC has the pairs 0 to 399")

    @staticmethod
    def members(category: str) -> range:
        """Return the pairs of a family, whose name may be in any case.

        >>> BREC.members("cfi")
        range(260, 360)
        """
        for name, members in BREC_CATEGORIES.items():
            if name.lower() == category.lower():
                return members
        raise unknown("category", category, BREC_CATEGORIES)


def load_brec(root: str | Path | None = None) -> BREC:
    """Load BREC from the files that its authors generate it from.

    Args:
        root: Folder that holds all datasets; the seven files are ``brec/raw/*.npy`` below it.

    Returns:
        A sequence of 400 pairs of ``Data`` without features, ``edge_index`` in both directions.

    Raises:
        DatasetError: If a file is absent or is not what it should be.

    References:
        Wang and Zhang, Towards Better Evaluation of GNN Expressiveness with BREC Dataset,
        arXiv:2304.07702.
    """
    folder = Path(default_root() if root is None else root).expanduser() / "brec" / "raw"
    missing = [f"{name}.npy" for name in _FILES if not (folder / f"{name}.npy").is_file()]
    if missing:
        raise DatasetError(
            f"dataset 'BREC': {', '.join(missing)} absent from {folder}; put the files of "
            f"{_SOURCE} there, pass another root, or set GRAPHPOLY_DATA"
        )
    lines: list[tuple[bytes, bytes]] = []
    for name, (category, members) in zip(_FILES, BREC_CATEGORIES.items(), strict=True):
        path = folder / f"{name}.npy"
        try:
            held = np.load(path, allow_pickle=False).reshape(-1, 2)
            found = [tuple(_encoded(line) for line in pair) for pair in held.tolist()]
            if len(found) != len(members):
                raise ValueError(f"{len(found)} pairs of {category} instead of {len(members)}")
            for one, other in found:
                decode_graph6(one)
                decode_graph6(other)
                lines.append((one, other))
        except (ValueError, EOFError, OSError) as error:
            raise DatasetError(
                f"dataset 'BREC': {path} is cut short or altered: {first_line(error)}; "
                f"the file is in {_SOURCE}"
            ) from error
    return BREC(lines)


def _encoded(line: str | bytes) -> bytes:
    if not isinstance(line, str | bytes):
        raise ValueError(f"expected graph6, got {type(line).__name__}")
    return line if isinstance(line, bytes) else line.encode("ascii")
