"""The network of a model in the shape of a dataset, and the dataset as it reads it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly.acceleration import accelerate
from graphpoly.data import Dataset, Loaded
from graphpoly.features import RandomNodeInitSettings
from graphpoly.models.heads import (
    CategoryEncoder,
    Encoded,
    EncodedLinks,
    LinkNet,
    NoisyNet,
    PooledNet,
    Standardized,
    names_argument,
)
from graphpoly.models.settings import Inputs, ModelSettings
from graphpoly.rewiring import LearnedSettings, MethodSettings

__all__ = ["drawn_anew", "edge_attr_of", "network_for", "prepared"]

_WIDTH = 64  # of what stands between a network and its head, where it has no width of its own
_EMBEDDING = 16  # of a graph, where graphs are told apart by what a network says of them
_PAIRS = "pairs of nodes"  # what a network for links alone says it answers for
# whatever else there is belongs to nodes
_LEVELS = {
    "graphs": "graphs",
    "pairs": "graphs",
    "positions": "positions",
    "sequences": "sequences",
    "traces": "traces",
}
# what some answer for and nothing else does: how it is asked for, and how it is missed
_ALONE = {
    "sequences": (
        "asks for sequences of nodes, which this model does not return",
        "has no sequences of nodes, which this model finds",
    ),
    "traces": (
        "asks for the steps of an algorithm, which this model does not follow",
        "has no steps of an algorithm, which this model follows",
    ),
    "positions": (
        "asks for positions, which this model does not return",
        "has no positions, which this model reads",
    ),
}


def network_for(
    settings: ModelSettings,
    dataset: Dataset,
    loaded: Loaded,
    split: Any,
    rewire: MethodSettings | None = None,
) -> nn.Module:
    """Return a fresh network that reads this dataset and answers for what it asks of.

    A network that gives rows of nodes alone is pooled for graphs, and scores pairs for links by
    what it says of their ends; categories are embedded. Random features that ``rewire`` wants to be
    drawn anew in each pass are appended to what the network reads; a rewiring that is learned
    stands around it, and knows of edges no more than their weights. Layers of PyG's run on our
    kernels. Numbers that are to be standardised are learned in deviations from their mean, but not
    by a network that reads rows made beforehand.

    Raises:
        TypeError: If a rewiring is learned through weights that the network does not take.
        ValueError: If the network has no answer of this kind, or does not read such features.
    """
    level = _LEVELS.get(dataset.task, "nodes")
    width = getattr(settings, "hidden_channels", _WIDTH)
    embedding = settings.embedding_channels or width
    embeds = loaded.categories is not None and not settings.reads_categories
    if settings.reads_categories and loaded.categories != "ogb":
        raise ValueError(f"dataset: {dataset.name} has no atoms and bonds, which this model reads")
    paired = _PAIRS in settings.levels
    if paired and dataset.task != "links":
        raise ValueError(
            f"dataset: {dataset.name} asks for {dataset.task}, the model answers for links alone"
        )
    headed = level not in settings.levels and not paired
    if headed and level in _ALONE:
        raise ValueError(f"dataset: {dataset.name} {_ALONE[level][0]}")
    for alone in _ALONE.keys() & settings.levels if headed else ():
        raise ValueError(f"dataset: {dataset.name} {_ALONE[alone][1]}")
    if headed and level == "nodes":
        raise ValueError(
            f"dataset: {dataset.name} asks for {dataset.task}, the model answers for graphs alone"
        )
    noise = drawn_anew(rewire)
    learned = rewire if isinstance(rewire, LearnedSettings) else None
    anew = noise is not None or learned is not None
    if anew and (settings.reads_categories or paired or _reads_once(settings)):
        other = "reads atoms alone" if settings.reads_categories else "reads the graph once"
        what = "random features cannot be drawn" if noise else "the graph cannot be learned"
        raise ValueError(f"rewire: this model {other}, {what} anew for it")
    outputs = _EMBEDDING if dataset.task == "pairs" else loaded.num_outputs
    reads = embedding if embeds else loaded.num_features
    edges_read = learned is None and settings.reads_edges and dataset.task != "links"
    net = settings.network(
        Inputs(
            in_channels=reads + (noise.dim if noise else 0),
            out_channels=width if headed or dataset.task == "links" else outputs,
            level=_PAIRS if paired else "nodes" if headed else level,
            data=_shown(dataset, loaded),
            split=split,
            num_relations=_relations(loaded) if settings.reads_types and learned is None else 1,
            edge_channels=_edge_channels(settings, dataset, loaded, width) if edges_read else None,
        )
    )
    if (not edges_read or edge_attr_of(loaded) is None) and _needs(net, "edge_attr"):
        raise ValueError(f"dataset: {dataset.name} has no edge_attr for this model, which reads it")
    if level == "graphs" and _needs(net, "pos") and _first(loaded, "pos") is None:
        raise ValueError(f"dataset: {dataset.name} {_ALONE['positions'][1]}")
    accelerate(net)
    exact = dataset.task == "pairs" or _is_exact(loaded)
    if paired:
        if embeds:
            assert loaded.categories is not None
            net = EncodedLinks(CategoryEncoder(loaded.categories, embedding), net)
        return net.double() if exact else net
    if noise is not None:
        net = NoisyNet(net, noise.dim, distribution=noise.distribution)
    if learned is not None:
        net = learned.around(net, reads)
    if embeds:
        assert loaded.categories is not None
        edges = None
        if edges_read and loaded.edge_categories is not None and names_argument(net, "edge_attr"):
            edges = CategoryEncoder(loaded.edge_categories, width, edges=True)
        net = Encoded(CategoryEncoder(loaded.categories, embedding), net, edges)
    if headed:
        net = PooledNet(net, width, outputs)
    if dataset.task == "links":
        net = LinkNet(net, width, **settings.score())
    if dataset.standardized and not _reads_once(settings):
        net = Standardized.around(net, _learned_from(loaded, split))
    return net.double() if exact else net


def _learned_from(loaded: Loaded, split: Any) -> Tensor:
    """Return the labels of the training part, ``[n]`` or ``[n, T]``."""
    if loaded.data is not None:
        return loaded.data.y[split.train_mask]
    graphs = loaded.graphs or []
    return torch.cat([graphs[i].y for i in split.train.tolist()])


def prepared(settings: ModelSettings, loaded: Loaded) -> Loaded:
    """Return a dataset as a network reads it; features of edges are for those that embed them."""

    def read(data: Data, prepare: Callable[[Data], Data]) -> Data:
        unread = [] if settings.reads_edges else ["edge_attr"]
        if loaded.num_relations > 1 and not settings.reads_types:
            unread.append("edge_type")
        held = [name for name in unread if data.get(name) is not None]
        if held:
            data = copy.copy(data)
            for name in held:
                del data[name]
        return prepare(data)

    if loaded.data is not None:
        return dataclasses.replace(loaded, data=read(loaded.data, settings.prepare))
    assert loaded.graphs is not None
    graphs = [read(graph, settings.prepare_graph) for graph in loaded.graphs]
    return dataclasses.replace(loaded, graphs=graphs)


def drawn_anew(rewire: MethodSettings | None) -> RandomNodeInitSettings | None:
    """Return the random features that each pass draws anew, where such are asked for."""
    return rewire if isinstance(rewire, RandomNodeInitSettings) and rewire.redraw else None


def _reads_once(settings: ModelSettings) -> bool:
    return settings.reads_once or type(settings).rows is not ModelSettings.rows


def _shown(dataset: Dataset, loaded: Loaded) -> Data | None:
    """Return what a network may see of the data as it is made."""
    if dataset.task == "traces":
        assert loaded.graphs is not None
        return loaded.graphs[0]
    return loaded.data if dataset.task in ("nodes", "signals") else None


def _graphs(loaded: Loaded) -> Sequence[Data]:
    return [loaded.data] if loaded.data is not None else loaded.graphs or []


def _is_exact(loaded: Loaded) -> bool:
    """Whether features are float64, which a network reads in its own precision alone."""
    x = _first(loaded, "x")
    return x is not None and x.dtype == torch.float64


def edge_attr_of(loaded: Loaded) -> Tensor | None:
    """Return the features of edges of a graph, or of the first of many."""
    return _first(loaded, "edge_attr")


def _first(loaded: Loaded, name: str) -> Tensor | None:
    return next((graph.get(name) for graph in _graphs(loaded)), None)


def _needs(net: nn.Module, name: str) -> bool:
    named = inspect.signature(net.forward).parameters.get(name)
    return named is not None and named.default is named.empty


def _edge_channels(
    settings: ModelSettings, dataset: Dataset, loaded: Loaded, width: int
) -> int | None:
    """Number of columns of the edges' features, embedded where they are categories."""
    if not settings.told_edge_channels or settings.reads_categories:
        return None
    if loaded.edge_categories is not None:
        return width
    attr = edge_attr_of(loaded)
    if attr is None:
        return None
    if not attr.is_floating_point() or attr.dim() != 2:
        raise ValueError(
            f"dataset: {dataset.name} has edge_attr {list(attr.shape)} of {attr.dtype}, this model "
            "reads rows of floating-point numbers"
        )
    return int(attr.size(1))


def _relations(loaded: Loaded) -> int:
    """Number of types of edges, those of the data itself included."""
    some = _graphs(loaded)
    types = [data.edge_type for data in some if data.get("edge_type") is not None]
    most = max((int(each.max()) for each in types if each.numel()), default=0)
    return max(loaded.num_relations, most + 1)
