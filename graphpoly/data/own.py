"""The user's own data: a file of tensors or arrays, or a function that makes it."""

from __future__ import annotations

import importlib
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch_geometric.data import Batch, Data

from graphpoly.data.dataset import Dataset, Loaded, Reading, find_dataset
from graphpoly.data.entries.graphs import FOLDS, graph_problem
from graphpoly.data.entries.links import link_problem
from graphpoly.data.entries.nodes import node_problem
from graphpoly.data.files import DatasetError, first_line, pyg_storage_allowed
from graphpoly.data.folds import GraphFold
from graphpoly.data.links import LINK_SPLITS
from graphpoly.data.splits import Split, make_split
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["any_dataset", "dataset_from", "is_own"]

_SOURCE = "the user's own data"
_SUFFIXES = (".pt", ".pth", ".npz")
# names that arrays go by in the files that people share
_KEYS = {
    "x": ("x", "features", "node_features", "feats"),
    "edge_index": ("edge_index", "edges"),
    "y": ("y", "labels", "node_labels", "label"),
    "edge_weight": ("edge_weight", "edge_weights"),
    "edge_attr": ("edge_attr", "edge_features", "edge_feats"),
    "edge_type": ("edge_type", "edge_types"),
}
_MASKS = ("train", "val", "test")
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # of which torch knows no maximum
_OF_EDGES = ("edge_weight", "edge_attr", "edge_type")


def is_own(name: str) -> bool:
    """Return whether a name stands for data of the user's own: a file, or ``"module:factory"``."""
    return ":" in name or name.endswith(_SUFFIXES)


def any_dataset(name: str) -> Dataset:
    """Return a registered dataset by its name in any case, or an entry for the user's own data.

    Raises:
        ValueError: If there is none; the message names the nearest one, or the kinds of files.
        DatasetError: See :func:`dataset_from`.
    """
    if is_own(name):
        return dataset_from(name)
    try:
        return find_dataset(name)
    except ValueError:
        if Path(name).exists():
            raise unknown("kind of file", Path(name).suffix, (".pt", ".npz")) from None
        raise


@on_cpu()
def dataset_from(source: str) -> Dataset:
    """Return an entry for data of the user's own.

    Args:
        source: A file ``.pt`` with a saved ``Data``, ``Batch`` or list of ``Data``; a file ``.npz``
            with ``x``, ``edge_index``, ``y``, ``edge_weight``, ``edge_attr``, ``edge_type``,
            ``num_nodes`` and masks (names that others use are understood); or
            ``"module:factory"``, which returns ``Data``, a list of ``Data`` or a
            :class:`~graphpoly.data.Dataset`.

    Returns:
        An entry whose task is read from the data: a list of graphs asks for a label each, one graph
        with ``y`` for each node and one without for its links. Whole numbers in ``y`` are classes;
        fractions are a regression, or labels of their own where all are 0, 1 or NaN and there are
        several columns.

    Raises:
        DatasetError: If the file is absent, altered or holds something else, or the data does not
            fit together. Nothing but tensors and PyG's graphs is ever unpickled.
        ValueError: If ``source`` is neither a file of these kinds nor ``"module:factory"``.
    """
    made = _made(source) if ":" in source else _read(Path(source).expanduser())
    if isinstance(made, Dataset):
        return made
    if isinstance(made, dict):
        made = Data.from_dict(made)
    name = source.partition(":")[2] if ":" in source else Path(source).stem
    if isinstance(made, Data) and not isinstance(made, Batch):
        _count_labels(made)
        _check(made, source)
        return _of_links(made, name) if made.get("y") is None else _of_nodes(made, name, source)
    graphs = made.to_data_list() if isinstance(made, Batch) else made
    if isinstance(made, TorchDataset):
        graphs = [made[i] for i in range(len(made))]  # type: ignore[arg-type]
    listed = isinstance(graphs, list | tuple)
    others = [each for each in graphs if not isinstance(each, Data)] if listed else graphs
    if isinstance(graphs, tuple) and others:
        held = ", ".join(type(each).__name__ for each in graphs)
        raise DatasetError(
            f"{source}: got a tuple of {held}, expected Data or a list of Data; of a file in a "
            "dataset's folder processed/, save list(dataset) instead"
        )
    if not listed or others:
        raise DatasetError(f"{source}: got {_kind(others)}, expected Data or a list of Data")
    if not graphs:
        raise DatasetError(f"{source}: holds no graphs")
    for place, graph in enumerate(graphs):
        _check(graph, f"{source}, graph {place}")
    return _of_graphs(list(graphs), name, source)


def _made(source: str) -> Any:
    module, _, attribute = source.partition(":")
    if "" not in sys.path:  # a console script does not look where it is called
        sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"dataset: {source!r}: {error}; expected module:factory") from error
    if factory is None:
        held = vars(importlib.import_module(module))
        raise unknown(f"factory of {module}", attribute, [key for key in held if key[0] != "_"])
    return factory() if callable(factory) else factory


