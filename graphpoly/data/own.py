"""The user's own data: a file of tensors or arrays, or a function that makes it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch_geometric.data import Batch, Data
from torch_geometric.data.data import BaseData

from graphpoly.data.dataset import AsItIs, Dataset, LinkReading, Loaded, Reading, find_dataset
from graphpoly.data.entries.graphs import FOLDS, graph_problem
from graphpoly.data.entries.links import link_problem
from graphpoly.data.entries.nodes import node_problem
from graphpoly.data.files import DatasetError
from graphpoly.data.folds import GraphFold, random_parts
from graphpoly.data.links import LINK_SPLITS
from graphpoly.data.own_checks import (
    OF_EDGES,
    PARTS,
    as_tensors,
    check,
    count_labels,
    kind_of,
    read_lists,
    said_of_edges,
    said_of_labels,
    set_precision,
    target_of,
)
from graphpoly.data.own_files import SUFFIXES, read_file
from graphpoly.data.splits import Split, make_split
from graphpoly.devices import on_cpu
from graphpoly.errors import module_of, unknown

__all__ = ["any_dataset", "dataset_from", "graphs_from", "is_own"]

_SOURCE = "the user's own data"


def is_own(name: str) -> bool:
    """Return whether a name stands for data of the user's own: a file, or ``"module:factory"``."""
    return ":" in name or name.endswith(SUFFIXES)


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
        if Path(name).exists() and not name.endswith(".py"):
            raise unknown("kind of file", Path(name).suffix, (".pt", ".npz")) from None
        raise


@on_cpu()
def dataset_from(source: str) -> Dataset:
    """Return an entry for data of the user's own.

    Args:
        source: A file ``.pt`` with a saved ``Data``, ``Batch`` or list of ``Data``; a file ``.npz``
            with ``x``, ``edge_index``, ``y``, ``edge_weight``, ``edge_attr``, ``edge_type``,
            ``num_nodes`` and masks, or lists of the nodes of each part such as ``train_idx`` (names
            that others use are understood); or ``"module:factory"``, which returns ``Data``, a list
            of ``Data`` or a :class:`~graphpoly.data.Dataset`.

    Returns:
        An entry whose task is read from the data: a list of graphs asks for a label each, one graph
        with ``y`` for each node and one without for its links. One column of an integer type is
        classes; floating-point numbers and several columns are a regression, or labels of their own
        where there are several and all are 0, 1 or NaN. What has no label is in no division.

    Raises:
        DatasetError: If the file is absent, altered or holds something else, or the data does not
            fit together. Nothing but tensors and PyG's graphs is ever unpickled.
        ValueError: If ``source`` is neither a file of these kinds nor ``"module:factory"``.
    """
    return _entry_of(_held(source), source)


@on_cpu()
def graphs_from(source: str, root: Path | None = None) -> Data | list[Data]:
    """Return the graphs of data of the user's own as a dataset has them, with labels or without.

    Args:
        source: See :func:`dataset_from`.
        root: Folder that holds the datasets, for a factory that reads one.

    Raises:
        DatasetError: As :func:`dataset_from` does, but for labels and links that are missing.
        ValueError: Likewise.
    """
    held = _held(source)
    if isinstance(held, Data) and held.get("y") is None:
        return Reading().apply(held)
    if isinstance(held, list) and all(graph.get("y") is None for graph in held):
        return held
    entry = _entry_of(held, source)
    loaded = entry.load(root, entry.reading, 0)
    return list(loaded.graphs or ()) if loaded.data is None else loaded.data


def _entry_of(held: Dataset | Data | list[Data], source: str) -> Dataset:
    if isinstance(held, Dataset):
        return held
    name = source.partition(":")[2] if ":" in source else Path(source).stem
    if isinstance(held, Data):
        return (_of_links if held.get("y") is None else _of_nodes)(held, name, source)
    return _of_graphs(held, name, source)


def _held(source: str) -> Dataset | Data | list[Data]:
    """Return what a file holds or a factory makes, checked: one graph, a list or an entry."""
    made = _made(source) if ":" in source else read_file(Path(source).expanduser())
    if isinstance(made, Dataset):
        return made
    if isinstance(made, dict):
        made = Data.from_dict(made)
    if isinstance(made, Data) and not isinstance(made, Batch):
        as_tensors(made, source)
        count_labels(made)
        check(made, source)
        return made
    graphs = made.to_data_list() if isinstance(made, Batch) else made
    if isinstance(made, TorchDataset):
        graphs = [made[i] for i in range(len(made))]  # type: ignore[arg-type]
    listed = isinstance(graphs, list | tuple)
    others = [each for each in graphs if not isinstance(each, Data)] if listed else graphs
    if isinstance(graphs, tuple) and others:
        kinds = ", ".join(type(each).__name__ for each in graphs)
        raise DatasetError(
            f"{source}: got a tuple of {kinds}, expected Data or a list of Data; of a file in a "
            "dataset's folder processed/, save list(dataset) instead"
        )
    if not listed or others:
        raise DatasetError(f"{source}: got {kind_of(others)}, expected Data or a list of Data")
    if not graphs:
        raise DatasetError(f"{source}: holds no graphs")
    for place, graph in enumerate(graphs):
        check(graph, f"{source}, graph {place}")
    return list(graphs)


