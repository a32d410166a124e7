"""Many graphs at once: what is done to each is decided in blocks, and can be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import cumsum

from graphpoly.devices import on_cpu
from graphpoly.rewiring.base import Rewiring
from graphpoly.rewiring.settings import MethodSettings
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["apply_changes", "blocks", "decide", "side_by_side", "transform_of"]

_GRAPHS, _NODES = 64, 4096  # of a block, at most, but for one graph that is larger


def blocks(graphs: Sequence[Data]) -> Iterator[range]:
    """Cut many graphs into blocks of neighbours: up to 64 graphs, and up to 4096 nodes.

    >>> list(blocks([Data(num_nodes=3000), Data(num_nodes=2000), Data(num_nodes=9)]))
    [range(0, 1), range(1, 3)]
    """
    first = nodes = 0
    for i in range(len(graphs)):
        size = int(graphs[i].num_nodes or 0)
        if i > first and (i - first == _GRAPHS or nodes + size > _NODES):
            yield range(first, i)
            first, nodes = i, 0
        nodes += size
    if len(graphs) > first:
        yield range(first, len(graphs))


@on_cpu()
def side_by_side(some: Sequence[Data], *, symmetrize: bool = False) -> Graphs:
    """Return some graphs as rewiring looks at them.

    Args:
        some: The graphs.
        symmetrize: Give each edge its reverse; otherwise one without is refused.
    """
    ptr = cumsum(torch.tensor([int(data.num_nodes or 0) for data in some]))
    shift = zip(some, ptr.tolist(), strict=False)
    pairs = torch.cat([data.edge_index.cpu() + first for data, first in shift], 1)
    if symmetrize:
        pairs = torch.cat([pairs, pairs.flip(0)], 1)
    return Graphs.of(pairs, int(ptr[-1]), ptr)


@on_cpu()
def decide(transform: Rewiring, some: Sequence[Data]) -> list[Changes]:
    """Return what a method does to each of some graphs, as if it were alone.

    Raises:
        ValueError: If the method does not take one of them.
    """
    graphs = side_by_side(some, symmetrize=transform.symmetrize)
    changes = transform.changes(graphs)
    added, kinds = _each(graphs, changes.added, changes.kind)
    removed, _ = _each(graphs, changes.removed, None)
    return [Changes(*each) for each in zip(added, removed, kinds, strict=True)]


def transform_of(method: MethodSettings, graphs: Sequence[Data]) -> tuple[Rewiring, int]:
    """Return the transform for some graphs, and how many types of edges there are after it.

    Added edges get 1 as weight, 0 in other attributes, and types that no edge has before.
    """
    held = [graph.edge_type for graph in graphs if graph.get("edge_type") is not None]
    top = max((int(types.max()) for types in held if types.numel()), default=0)
    fill = {"edge_type": top + 1} if held else None
    transform = method.transform(typed=True, fill=fill)
    assert isinstance(transform, Rewiring)
    return transform, top + method.num_types


def apply_changes(
    transform: Rewiring, graphs: Sequence[Data], changes: Sequence[Changes]
) -> list[Data]:
    """Return graphs after their changes, as ``transform(data)`` would make each of them."""
    results: list[Data] = []
    for block in blocks(graphs):
        results += transform.apply([graphs[i] for i in block], [changes[i] for i in block])
    return results


def _each(
    graphs: Graphs, pairs: Tensor, kind: Tensor | None
) -> tuple[list[Tensor], list[Tensor | None]]:
    """Pairs and kinds graph by graph, with the nodes numbered as in each of them."""
    owner = torch.repeat_interleave(graphs.ptr.diff())[pairs[0]]
    order = torch.argsort(owner, stable=True)
    counts = torch.bincount(owner, minlength=graphs.num_graphs).tolist()
    own = (pairs - graphs.ptr[owner])[:, order].split(counts, dim=1)
    kinds: list[Tensor | None] = [None] * graphs.num_graphs
    if kind is not None:
        kinds = list(kind[order].split(counts))
    return list(own), kinds
