"""What a dataset is: how it is read, divided, scored, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures

from graphpoly import registry
from graphpoly.data.undirected import as_undirected, held_by_edges
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.settings import Settings

__all__ = ["TASKS", "AsItIs", "Dataset", "LinkReading", "Loaded", "Reading", "find_dataset"]
__all__ += ["offer"]

# what a dataset asks of a model, and what one of its outputs belongs to
TASKS = ("nodes", "graphs", "links", "pairs", "signals", "positions", "sequences", "traces")


@dataclass(frozen=True, kw_only=True)
class AsItIs(Settings):
    """How data is read of which nothing is changed; a subclass says what it is drawn with."""


@dataclass(frozen=True, kw_only=True)
class Reading(AsItIs):
    """How a graph is read before it is trained on.

    Attributes:
        directed: Keep the directions of the files; otherwise every edge goes both ways, once.
        self_loops: Keep the self-loops of the files.
        row_normalize: Subtract the least number of all features, and divide each node's by their
            sum where that is more than 1: PyG's ``NormalizeFeatures``, made for counts.
    """

    directed: bool = False
    self_loops: bool = False
    row_normalize: bool = False

    def apply(self, data: Data) -> Data:
        """Return ``data``, read this way."""
        if not self.directed:
            data = as_undirected(data, self_loops=self.self_loops)
        elif not self.self_loops:
            data = _without_loops(data)
        if self.row_normalize:
            data = NormalizeFeatures()(data)
        return data


@dataclass(frozen=True, kw_only=True)
class LinkReading(AsItIs):
    """How a graph is read whose links are asked for: each is one, both ways, and loops are none.

    Attributes:
        row_normalize: As of :class:`Reading`.
    """

    row_normalize: bool = False

    def apply(self, data: Data) -> Data:
        """Return ``data``, read this way."""
        return Reading(row_normalize=self.row_normalize).apply(data)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A dataset in memory.

    Attributes:
        data: The graph, where there is one (``"nodes"``, ``"links"``, ``"signals"``).
        graphs: The graphs, where there are many (``"graphs"``, ``"pairs"``, ``"positions"``,
            ``"sequences"``, ``"traces"``).
        num_features: Columns of ``x``.
        num_outputs: Numbers that a model has to give for each node, graph or pair.
        split: From a name and a seed to a division: a :class:`~graphpoly.data.Split`, a
            :class:`~graphpoly.data.GraphFold` or a :class:`~graphpoly.data.LinkSplit`. Protocols
            with several stored divisions take them in turn.
        facts: Counts, for results.
        categories: Number of values of each integer column of ``x``, where the columns are
            categories that a network has to embed; ``"ogb"`` for OGB's atoms.
        edge_categories: Likewise of ``edge_attr``; ``"ogb"`` for OGB's bonds.
        num_relations: Number of types of edges that ``edge_type`` counts, 1 without types.
        known: Which nodes have a label, ``[N]``; None where all have, or nodes are not asked for.
    """

    data: Data | None = None
    graphs: Sequence[Data] | None = None
    num_features: int
    num_outputs: int
    split: Callable[[str, int], Any]
    facts: Mapping[str, Any]
    categories: tuple[int, ...] | str | None = None
    edge_categories: tuple[int, ...] | str | None = None
    num_relations: int = 1
    known: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", on_cpu()(self.split))


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A registry entry: what has to be known of a dataset before it is loaded.

    Attributes:
        name: What users type.
        title: One line for lists.
        task: One of :data:`TASKS`.
        metric: Name in :data:`graphpoly.training.METRICS` of what is reported.
        loss: Name of the loss.
        splits: Names of its divisions; the first one is taken unless a protocol says otherwise.
        load: From the root of all datasets (None for the default one), a reading and a seed to the
            dataset in memory. Only generated datasets look at the seed.
        source: Where the data comes from, as ``Authors. Title. Venue Year``.
        reading: How it is read unless a recipe says otherwise; its class says what can be set, and
            is :class:`AsItIs` where ``load`` applies neither a :class:`Reading` nor a
            :class:`LinkReading`.
        official: What whoever offers the data computes the metric by, where they do: a function of
            labels and outputs, or of the scores of links and of non-links.
        num_splits: How many runs a figure on it is a mean of, unless a protocol says otherwise.
        drawn: Whether every seed has a dataset of its own.
        stored: Whether it lies in files below the root.
        standardized: Whether networks answer in deviations from the mean of the labels of the
            training part, as for numbers of another size.
        tags: Facts for tables, such as ``{"nodes": "2,708"}``.
    """

    name: str
    title: str
    task: str
    metric: str
    loss: str
    splits: tuple[str, ...]
    load: Callable[[Path | None, Any, int], Loaded] = field(repr=False)
    source: str
    reading: AsItIs = Reading()
    official: Callable[[Tensor, Tensor], float] | None = field(default=None, repr=False)
    num_splits: int = 10
    drawn: bool = False
    stored: bool = True
    standardized: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise unknown("task", self.task, TASKS)
        if not self.splits:
            raise ValueError(f"dataset {self.name!r} needs at least one split")
        # what is loaded is on the CPU until a task moves it
        object.__setattr__(self, "load", on_cpu()(self.load))

    def scorer(self, metric: str) -> Callable[[Tensor, Tensor], float] | None:
        """Return :attr:`official` where ``metric`` is what it computes."""
        return self.official if metric == self.metric else None


def offer(dataset: Dataset) -> Dataset:
    """Enter ``dataset`` in the registry."""
    registry.add("dataset", dataset.name, dataset, paper=dataset.source, tags=dict(dataset.tags))
    return dataset


def find_dataset(name: str) -> Dataset:
    """Return the dataset of that name, in any case.

    Beside the registered ones there are all that TUDataset and OGB have under names of theirs.

    Raises:
        ValueError: If there is none; the message names the nearest one.
    """
    entry = registry.find("dataset", name)
    found = None if entry is None else entry.obj
    if found is None:
        known = {entry.name.lower(): entry.obj for entry in registry.entries("dataset")}
        found = known.get(name.lower())
        if found is None:
            found = _by_prefix(name)
        if found is None:
            raise unknown("dataset", name, [dataset.name for dataset in known.values()])
    assert isinstance(found, Dataset)
    return found


def _by_prefix(name: str) -> Dataset | None:
    """Return an entry made for a name that only its source knows, if the name has its form."""
    from graphpoly.data.entries import graphs, links, nodes
    from graphpoly.data.twins import original

    if name.startswith("ogbn-"):
        return nodes.ogb_node_entry(name)
    if name.startswith("ogbg-"):
        return graphs.ogb_graph_entry(name)
    if name.startswith("ogbl-") and original(name):
        return links.ogb_link_entry(name)
    return graphs.tu_entry(name) if name in graphs.OTHER_TU else None


def _without_loops(data: Data) -> Data:
    result = data.clone()
    kept = data.edge_index[0] != data.edge_index[1]
    for name in held_by_edges(data):
        value = result[name]
        result[name] = value[kept] if isinstance(value, Tensor) else None
    result.edge_index = data.edge_index[:, kept]
    return result
