"""A dataset of graphs in contiguous arrays, and batches gathered from it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.utils.data
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.data.storage import NodeStorage
from torch_geometric.utils import cumsum
from typing_extensions import Self

from graphpoly.files import replacing
from graphpoly.loader.columns import (
    Column,
    Gathered,
    Listed,
    Rows,
    Shared,
    column_of,
    read,
    written,
)
from graphpoly.ops.gather_parts import Columns, gather_columns

__all__ = ["PackedDataset"]

_FORMAT = "graphpoly.loader.PackedDataset 1"
_KINDS = (Data, HeteroData)


@dataclass(frozen=True)
class _Store:
    """What the graphs have under one key: None, or a type of nodes or of edges.

    Attributes:
        columns: By attribute, in the order in which the first graph has them.
        counted: Of a store of nodes: whether each graph knows how many there are.
        nodes: Of a store of nodes: how many each graph has, ``[G]``.
    """

    columns: dict[str, Column]
    counted: list[bool]
    nodes: Tensor

    @cached_property
    def all_counted(self) -> bool:
        """Whether every graph knows."""
        return all(self.counted)

    @cached_property
    def plain(self) -> dict[str, Rows]:
        """The columns that one operator gathers."""
        return {n: c for n, c in self.columns.items() if isinstance(c, Rows) and c.is_plain}

    @cached_property
    def whole(self) -> Columns:
        """All :attr:`plain` ones."""
        return _side_by_side(self.plain.values())

    def gather(
        self, graphs: Tensor, excluded: set[str]
    ) -> tuple[dict[str, Gathered], list[Tensor]]:
        """Return each attribute of some graphs; and the graph of each node, and their offsets."""
        columns, plain, whole = self.columns, self.plain, self.whole
        if not excluded.isdisjoint(columns):
            columns = {name: each for name, each in columns.items() if name not in excluded}
            plain = {name: each for name, each in plain.items() if name in columns}
            whole = _side_by_side(plain.values())
        counted = self.all_counted or self.counted[int(graphs[0])]
        nodes = self.nodes if counted else None
        joined = gather_columns(whole, nodes, graphs)
        triples = zip(*[iter(joined)] * 3, strict=False)  # those of nodes are left over
        found: dict[str, Gathered] = {
            name: next(triples) if name in plain else each.gather(graphs)
            for name, each in columns.items()
        }
        return found, joined[3 * len(plain) :]


def _side_by_side(columns: Iterable[Rows]) -> Columns:
    found = Columns([], [], [], [])
    for column in columns:
        found.value.append(column.value)
        found.bounds.append(column.bounds)
        found.step.append(column.step if column.moves else None)
        found.dim.append(column.dim)
    return found


class PackedDataset(torch.utils.data.Dataset[Any]):
    """Many graphs, each attribute in one contiguous tensor.

    A batch is then a few gathers, whatever the number of its graphs, where PyG joins a list of
    objects. What comes out is equal, field by field, to ``Batch.from_data_list`` of the graphs.

    Args:
        graphs: ``Data`` or ``HeteroData``, all with the same attributes: a list, or a dataset of
            PyG, whose graphs are read once. They are copied.

    Raises:
        TypeError: If the dataset has a ``transform``, which would have to run at each access, or if
            graphs hold what only PyG joins: sparse tensors, tensors of classes of their own, those
            that want a gradient or lie on a GPU. The message names the attribute.
        ValueError: If there are no graphs, or they differ in attributes, types or shapes.

    Complexity: memory of the dataset once; O(size of the batch) for a batch.

    >>> graphs = [Data(x=torch.ones(n, 2), edge_index=torch.tensor([[0], [n - 1]])) for n in (1, 2)]
    >>> PackedDataset(graphs).batch([1, 0]).edge_index.tolist()
    [[0, 2], [1, 2]]
    """

    def __init__(self, graphs: Any) -> None:
        if getattr(graphs, "transform", None) is not None:
            raise TypeError(
                "graphs: the dataset has a transform, which runs at each access; give it as "
                "pre_transform, or pack [graph for graph in dataset] to run it once"
            )
        # by number: a dataset of torch's need not end when it is walked through
        counted = hasattr(graphs, "__len__")
        some = [graphs[i] for i in range(len(graphs))] if counted else list(graphs)
        if not some:
            raise ValueError("graphs: got none")
        for number, graph in enumerate(some):
            if not isinstance(graph, Data | HeteroData) or isinstance(graph, Batch):
                got = type(graph).__name__
                raise TypeError(f"graph {number}: got {got}, expected Data or HeteroData")
            if _names(graph) != _names(some[0]):
                raise ValueError(f"graph {number}: its attributes are not those of graph 0")
        self._size = len(some)
        self._blank = _blank_of(some[0])
        seen: dict[bytes, Tensor] = {}

        def shared(bounds: Tensor) -> Tensor:
            return seen.setdefault(bounds.numpy().tobytes(), bounds)

        stores = [graph.stores for graph in some]
        self._stores = {
            store._key: self._packed(some, [each[place] for each in stores], shared)
            for place, store in enumerate(stores[0])
        }

    @staticmethod
    def _packed(graphs: Sequence[Any], stores: Sequence[Any], shared: Shared) -> _Store:
        columns: dict[str, Column] = {}
        for name in stores[0].keys():  # noqa: SIM118
            values = [store[name] for store in stores]
            if name == "num_nodes":
                columns[name] = Listed(values)
            elif name != "ptr":  # a batch has its own
                columns[name] = column_of(name, values, graphs, stores, shared)
        counted = [isinstance(each, NodeStorage) and each.can_infer_num_nodes for each in stores]
        nodes = [
            store.num_nodes or 0 if known else 0
            for store, known in zip(stores, counted, strict=True)
        ]
        return _Store(columns, counted, torch.tensor(nodes, device="cpu"))

    def save(self, path: str | Path) -> None:
        """Write the dataset to a file, which :meth:`load` reads.

        Raises:
            TypeError: If the graphs are of a class of their own, or an attribute holds what is
                neither a tensor nor a plain value.
        """
        kinds = [kind for kind in _KINDS if type(self._blank) is type(Batch(_base_cls=kind))]
        if not kinds:
            got = type(self._blank).__name__
            raise TypeError(f"save: got batches of {got}, those of Data and HeteroData are written")
        stores = [
            (
                key,
                {name: written(name, c) for name, c in store.columns.items()},
                store.counted,
                store.nodes,
            )
            for key, store in self._stores.items()
        ]
        with replacing(Path(path)) as temporary:
            torch.save((_FORMAT, kinds[0].__name__, self._size, stores), temporary)

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True) -> Self:
        """Read what :meth:`save` wrote.

        Args:
            path: The file.
            mmap: Leave the arrays on the disk, from where a batch takes what it needs; memory is
                then bounded by what the system keeps of the file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it holds something else, or not all of it.
        """
        try:
            mark, kind, size, stores = torch.load(path, mmap=mmap, weights_only=True)
            if mark != _FORMAT:
                raise ValueError(mark)
            example: Any = next(each for each in _KINDS if each.__name__ == kind)()
            found = cls.__new__(cls)
            found._size, found._stores = size, {}
            for key, columns, counted, nodes in stores:
                if key is not None:
                    _ = example[key]  # made by being asked for
                held = {name: read(*column) for name, column in columns.items()}
                found._stores[key] = _Store(held, counted, nodes)
            found._blank = _blank_of(example)
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"{path}: no packed dataset, or not all of one") from error
        return found

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, number: int) -> Any:
        """Return one of the graphs, as a batch of it gives it back."""
        return self.batch([number]).get_example(0)

    def __getitems__(self, numbers: list[int]) -> list[int]:
        """Leave it to the loader to gather all that it asks for at once."""
        return numbers

    def batch(
        self,
        numbers: Sequence[int] | Tensor,
        *,
        follow_batch: Iterable[str] | None = None,
        exclude_keys: Iterable[str] | None = None,
    ) -> Batch:
        """Return some of the graphs as one.

        Args:
            numbers: Which, from 0; in any order, and more than once.
            follow_batch: Attributes that get a vector of graphs and offsets of their own.
            exclude_keys: Attributes to leave out.

        Raises:
            IndexError: If there is no such graph.
            ValueError: If there are no numbers.
        """
        graphs = torch.as_tensor(numbers, dtype=torch.int64, device="cpu")
        if not graphs.numel():
            raise ValueError("numbers: got none; a batch has at least one graph")
        low, high = _ends(numbers)
        if low < -self._size or high >= self._size:
            raise IndexError(f"numbers: got {low} to {high}, there are {self._size} graphs")
        if low < 0:
            graphs = torch.where(graphs < 0, graphs + self._size, graphs)
        return self.gathered(graphs, set(follow_batch or ()), set(exclude_keys or ()))

    def gathered(self, graphs: Tensor, followed: set[str], excluded: set[str]) -> Batch:
        """Return :meth:`batch` of numbers that are known to be those of graphs, ``[B]``, int64."""
        batch = copy.copy(self._blank)
        slices: dict[Any, Any] = {}
        steps: dict[Any, Any] = {}
        stores = batch.stores
        for out in stores:
            own = slices, steps
            if out._key is not None:  # one without attributes, too, for who takes the batch apart
                own = slices[out._key], steps[out._key] = {}, {}
            _join(out, self._stores[out._key], graphs, followed, excluded, *own)
        # where PyG's way leads, over three properties that are asked first
        stores[0].__dict__.update(_num_graphs=len(graphs), _slice_dict=slices, _inc_dict=steps)
        return batch

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._size})"


def _join(
    out: Any,
    store: _Store,
    graphs: Tensor,
    followed: set[str],
    excluded: set[str],
    slices: dict[str, Any],
    steps: dict[str, Any],
) -> None:
    """Fill the store of a batch, its slices and its increments."""
    found, of_nodes = store.gather(graphs, excluded)
    made: dict[str, Any] = {}
    for name, (value, own, step) in found.items():
        if name == "num_nodes":
            out._num_nodes, made[name] = value, sum(value)
            continue
        made[name], slices[name], steps[name] = value, own, step
        if name in followed:
            made[f"{name}_batch"], made[f"{name}_ptr"] = _followed(own)
    if of_nodes:
        made["batch"], made["ptr"] = of_nodes
    out._mapping.update(made)  # the store is new: PyG's way looks for what was remembered of it


def _ends(numbers: Sequence[int] | Tensor) -> tuple[int, int]:
    """The least and the largest; of a short list Python finds them sooner than PyTorch."""
    if isinstance(numbers, list):
        return min(numbers), max(numbers)
    low, high = torch.as_tensor(numbers, dtype=torch.int64, device="cpu").aminmax()
    return int(low), int(high)


def _blank_of(graph: Any) -> Any:
    """A batch without attributes. Made once: PyG looks the signature of the class up each time."""
    blank: Any = Batch(_base_cls=type(graph))
    return blank.stores_as(graph)


def _names(graph: Any) -> list[tuple[Any, set[str]]]:
    return [(store._key, set(store.keys())) for store in graph.stores]


def _followed(slices: Any) -> tuple[Any, Any]:
    """Vector of graphs and offsets of a followed attribute, in the form that its slices have."""
    if isinstance(slices, Mapping):
        found = {name: _followed(part) for name, part in slices.items()}
        return {k: v for k, (v, _) in found.items()}, {k: p for k, (_, p) in found.items()}
    if isinstance(slices, list):
        parts = [_followed(part) for part in slices]
        return [v for v, _ in parts], [p for _, p in parts]
    return _numbered(slices.diff())


def _numbered(counts: Tensor) -> tuple[Tensor, Tensor]:
    return torch.repeat_interleave(counts), cumsum(counts)
