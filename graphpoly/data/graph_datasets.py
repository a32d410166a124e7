"""Datasets of many graphs by name: TU, CSL, EXP and CEXP, strongly regular families, OGB."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.datasets import GNNBenchmarkDataset, TUDataset

from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    default_root,
    find_damaged,
    first_line,
    network_timeout,
    remove_empty_folders,
)
from graphpoly.data.ogb import load_ogb_graph
from graphpoly.errors import unknown

__all__ = ["graph_dataset_names", "load_graph_data"]

_TU = (
    "AIDS",
    "COLLAB",
    "DD",
    "ENZYMES",
    "IMDB-BINARY",
    "IMDB-MULTI",
    "Mutagenicity",
    "MUTAG",
    "NCI1",
    "NCI109",
    "PROTEINS",
    "PTC_MR",
    "REDDIT-BINARY",
    "REDDIT-MULTI-5K",
)
_EXP = ("EXP", "CEXP")
_SR = ("sr16622", "sr251256", "sr261034", "sr281264", "sr291467", "sr351668")
_CONNECT_SECONDS, _STALL_SECONDS = 15.0, 60.0


def graph_dataset_names() -> list[str]:
    """Return the names that :func:`load_graph_data` knows, besides those of OGB (``ogbg-...``).

    >>> "MUTAG" in graph_dataset_names()
    True
    """
    return [*_TU, "CSL", *_EXP, *_SR]


def load_graph_data(name: str, root: str | Path | None = None) -> Any:
    """Load a dataset of many graphs.

    Args:
        name: One of :func:`graph_dataset_names` in any case, or a name of OGB such as
            ``"ogbg-molhiv"``.
        root: Folder that holds all datasets; by default :func:`~graphpoly.data.default_root`. TU
            datasets are in ``tu/``, CSL in ``csl/``, OGB's in ``ogb/``; they are downloaded on
            first use. EXP and CEXP are read from ``expressivity/NAME.npz``, whose arrays are ``x``,
            ``edges`` (from zero in each graph), ``node_ptr``, ``edge_ptr`` and ``y``; strongly
            regular families from ``sr/raw/NAME.g6``.

    Returns:
        A PyG dataset, or a list of ``Data``.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If files are absent and cannot be downloaded, or are cut short or altered.
    """
    base = Path(default_root() if root is None else root).expanduser()
    if name.lower().startswith("ogbg-"):
        return load_ogb_graph(name.lower(), base)[0]
    known = {each.lower(): each for each in graph_dataset_names()}
    if name.lower() not in known:
        raise unknown("dataset", name, [*known.values(), "ogbg-molhiv"])
    key = known[name.lower()]
    if key in _EXP:
        return _read(key, base / "expressivity" / f"{key}.npz", _read_exp)
    if key in _SR:
        return _read(key, base / "sr" / "raw" / f"{key}.g6", _read_graph6)
    if key == "CSL":
        return _from_pyg(key, base / "csl", lambda folder: GNNBenchmarkDataset(folder, "CSL"))
    return _from_pyg(key, base / "tu", lambda folder: TUDataset(folder, key))


def _read(name: str, path: Path, reader: Callable[[Path], list[Data]]) -> list[Data]:
    if not path.is_file():
        raise DatasetError(
            f"dataset {name!r}: {path} is absent; put the file there, pass another root, or set "
            "GRAPHPOLY_DATA"
        )
    try:
        return reader(path)
    except (OSError, KeyError, IndexError, ValueError, nx.NetworkXError, zipfile.BadZipFile) as e:
        raise DatasetError(
            f"dataset {name!r}: {path} is cut short or altered ({first_line(e)})"
        ) from e


def _read_exp(path: Path) -> list[Data]:
    with np.load(path, allow_pickle=False) as archive:
        x, edges, y = (torch.from_numpy(archive[k].astype(np.int64)) for k in ("x", "edges", "y"))
        nodes, entries = archive["node_ptr"].tolist(), archive["edge_ptr"].tolist()
    if nodes[-1] != x.numel() or entries[-1] != edges.size(1) or len(nodes) != y.numel() + 1:
        raise ValueError("the arrays do not fit together")
    graphs = []
    for g in range(y.numel()):
        edge_index = edges[:, entries[g] : entries[g + 1]]
        size = nodes[g + 1] - nodes[g]
        if edge_index.numel() and int(edge_index.max()) >= size:
            raise ValueError(f"graph {g} has an edge outside its {size} nodes")
        label = x[nodes[g] : nodes[g + 1]].unsqueeze(1)
        graphs.append(Data(x=label, edge_index=edge_index, y=y[g : g + 1]))
    return graphs


def _read_graph6(path: Path) -> list[Data]:
    graphs = []
    for line in path.read_bytes().split():
        graph = nx.from_graph6_bytes(line)
        pairs = torch.tensor(list(graph.edges)).reshape(-1, 2).T
        edge_index = torch.cat([pairs, pairs.flip(0)], 1)
        graphs.append(Data(edge_index=edge_index, num_nodes=graph.number_of_nodes()))
    if not graphs:
        raise ValueError("it holds no graph")
    return graphs


def _from_pyg(name: str, folder: Path, make: Callable[[str], Any]) -> Any:
    """PyG's own dataset, with its failures told in one line."""
    raw = folder / name / "raw"
    present = raw.is_dir() and any(raw.iterdir())
    try:
        if not present:
            url = GNNBenchmarkDataset.csl_url if name == "CSL" else TUDataset.url
            check_reachable(url, _CONNECT_SECONDS)
        with network_timeout(_STALL_SECONDS):
            return make(str(folder))
    except MemoryError:
        raise
    except Exception as error:  # parsers and downloads share no base class
        if not present:
            remove_empty_folders(raw, folder.parent)
            raise DatasetError(
                f"dataset {name!r}: its files are absent from {raw} and the download failed: "
                f"{first_line(error)}; put them there, pass another root, or set GRAPHPOLY_DATA"
            ) from error
        damaged = find_damaged([raw])
        where = f"the files in {raw}" if damaged is None else f"{damaged[0]} ({damaged[1]})"
        raise DatasetError(f"dataset {name!r}: cannot use {where}: {first_line(error)}") from error
