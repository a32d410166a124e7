"""PyG's loader of graphs, with batches gathered from graphs that are packed once."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._pytree import tree_flatten
from torch.utils.data import Subset
from torch_geometric.data import InMemoryDataset
from torch_geometric.loader import DataLoader
from torch_geometric.loader.dataloader import Collater

from graphpoly.acceleration.accelerated import decline
from graphpoly.loader import PackedDataset, PackedLoader
from graphpoly.ops.stamp import edits, memory_allowed

__all__ = ["AcceleratedDataLoader", "pack", "unpack"]

_PACKED = "_packed_graphs"
_READS = ("__getitem__", "__len__", "get", "indices", "len")


class _Packed(NamedTuple):
    """Graphs that were packed.

    Attributes:
        graphs: These.
        values: What they were read from; alive, so that no other takes its place in memory.
        state: Where each was, how often it was edited, whether it wanted a gradient, and which
            graphs were read.
    """

    graphs: PackedDataset
    values: list[Any]
    state: Any


class AcceleratedDataLoader(DataLoader):
    """:class:`~torch_geometric.loader.DataLoader`; equal batches in the same order.

    Each epoch looks whether the graphs are still those that were packed. Where PyTorch has written
    into them or others have taken their places, they are packed anew.
    """

    original = DataLoader

    @classmethod
    def uncovered(cls, loader: Any) -> str | None:
        """Say why no epoch of ``loader``, as it is configured, can be packed, or return None."""
        if type(loader.collate_fn) is not Collater:
            return "collate_fn: not that of PyG's loader"
        if loader.batch_sampler is None:
            return "batch_size=None: nothing is joined"
        if loader.num_workers:
            return f"num_workers={loader.num_workers}: packed graphs are joined without any"
        return None

    def __iter__(self) -> Any:
        """Go through the batches of an epoch."""
        reason = pack(self)
        if reason is not None:
            decline(self, reason)
            return super().__iter__()
        join: Any = self.collate_fn
        packed = PackedLoader(
            vars(self)[_PACKED].graphs,
            batch_sampler=self.batch_sampler,
            follow_batch=join.follow_batch,
            exclude_keys=join.exclude_keys,
            pin_memory=self.pin_memory,
            generator=self.generator,
        )
        return iter(packed)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made of, which packs its own graphs."""
        return {name: value for name, value in vars(self).items() if name != _PACKED}


def pack(loader: Any) -> str | None:
    """Pack the graphs of a loader as they are now, or say why that cannot be."""
    reason = AcceleratedDataLoader.uncovered(loader)
    if reason is not None:
        return reason
    source = _source(loader.dataset)
    if source is None:
        kind = type(loader.dataset).__name__
        return f"dataset: {kind} may run a transform or code of its own, a list of graphs does not"
    values, which = source
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not memory_allowed(*tensors):
        return "dataset: nobody counts the edits of tensors of inference mode"
    wants = [tensor.requires_grad for tensor in tensors]
    state = list(map(id, values)), edits(*tensors), wants, which
    packed: _Packed | None = vars(loader).get(_PACKED)
    if packed is None or packed.state != state:
        try:
            vars(loader)[_PACKED] = _Packed(PackedDataset(loader.dataset), values, state)
        except (TypeError, ValueError) as error:
            return str(error)
    return None


def unpack(loader: Any) -> None:
    """Drop what :func:`pack` has packed."""
    vars(loader).pop(_PACKED, None)


def _source(dataset: Any) -> tuple[list[Any], list[Any]] | None:
    """What a dataset in memory holds, and which graphs it has; None where it computes them."""
    if type(dataset) in (list, tuple):
        return _contents(dataset)
    if type(dataset) is Subset:
        found = _source(dataset.dataset)
        return None if found is None else (found[0], [found[1], list(map(int, dataset.indices))])
    if not isinstance(dataset, InMemoryDataset) or dataset.transform is not None:
        return None
    if any(getattr(type(dataset), name) is not getattr(InMemoryDataset, name) for name in _READS):
        return None
    if not vars(dataset).keys().isdisjoint(_READS):
        return None
    values, names = _contents([dataset._data])
    bounds, form = tree_flatten(dataset.slices)
    return values + bounds, [names, form, list(map(int, dataset.indices()))]


def _contents(graphs: Any) -> tuple[list[Any], list[Any]]:
    """All that the attributes of graphs hold, one by one; classes, names and forms."""
    values: list[Any] = []
    names: list[Any] = []
    for graph in graphs:
        names.append(type(graph))
        for store in getattr(graph, "stores", ()):
            names += (store._key, *store._mapping)
            for value in store._mapping.values():
                if isinstance(value, Tensor):
                    values.append(value)
                    continue
                leaves, form = tree_flatten(value)
                values += leaves
                names.append(form)
    return values, names
