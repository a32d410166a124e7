"""What a rewiring decided, on disk: a resumed run does not decide it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.files import naming
from graphpoly.rewiring.settings import MethodSettings
from graphpoly.rewiring.structure import Changes
from graphpoly.training.fingerprint import fingerprint

__all__ = ["changes_key", "read_changes", "write_changes"]

_VERSION = 2  # of the file, and of what the methods decide


def changes_key(graphs: Sequence[Data], method: MethodSettings) -> str:
    """Return what stands for the edges of some graphs and a method in :func:`write_changes`."""
    sizes = [int(graph.num_nodes or 0) for graph in graphs]
    counts = [graph.edge_index.size(1) for graph in graphs]
    edges = torch.cat([graph.edge_index.cpu() for graph in graphs], 1)
    with on_cpu():
        held = torch.tensor(sizes), torch.tensor(counts)
    return fingerprint(*held, edges, method.to_dict())


def write_changes(path: Path, key: str, changes: Sequence[Changes]) -> None:
    """Keep what a rewiring decided for each of some graphs.

    Args:
        path: The file; it is whole or is not there.
        key: What the graphs and the method are, see :func:`changes_key`.
        changes: Of each graph.
    """
    content: dict[str, Any] = {"version": _VERSION, "key": key}
    for name in ("added", "removed"):
        pairs = [getattr(change, name) for change in changes]
        content[name] = torch.cat(pairs, 1)
        content[f"{name} of each"] = torch.tensor([each.size(1) for each in pairs], device="cpu")
    kinds = [change.kind for change in changes if change.kind is not None]
    content["kind"] = torch.cat(kinds) if len(kinds) == len(changes) else None
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with naming(path):
        torch.save(content, partial)
        partial.replace(path)


def read_changes(path: Path, key: str, count: int) -> list[Changes] | None:
    """Return what :func:`write_changes` kept for ``count`` graphs.

    None where that is about something else, or cannot be read.
    """
    try:
        held = torch.load(path, weights_only=True)
        if held["version"] != _VERSION or held["key"] != key:
            return None
        added, removed = (_split(held, name, name) for name in ("added", "removed"))
        kinds: list[Tensor | None] = [None] * count
        if held["kind"] is not None:
            kinds = list(_split(held, "kind", "added"))
        return [Changes(*each) for each in zip(added, removed, kinds, strict=True)]
    except Exception:  # absent, cut short or altered: it is decided again
        return None


def _split(held: dict[str, Any], name: str, counted: str) -> tuple[Tensor, ...]:
    return held[name].split(held[f"{counted} of each"].tolist(), dim=-1)
