"""Graphs that simple networks cannot tell apart: strongly regular families, EXP, CEXP, CSL."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphpoly.data.files import (
    DatasetError,
    check_reachable,
    default_root,
    first_line,
    network_timeout,
    remove_empty_folders,
)
from graphpoly.data.graph6 import decode_graph6, graph6_lines
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["EXP_NAMES", "SR_FAMILIES", "load_csl", "load_exp", "load_sr"]

SR_FAMILIES = {  # number of graphs
    "sr16622": 2,
    "sr251256": 15,
    "sr261034": 10,
    "sr281264": 4,
    "sr291467": 41,
    "sr351668": 3854,
}
_EXP = {"EXP": 1200, "CEXP": 1200}
EXP_NAMES = tuple(_EXP)


@on_cpu()
def load_sr(name: str, root: str | Path | None = None) -> list[Data]:
    """Load a family of strongly regular graphs, no two of which 3-WL tells apart.

    Args:
        name: ``sr`` and the parameters, one of :data:`SR_FAMILIES`.
        root: Folder that holds all datasets; the file is ``sr/raw/NAME.g6`` below it, in the
            format graph6 of Brendan McKay's collection.

    Returns:
        Graphs with ``x`` of ones ``[N, 1]`` and ``edge_index`` in both directions.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If the file is absent or is not what it should be.
    """
    if name not in SR_FAMILIES:
        raise unknown("family of strongly regular graphs", name, SR_FAMILIES)
    path = _folder(root) / "sr" / "raw" / f"{name}.g6"
    _expect(name, path, "the graph6 file of that family")
    try:
        graphs = [decode_graph6(line) for line in graph6_lines(path.read_bytes())]
        if len(graphs) != SR_FAMILIES[name]:
            raise ValueError(f"{len(graphs)} graphs instead of {SR_FAMILIES[name]}")
    except ValueError as error:
        raise DatasetError(
            f"dataset {name!r}: {path} is cut short or altered: {first_line(error)}"
        ) from error
    return [
        Data(x=torch.ones(size, 1), edge_index=edge_index, num_nodes=size)
        for size, edge_index in graphs
    ]


@on_cpu()
def load_exp(name: str, root: str | Path | None = None) -> list[Data]:
    """Load EXP or CEXP: pairs of graphs, neighbours in the list, that encode formulas.

    In EXP no pair is told apart by 1-WL; in CEXP half of the pairs are. The task is whether the
    formula can be satisfied, which differs within each pair.

    Args:
        name: ``"EXP"`` or ``"CEXP"``.
        root: Folder that holds all datasets; the file is ``expressivity/NAME.npz`` below it, with
            ``x [N]`` (node labels), ``edges [2, E]`` (one direction or both, numbered within each
            graph), ``node_ptr``, ``edge_ptr`` and ``y``.

    Returns:
        Graphs with one-hot ``x``, ``edge_index`` in both directions and ``y [1]``.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If the file is absent or is not what it should be.
    """
    if name not in _EXP:
        raise unknown("dataset", name, _EXP)
    path = _folder(root) / "expressivity" / f"{name}.npz"
    _expect(name, path, "an archive with x, edges, node_ptr, edge_ptr and y")
    try:
        with np.load(path, allow_pickle=False) as archive:
            graphs = _unpack(archive)
        if len(graphs) != _EXP[name]:
            raise ValueError(f"{len(graphs)} graphs instead of {_EXP[name]}")
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(
            f"dataset {name!r}: {path} is cut short or altered: {first_line(error)}"
        ) from error
    return graphs


def _unpack(archive: Any) -> list[Data]:
    labels = torch.from_numpy(archive["x"].reshape(-1).astype(np.int64))
    edges = torch.from_numpy(archive["edges"].astype(np.int64))
    nodes, ends, y = (archive[key].tolist() for key in ("node_ptr", "edge_ptr", "y"))
    if nodes[-1] != labels.numel() or ends[-1] != edges.size(1) or len(nodes) != len(y) + 1:
        raise ValueError("the arrays do not fit together")
    x = torch.nn.functional.one_hot(labels).float()
    graphs = []
    for i, label in enumerate(y):
        edge_index = edges[:, ends[i] : ends[i + 1]].contiguous()
        size = nodes[i + 1] - nodes[i]
        if edge_index.numel() and int(edge_index.max()) >= size:
            raise ValueError(f"graph {i} has an edge outside its {size} nodes")
        edge_index = to_undirected(edge_index, num_nodes=size)
        part = x[nodes[i] : nodes[i + 1]]
        graphs.append(Data(x=part, edge_index=edge_index, y=torch.tensor([int(label)])))
    return graphs


@on_cpu()
def load_csl(root: str | Path | None = None) -> list[Data]:
    """Load the 150 circular skip link graphs in ten classes, downloading them on first use.

    All have 41 nodes of degree 4, so that 1-WL sees no difference; the class is the length of the
    skip.

    Args:
        root: Folder that holds all datasets; these lie in ``csl/`` below it.

    Returns:
        Graphs with ``x`` of ones ``[41, 1]``, ``edge_index`` and ``y [1]``.

    Raises:
        DatasetError: If the files are absent and cannot be downloaded, or are altered.
    """
    from torch_geometric.datasets import GNNBenchmarkDataset

    folder = _folder(root) / "csl"
    try:
        if not (folder / "CSL" / "raw").is_dir():
            check_reachable(GNNBenchmarkDataset.root_url, 15.0)
        with network_timeout(60.0):
            dataset = GNNBenchmarkDataset(str(folder), "CSL")
        graphs = [dataset[i] for i in range(len(dataset))]
    except Exception as error:  # a broken pickle can raise anything
        if isinstance(error, MemoryError):
            raise
        remove_empty_folders(folder / "CSL" / "raw", folder.parent)
        raise DatasetError(
            f"dataset 'CSL': cannot use or download the files in {folder}: {first_line(error)}; "
            "put the raw files there, pass another root, or set GRAPHPOLY_DATA"
        ) from error
    if len(graphs) != 150 or any(g.num_nodes != 41 or g.num_edges != 164 for g in graphs):
        raise DatasetError(f"dataset 'CSL': the files in {folder} hold other graphs; delete them")
    for graph in graphs:
        graph.x = torch.ones(graph.num_nodes, 1)
    return graphs


def _folder(root: str | Path | None) -> Path:
    return Path(default_root() if root is None else root).expanduser()


def _expect(name: str, path: Path, what: str) -> None:
    if not path.is_file():
        raise DatasetError(
            f"dataset {name!r}: {path} is absent; put {what} there, pass another root, or "
            "set GRAPHPOLY_DATA"
        )