def _read(path: Path) -> Any:
    if path.suffix not in _SUFFIXES:
        raise unknown("kind of file", path.suffix or path.name, _SUFFIXES)
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
                given[name] = _tensor(arrays[key], f"{path}: {key}")
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
    _count_labels(data)
    for part in _MASKS:
        for key in (f"{part}_mask", f"{part}_masks"):
            if key in arrays:
                mask = torch.from_numpy(arrays[key]).bool()
                nodes = int(data.num_nodes or 0)
                data[f"{part}_mask"] = mask.t() if mask.size(0) != nodes else mask
    return data


def _as_count(value: np.ndarray, where: str) -> int:
    if value.size != 1 or not np.issubdtype(value.dtype, np.integer) or value.item() < 0:
        got = value.item() if value.size == 1 else list(value.shape)
        raise DatasetError(f"{where}: got {got}, expected one number of at least 0")
    return int(value.item())


def _count_labels(data: Data) -> None:
    """Let labels say how many nodes there are, where edges alone would: the last may have none."""
    if any(data.get(key) is not None for key in ("x", "pos", "num_nodes")):
        return
    edges, y = data.get("edge_index"), data.get("y")
    if isinstance(edges, Tensor) and isinstance(y, Tensor) and y.dim():
        data.num_nodes = max(len(y), int(edges.long().max()) + 1 if edges.numel() else 0)


def _check(data: Data, where: str) -> None:
    """Refuse what does not fit together, and make the types those that networks read."""
    if data.get("edge_index") is None:
        raise DatasetError(f"{where}: edge_index: there is none, expected [2, E]")
    for name in ("x", "edge_index", "y", *_OF_EDGES):
        if data.get(name) is not None:
            data[name] = _tensor(data[name], f"{where}: {name}")
    edges, nodes = data.edge_index, int(data.num_nodes or 0)
    if edges.dim() != 2 or edges.size(0) != 2:
        raise DatasetError(f"{where}: edge_index: got {list(edges.shape)}, expected [2, E]")
    if edges.is_floating_point() or edges.dtype == torch.bool:
        raise DatasetError(f"{where}: edge_index: got {edges.dtype}, expected whole numbers")
    data.edge_index = edges.long()
    if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
        raise DatasetError(f"{where}: edge_index: a node is outside 0 to {nodes - 1}")
    if data.get("x") is not None:
        data.x = _features(data.x, nodes, f"{where}: x")
    elif data.get("y") is not None:
        data.x = torch.ones(nodes, 1)  # nothing is known of any node
    _check_edges(data, where)
    for name in (f"{part}_mask" for part in _MASKS):
        mask = data.get(name)
        if isinstance(mask, Tensor) and mask.shape[:1] != (nodes,):
            raise DatasetError(
                f"{where}: {name}: got {list(mask.shape)}, expected {nodes} rows of True and False"
            )


def _tensor(value: Any, where: str) -> Tensor:
    """Return a tensor of what PyG's graphs may hold in its place: an array, a list, a number."""
    try:
        found = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise DatasetError(f"{where}: got {_kind(value)}, expected a tensor") from None
    if found.is_complex():
        raise DatasetError(f"{where}: got {found.dtype}, expected real numbers")
    if found.dtype in _UNSIGNED:
        found = found.long()
    return found if found.layout == torch.strided else found.to_dense()


def _features(x: Tensor, nodes: int, where: str) -> Tensor:
    if x.dim() not in (1, 2) or x.size(0) != nodes:
        raise DatasetError(f"{where}: got {list(x.shape)}, expected [{nodes}, F]")
    x = x.view(nodes, -1) if x.dim() == 1 else x
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    if not bool(torch.isfinite(x).all()):
        raise DatasetError(f"{where}: holds values that are not finite")
    return x


def _check_edges(data: Data, where: str) -> None:
    """Refuse attributes that are not one a edge, and give weights the type of the features."""
    count = data.edge_index.size(1)
    for name in _OF_EDGES:
        value = data.get(name)
        if value is None:
            continue
        if value.shape[:1] != (count,):
            raise DatasetError(f"{where}: {name}: got {list(value.shape)}, expected {count} rows")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise DatasetError(f"{where}: {name}: holds values that are not finite")
    if (weight := data.get("edge_weight")) is not None:
        if weight.numel() != count:
            raise DatasetError(
                f"{where}: edge_weight: got {list(weight.shape)}, expected [{count}]"
            )
        x = data.get("x")
        data.edge_weight = weight.view(-1).to(torch.float32 if x is None else x.dtype)