def _made(source: str) -> Any:
    module, _, attribute = source.partition(":")
    module = module_of(module)
    if "" not in sys.path:  # a console script does not look where it is called
        sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"dataset: {source!r}: {error}; expected module:factory") from error
    if factory is None:
        held = vars(importlib.import_module(module))
        raise unknown(f"factory of {module}", attribute, [key for key in held if key[0] != "_"])
    # PyG's Data can be called, too: it iterates
    return factory() if callable(factory) and not isinstance(factory, BaseData) else factory


def _of_nodes(data: Data, name: str, source: str) -> Dataset:
    nodes = int(data.num_nodes or 0)
    if data.y.shape[:1] != (nodes,):
        got = len(data.y) if data.y.dim() else 1
        raise DatasetError(f"{source}: y: got {got} labels, expected {nodes}")
    data.y, loss, metric, outputs = target_of(data.y, source)
    read_lists(data, source)
    stored = any(isinstance(data.get(f"{each}_mask"), Tensor) for each in PARTS)
    drawn = "stratified" if loss == "ce" else "random"
    known = _known(data.y)
    splits = ("public", drawn) if stored else (drawn,)

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        read = reading.apply(data)
        said = said_of_edges(data, reading)
        if loss == "ce":
            problem = node_problem(read)
            return replace(problem, facts={**problem.facts, **said})

        def split(asked: str, seed: int) -> Split:
            if asked == "public":
                masks = read.get("train_mask")
                held = make_split(read, "public", 0 if masks is None else seed % masks[0].numel())
                parts = (held.train_mask & known, held.val_mask & known, held.test_mask & known)
                return Split(held.name, held.index, *parts)
            masks = [torch.zeros(nodes, dtype=torch.bool) for _ in PARTS]
            for mask, rows in zip(masks, random_parts(known.nonzero().view(-1), seed), strict=True):
                mask[rows] = True
            return Split("random", seed, *masks)

        facts = {"nodes": nodes, "edges": read.num_edges, "features": read.num_node_features}
        facts |= said_of_labels(data.y) | said
        return Loaded(
            data=read,
            num_features=read.num_node_features,
            num_outputs=outputs,
            split=split,
            facts=facts,
            known=None if known.all() else known,
        )

    return _entry(name, "nodes", metric, loss, splits, load)


def _of_links(data: Data, name: str, source: str) -> Dataset:
    for held in ("edge_weight", "edge_type"):
        if data.get(held) is not None:
            raise DatasetError(
                f"{source}: {held}: links are learned from edges that are alike; leave it out, or "
                "give y for another task"
            )

    def load(root: Path | None, reading: LinkReading, seed: int) -> Loaded:
        problem = link_problem(reading.apply(data))
        said = said_of_edges(data)
        return replace(problem, facts={**problem.facts, **said})

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
    y, loss, metric, outputs = target_of(torch.cat(rows), source)
    if loss == "ce" and int(y.min()) < 0:
        raise DatasetError(f"{source}: y: got the class {int(y.min())}, the first one is 0")
    for part in ("x", *OF_EDGES):
        widths = {_width(graph.get(part)) for graph in graphs}
        if len(widths) > 1:
            raise DatasetError(
                f"{source}: {part}: graphs have {sorted(widths)} columns, expected one number"
            )
    exact = any(graph.x.dtype == torch.float64 for graph in graphs)
    for graph, row in zip(graphs, y.view(len(graphs), -1), strict=True):
        graph.y = row if loss == "ce" else row.view(1, -1)
        set_precision(graph, torch.float64 if exact else torch.float32)
    known = _known(y.view(len(graphs), -1)).nonzero().view(-1)

    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        if loss == "ce":
            return graph_problem(graphs)
        return Loaded(
            graphs=graphs,
            num_features=graphs[0].num_node_features,
            num_outputs=outputs,
            split=lambda asked, seed: GraphFold("random", seed, *random_parts(known, seed)),
            facts={"graphs": len(graphs), **said_of_labels(y)},
        )

    return _entry(name, "graphs", metric, loss, FOLDS if loss == "ce" else ("random",), load)


def _width(value: Tensor | None) -> int:
    """Return how many columns an attribute has, 0 where there is none."""
    if value is None:
        return 0
    return 1 if value.dim() == 1 else value.size(-1)


def _known(y: Tensor) -> Tensor:
    """Return which rows have a label, ``[N]``; NaN is none."""
    return ~y.isnan().view(len(y), -1).all(1)


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
        reading={"nodes": Reading(), "links": LinkReading(), "graphs": AsItIs()}[task],
        stored=False,
        standardized=loss == "l1",
    )
