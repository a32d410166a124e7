"""ZINC and the peptides, each with its official division, through PyG's classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    default_root,
    first_line,
    network_timeout,
)
from graphpoly.devices import on_cpu

__all__ = ["load_peptides", "load_zinc"]

_PARTS = ("train", "val", "test")
_CONNECT_SECONDS = 15.0
_STALL_SECONDS = 60.0


@on_cpu()
def load_zinc(root: str | Path | None = None) -> list[list[Data]]:
    """Load the 12,000 molecules of ZINC that benchmarks use: training, validation, test.

    Args:
        root: Folder that holds all datasets; the files lie in ``zinc/`` below it.

    Returns:
        Graphs with ``x`` ``[N, 1]`` of atom types below 28, ``edge_attr`` of bond types and ``y``
        ``[1]``.

    Raises:
        DatasetError: If the files are absent and cannot be downloaded, or are altered.
    """
    from torch_geometric.datasets import ZINC

    folder = _folder(root) / "zinc"
    raw = folder / "raw"

    def part(name: str) -> Any:
        return ZINC(str(folder), subset=True, split=name)

    return _read("ZINC", part, raw / "train.pickle", ZINC.url)


def load_peptides(name: str) -> Callable[[str | Path | None], list[list[Data]]]:
    """Return the loader of ``"Peptides-func"`` or ``"Peptides-struct"``, in ``lrgb/``."""

    @on_cpu()
    def load(root: str | Path | None = None) -> list[list[Data]]:
        from torch_geometric.datasets import LRGBDataset

        folder = _folder(root) / "lrgb"
        raw = folder / name.lower() / "raw"

        def part(split: str) -> Any:
            return LRGBDataset(str(folder), name, split=split)

        return _read(name, part, raw / "train.pt", LRGBDataset.urls[name.lower()])

    return load


def _folder(root: str | Path | None) -> Path:
    return Path(default_root() if root is None else root).expanduser()


def _read(name: str, part: Callable[[str], Any], witness: Path, url: str) -> list[list[Data]]:
    try:
        if not witness.exists():
            check_reachable(url, _CONNECT_SECONDS)
        with network_timeout(_STALL_SECONDS):
            read = [part(each) for each in _PARTS]
        return [[dataset[i] for i in range(len(dataset))] for dataset in read]
    except MemoryError:
        raise
    except Exception as error:  # a broken pickle can raise anything
        raise DatasetError(
            f"dataset {name!r}: cannot use or download the files in {witness.parent}: "
            f"{first_line(error)}; put the raw files there, pass another root, or set "
            "GRAPHPOLY_DATA"
        ) from error
