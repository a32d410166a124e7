"""TUDataset's graph classification sets, with the features that papers give them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data
from torch_geometric.utils import degree

from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    default_root,
    find_damaged,
    first_line,
    is_storage_error,
    network_timeout,
    remove_empty_folders,
)
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["load_tu", "read_tu", "tu_dataset_names"]

_CONNECT_SECONDS = 15.0
_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class _Source:
    """The counts by which a dataset is recognised, and what its nodes carry.

    Attributes:
        graphs, nodes, edges, classes: Counts; edges are directed.
        nodes_carry: ``"labels"``, ``"labels and attributes"`` or ``"degrees"``, as in the fair
            comparison of Errica et al. (2020) and its followers.
    """

    graphs: int
    nodes: int
    edges: int
    classes: int
    nodes_carry: str = "labels"


_SOURCES = {
    "MUTAG": _Source(188, 3371, 7442, 2),
    "PTC_MR": _Source(344, 4915, 10108, 2),
    "ENZYMES": _Source(600, 19580, 74564, 6, "labels and attributes"),
    "PROTEINS": _Source(1113, 43471, 162088, 2),
    "NCI1": _Source(4110, 122747, 265506, 2),
    "DD": _Source(1178, 334925, 1686092, 2),
    "AIDS": _Source(2000, 31385, 64780, 2),
    "Mutagenicity": _Source(4337, 131488, 266894, 2),
    "IMDB-BINARY": _Source(1000, 19773, 193062, 2, "degrees"),
    "IMDB-MULTI": _Source(1500, 19502, 197806, 3, "degrees"),
    "REDDIT-BINARY": _Source(2000, 859254, 1991016, 2, "degrees"),
}


def tu_dataset_names() -> list[str]:
    """Return the names that :func:`load_tu` knows.

    >>> "ENZYMES" in tu_dataset_names()
    True
    """
    return list(_SOURCES)


@on_cpu()
def load_tu(name: str, root: str | Path | None = None) -> list[Data]:
    """Load a graph classification dataset, downloading it on first use.

    Nodes carry what the fair comparison of Errica et al. (2020) gives them: their labels one-hot;
    on ENZYMES their 18 attributes, too; their degree one-hot, a column for each degree that occurs,
    where there is neither.

    Args:
        name: One of :func:`tu_dataset_names`, in any case.
        root: Folder that holds all datasets; these lie in ``tu/`` below it. By default
            :func:`~graphpoly.data.default_root`.

    Returns:
        One graph each: ``x`` ``[N, F]``, ``edge_index``, ``y`` ``[1]``, and ``edge_attr`` where
        edges are labelled.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If the files are absent and cannot be downloaded, or are altered.
    """
    known = {key.lower(): key for key in _SOURCES}
    if name.lower() not in known:
        raise unknown("dataset", name, _SOURCES)
    name = known[name.lower()]
    source = _SOURCES[name]
    folder = Path(default_root() if root is None else root).expanduser() / "tu"
    dataset = read_tu(name, folder, attributes=source.nodes_carry == "labels and attributes")
    wrong = _wrong_counts(dataset, source)
    if wrong:
        raise DatasetError(
            f"dataset {name!r}: the files in {folder / name} give {wrong}; delete the folder and "
            "the dataset is downloaded again"
        )
    graphs = [dataset[i] for i in range(len(dataset))]
    return _with_degrees(graphs) if source.nodes_carry == "degrees" else graphs


@on_cpu()
def read_tu(name: str, folder: Path, *, attributes: bool) -> Any:
    """Return PyG's own dataset, with its failures told in one line."""
    from torch_geometric.datasets import TUDataset

    raw = folder / name / "raw"
    present = (raw / f"{name}_A.txt").exists()
    try:
        if not present:
            check_reachable(TUDataset.url, _CONNECT_SECONDS)
        with network_timeout(_STALL_SECONDS):
            return TUDataset(str(folder), name, use_node_attr=attributes)
    except MemoryError:
        raise
    except Exception as error:  # a broken file can raise anything inside a parser
        if not present:
            remove_empty_folders(raw, folder.parent)
        if is_storage_error(error):
            raise DatasetError(
                f"dataset {name!r}: cannot use the folder {folder} ({first_line(error)}); pass a "
                "root that can be written to, or set GRAPHPOLY_DATA"
            ) from error
        damaged = find_damaged([raw.parent / "processed"]) if present else None
        if damaged is not None:
            raise DatasetError(
                f"dataset {name!r}: {damaged[0]} is cut short or altered ({damaged[1]}); delete "
                "it and it is made anew from the raw files"
            ) from error
        what = (
            f"cannot use the files in {raw.parent}: {first_line(error)}; delete them to have them "
            "downloaded again"
            if present
            else f"{raw / name}_A.txt is absent and the download failed: {first_line(error)}; put "
            "the raw files there, pass another root, or set GRAPHPOLY_DATA"
        )
        raise DatasetError(f"dataset {name!r}: {what}") from error


def _wrong_counts(dataset: Any, source: _Source) -> str:
    counts = {
        "graphs": (len(dataset), source.graphs),
        "nodes": (dataset._data.num_nodes, source.nodes),
        "edges": (dataset._data.edge_index.size(1), source.edges),
        "classes": (dataset.num_classes, source.classes),
    }
    return ", ".join(
        f"{got} {what} instead of {expected}"
        for what, (got, expected) in counts.items()
        if got != expected
    )


def _with_degrees(graphs: list[Data]) -> list[Data]:
    """One-hot in-degrees, with a column for each degree that occurs anywhere."""
    degrees = [degree(g.edge_index[1], g.num_nodes).long() for g in graphs]
    columns = torch.cat(degrees).unique()
    for graph, values in zip(graphs, degrees, strict=True):
        graph.x = (values.unsqueeze(1) == columns).float()
    return graphs