def _target(y: Tensor, where: str) -> tuple[Tensor, str, str, int]:
    """Return labels in shape, loss, metric and number of outputs."""
    if y.dim() == 2 and y.size(1) == 1:
        y = y.view(-1)
    if not y.is_floating_point() and y.dim() == 1:
        classes = int(y.max()) + 1 if y.numel() else 0
        if classes < 2:
            raise DatasetError(f"{where}: y: got {classes} classes, at least 2 are needed")
        return y.long(), "ce", "accuracy", classes
    y = y.float()
    if bool(y.isinf().any()):
        raise DatasetError(f"{where}: y: holds infinities; NaN is a label that is not known")
    columns = 1 if y.dim() == 1 else y.size(1)
    known = y[~y.isnan()]
    if y.numel() and not known.numel():
        raise DatasetError(f"{where}: y: no label is known, all are NaN")
    if columns > 1 and bool(((known == 0) | (known == 1)).all()):
        return y, "bce", "rocauc", columns
    return y, "l1", "mae", columns


def _of_nodes(data: Data, name: str, source: str) -> Dataset:
    nodes = int(data.num_nodes or 0)
    if data.y.shape[:1] != (nodes,):
        got = len(data.y) if data.y.dim() else 1
        raise DatasetError(f"{source}: y: got {got} labels, expected {nodes}")
    data.y, loss, metric, outputs = _target(data.y, source)
    stored = any(isinstance(data.get(f"{part}_mask"), Tensor) for part in _MASKS)
    drawn = "stratified" if loss == "ce" else "random"
    splits = ("public", drawn) if stored else (drawn,)

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        read = reading.apply(data)
        if loss == "ce":
            return node_problem(read)

        def split(asked: str, seed: int) -> Split:
            if asked == "public":
                masks = read.get("train_mask")
                return make_split(read, "public", 0 if masks is None else seed % masks[0].numel())
            parts = _thirds(nodes, seed)
            masks = [torch.zeros(nodes, dtype=torch.bool) for _ in parts]
            for mask, rows in zip(masks, parts, strict=True):
                mask[rows] = True
            return Split("random", seed, *masks)

        facts = {"nodes": nodes, "edges": read.num_edges, "features": read.num_node_features}
        return Loaded(
            data=read,
            num_features=read.num_node_features,
            num_outputs=outputs,
            split=split,
            facts=facts,
        )

    return _entry(name, "nodes", metric, loss, splits, load)


def _of_links(data: Data, name: str) -> Dataset:
    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        return link_problem(reading.apply(data))

    return _entry(name, "links", "auc", "bce", tuple(LINK_SPLITS), load)


def _of_graphs(graphs: list[Data], name: str, source: str) -> Dataset:
    if any(graph.get("y") is None for graph in graphs):
        raise DatasetError(f"{source}: y: every graph needs a label")
    if all(graph.y.dim() and len(graph.y) == (graph.num_nodes or 0) > 1 for graph in graphs):
        again = "; save the graph itself, not a list of it" if len(graphs) == 1 else ""
        raise DatasetError(
            f"{source}: y: got a label for each node, expected one a graph, or [1, T]{again}"
        )
    rows = [graph.y.view(1, -1) for graph in graphs]
    if len({row.size(1) for row in rows}) > 1:
        raise DatasetError(f"{source}: y: graphs have labels of different sizes")
    y, loss, metric, outputs = _target(torch.cat(rows), source)
    if loss == "ce" and int(y.min()) < 0:
        raise DatasetError(f"{source}: y: got the class {int(y.min())}, the first one is 0")
    for part in ("x", *_OF_EDGES):
        widths = {_width(graph.get(part)) for graph in graphs}
        if len(widths) > 1:
            raise DatasetError(
                f"{source}: {part}: graphs have {sorted(widths)} columns, expected one number"
            )
    for graph, row in zip(graphs, y.view(len(graphs), -1), strict=True):
        graph.y = row if loss == "ce" else row.view(1, -1)

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        if loss == "ce":
            return graph_problem(graphs)
        return Loaded(
            graphs=graphs,
            num_features=graphs[0].num_node_features,
            num_outputs=outputs,
            split=lambda asked, seed: GraphFold("random", seed, *_thirds(len(graphs), seed)),
            facts={"graphs": len(graphs)},
        )

    return _entry(name, "graphs", metric, loss, FOLDS if loss == "ce" else ("random",), load)


def _width(value: Tensor | None) -> int:
    """Return how many columns an attribute has, 0 where there is none."""
    if value is None:
        return 0
    return 1 if value.dim() == 1 else value.size(-1)


def _thirds(count: int, seed: int) -> list[Tensor]:
    """Divide at random into 60/20/20."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    held = max(1, round(0.2 * count))
    return [order[2 * held :], order[:held], order[held : 2 * held]]


def _entry(
    name: str, task: str, metric: str, loss: str, splits: tuple[str, ...], load: Any
) -> Dataset:
    return Dataset(
        name=name,
        title=name,
        task=task,
        metric=metric,
        loss=loss,
        splits=splits,
        load=load,
        source=_SOURCE,
        stored=False,
    )


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple) and value:
        return f"a {type(value).__name__} of {type(value[0]).__name__}"
    return type(value).__name__
