"""A dataset after rewiring: what a network sees of it, found once and kept beside the run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphpoly.data import Loaded
from graphpoly.rewiring import MethodSettings, Rewiring
from graphpoly.rewiring.plan import apply_changes, blocks, decide, transform_of
from graphpoly.rewiring.structure import Changes
from graphpoly.training.changes_file import changes_key, read_changes, write_changes
from graphpoly.training.progress import Progress

__all__ = ["message_graph", "rewire", "rewire_loaded"]

_CHEAP = 2.0  # seconds that a resumed run may spend on it again


def rewire_loaded(
    loaded: Loaded,
    method: MethodSettings,
    split: Any = None,
    *,
    saved: Path | None = None,
    progress: Progress | None = None,
    label: str = "",
) -> Loaded:
    """Return a dataset whose graphs are rewired, with types of edges.

    Args:
        loaded: The dataset as it was read.
        method: How.
        split: Where links are asked for, their division: messages run over the training links, and
            nothing else is rewired or looked at.
        saved: File of what was decided. It is read where it is about these graphs and this method,
            and written where that took longer than two seconds.
        progress: Told about each block of graphs.
        label: What the progress is called.

    Raises:
        ValueError: If the method does not take one of the graphs.
    """
    graphs = [loaded.data] if loaded.data is not None else list(loaded.graphs or ())
    if not method.rewires:
        transform = method.transform()
        graphs = [transform(graph) for graph in graphs]
        loaded = dataclasses.replace(loaded, num_features=graphs[0].num_node_features)
        return _with(loaded, graphs)
    if split is not None:
        graphs = [message_graph(loaded.data, split)]
    transform, types = transform_of(method, graphs)
    changes = rewire(
        graphs, method, transform, saved=saved, progress=progress, label=label or method.method
    )
    results = apply_changes(transform, graphs, changes)
    for result in results:
        del result.rewired
    facts = {
        **loaded.facts,
        "rewired": {
            "added": sum(change.added.size(1) for change in changes),
            "removed": sum(change.removed.size(1) for change in changes),
        },
    }
    return _with(dataclasses.replace(loaded, facts=facts, num_relations=types), results)


def message_graph(data: Data | None, split: Any) -> Data:
    """Return the graph of the training links, with the nodes and features of a graph."""
    assert data is not None
    pairs = torch.cat([split.train, split.train.flip(0)], 1)
    return Data(x=data.x, edge_index=pairs, num_nodes=int(data.num_nodes or 0))


def rewire(
    graphs: Sequence[Data],
    method: MethodSettings,
    transform: Rewiring,
    *,
    saved: Path | None = None,
    progress: Progress | None = None,
    label: str = "",
) -> list[Changes]:
    """Return what a method does to each of some graphs; see :func:`rewire_loaded`."""
    key = changes_key(graphs, method)
    changes = None if saved is None else read_changes(saved, key, len(graphs))
    if changes is not None:
        return changes
    changes, began = [], time.monotonic()
    if progress is not None:
        progress.start(label, len(graphs), 0, what="graph")
    try:
        for block in blocks(graphs):
            changes += decide(transform, [graphs[i] for i in block])
            if progress is not None:
                progress.update(len(changes), {})
    finally:
        if progress is not None:
            progress.stop()
    if saved is not None and time.monotonic() - began > _CHEAP:
        write_changes(saved, key, changes)
    return changes


def _with(loaded: Loaded, graphs: list[Data]) -> Loaded:
    if loaded.data is not None:
        return dataclasses.replace(loaded, data=graphs[0])
    return dataclasses.replace(loaded, graphs=graphs)
