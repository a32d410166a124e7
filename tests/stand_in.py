"""Datasets in memory in place of those on disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import Loaded, Reading, find_dataset, make_split, stratified_folds

StandIn = Callable[..., None]


def replaced(patch: pytest.MonkeyPatch, name: str, load: Any, **changes: Any) -> None:
    """Put a loader in place of that of a registered dataset, for as long as the patch lasts."""
    entry = registry.get("dataset", find_dataset(name).name)
    changed = dataclasses.replace(entry.obj, load=load, **changes)
    held = dataclasses.replace(entry, obj=changed)
    patch.setitem(registry._ENTRIES, ("dataset", entry.name), held)


def on_nodes(data: Data, **further: Any) -> Callable[[Path | None, Reading, int], Loaded]:
    """Return a loader of one graph, read as a recipe says; stored splits are taken in turn."""

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        read = reading.apply(data.clone())
        stored = read.get("train_mask")

        def split(name: str, seed: int) -> Any:
            in_turn = name in ("public", "geom-gcn") and stored is not None
            name = "dense" if name.startswith("dense") else name
            return make_split(read, name, seed % stored.size(1) if in_turn else seed)

        classes = int(read.y.max()) + 1
        counts = {"num_features": read.num_node_features, "num_outputs": classes, **further}
        facts = {"nodes": read.num_nodes, "edges": read.num_edges}
        return Loaded(data=read, split=split, facts=facts, **counts)

    return load


def on_graphs(graphs: Sequence[Data], **further: Any) -> Callable[..., Loaded]:
    """Return a loader of many graphs, over stratified folds whatever the split's name."""

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        y = torch.cat([graph.y.view(-1) for graph in graphs])

        def split(name: str, seed: int) -> Any:
            folds = stratified_folds(y, 5 if name == "stratified-5" else 10)
            return folds[seed % len(folds)]

        counts = {
            "num_features": graphs[0].num_node_features,
            "num_outputs": int(y.max()) + 1,
            **further,
        }
        return Loaded(graphs=graphs, split=split, facts={"graphs": len(graphs)}, **counts)

    return load


def alone(data: Data | None = None, graphs: Sequence[Data] | None = None) -> Callable[..., Loaded]:
    """Return a loader of something that has one division, named ``"all"``."""

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        sample = data if data is not None else (graphs or [None])[0]
        assert sample is not None
        return Loaded(
            data=data,
            graphs=graphs,
            num_features=sample.num_node_features,
            num_outputs=sample.num_node_features,
            split=lambda name, seed: SimpleNamespace(name=name, index=0),
            facts={},
        )

    return load
