"""Files of tensors or arrays of the user's own, as graphs."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from graphpoly.data.files import DatasetError, first_line, pyg_storage_allowed
from graphpoly.data.own_checks import LISTS, PARTS, as_tensor, count_labels
from graphpoly.errors import unknown

__all__ = ["SUFFIXES", "read_file"]

SUFFIXES = (".pt", ".pth", ".npz")
# names that arrays go by in the files that people share
_KEYS = {
    "x": ("x", "features", "node_features", "feats"),
    "edge_index": ("edge_index", "edges"),
    "y": ("y", "labels", "node_labels", "label"),
    "edge_weight": ("edge_weight", "edge_weights"),
    "edge_attr": ("edge_attr", "edge_features", "edge_feats"),
    "edge_type": ("edge_type", "edge_types"),
}


def read_file(path: Path) -> Any:
    """Return what a file holds: PyG's graphs, or one made of arrays.

    Raises:
        DatasetError: If it is absent, cut short, or holds something else.
        ValueError: If it is no file of these kinds.
    """
    if path.suffix not in SUFFIXES:
        raise unknown("kind of file", path.suffix or path.name, SUFFIXES)
    if not path.is_file():
        raise DatasetError(f"{path}: no such file")
    try:
        return _from_arrays(path) if path.suffix == ".npz" else _from_pickle(path)
    except DatasetError:
        raise
    except pickle.UnpicklingError as error:
        raise DatasetError(
            f"{path}: holds objects other than tensors and PyG's graphs of one type of nodes, and "
            "is not read; save plain Data, or give module:factory"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: cut short or altered: {first_line(error)}") from error


def _from_pickle(path: Path) -> Any:
    with pyg_storage_allowed():
        return torch.load(path, weights_only=True)


def _from_arrays(path: Path) -> Data:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    given = {}
    for name, names in _KEYS.items():
        for key in names:
            if key in arrays:
                given[name] = as_tensor(arrays[key], f"{path}: {key}")
                break
    if "edge_index" not in given:
        raise DatasetError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}, expected edge_index or edges"
        )
    edges = given["edge_index"]
    if edges.dim() == 2 and edges.size(0) != 2 and edges.size(1) == 2:
        given["edge_index"] = edges.t().contiguous()
    data = Data(**given)
    if "num_nodes" in arrays:
        data.num_nodes = _as_count(arrays["num_nodes"], f"{path}: num_nodes")
    count_labels(data)
    for part in PARTS:
        for key in (f"{part}_mask", f"{part}_masks"):
            if key in arrays:
                mask = as_tensor(arrays[key], f"{path}: {key}").bool()
                nodes = int(data.num_nodes or 0)
                data[f"{part}_mask"] = mask.t() if mask.size(0) != nodes else mask
        for key in LISTS[part]:
            if key in arrays:
                data[key] = as_tensor(arrays[key], f"{path}: {key}")
    return data


def _as_count(value: np.ndarray, where: str) -> int:
    if value.size != 1 or not np.issubdtype(value.dtype, np.integer) or value.item() < 0:
        got = value.item() if value.size == 1 else list(value.shape)
        raise DatasetError(f"{where}: got {got}, expected one number of at least 0")
    return int(value.item())
