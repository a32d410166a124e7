"""Many graphs as one: what the analyses read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data, InMemoryDataset

from graphpoly.devices import on_cpu
from graphpoly.ops import CSR, to_csr
from graphpoly.ops.stamp import stamp

__all__ = ["GraphSet"]


@dataclass(frozen=True)
class GraphSet:
    """Graphs one after another, as one graph without edges between them.

    Attributes:
        edge_index: ``[2, E]``, numbered through all graphs.
        ptr: ``[G + 1]``: graph g has the nodes ``ptr[g]`` to ``ptr[g + 1]``.
        x: Labels or features of nodes, ``[N]`` or ``[N, F]``, or None.
        edge_attr: Labels or features of edges, ``[E]`` or ``[E, F]``, or None.
        y: Targets as the data has them, or None.
    """

    edge_index: Tensor
    ptr: Tensor
    x: Tensor | None = None
    edge_attr: Tensor | None = None
    y: Tensor | None = None

    @classmethod
    @on_cpu()
    def of(cls, graphs: Any, *, features: bool = True, edge_features: bool = True) -> GraphSet:
        """Gather a ``Data``, a ``Batch``, an in-memory dataset or any iterable of ``Data``.

        Args:
            graphs: What is gathered.
            features: Whether to take ``x``.
            edge_features: Whether to take ``edge_attr``.

        Raises:
            TypeError: If ``graphs`` is none of these, or features are no tensors.
            ValueError: If only some of the graphs have features that are to be taken, if those do
                not fit each other or their graph, or if an edge leaves its graph.

        >>> import torch
        >>> one = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> GraphSet.of([one, one]).edge_index.tolist()
        [[0, 1, 2, 3], [1, 0, 3, 2]]
        """
        seen = {"features": features, "edge_features": edge_features}
        if isinstance(graphs, GraphSet):
            return graphs.strip(**seen)
        if isinstance(graphs, Batch):
            attributes = {key: graphs.get(key) for key in ("x", "edge_attr", "y")}
            return _checked(cls(graphs.edge_index, graphs.ptr, **attributes)).strip(**seen)
        if isinstance(graphs, Data):
            graphs = [graphs]
        if isinstance(graphs, InMemoryDataset) and graphs.transform is None:
            whole = _of_slices(graphs)
            if whole is not None:
                return _checked(whole).strip(**seen)
        if not isinstance(graphs, Iterable):
            raise TypeError(
                f"graphs: got {type(graphs).__name__}; Data, Batch, a dataset or an iterable of "
                "Data is accepted"
            )
        return _checked(_of_list(list(graphs), **seen))

    @property
    def num_graphs(self) -> int:
        """Number of graphs G."""
        return self.ptr.numel() - 1

    @property
    def num_nodes(self) -> int:
        """Number of nodes of all graphs N."""
        return int(self.ptr[-1])

    @property
    def sizes(self) -> Tensor:
        """Number of nodes of each graph, ``[G]``."""
        return self.ptr.diff()

    @property
    def batch(self) -> Tensor:
        """Graph of each node, ``[N]``."""
        return torch.repeat_interleave(self.sizes)

    @property
    def adj(self) -> CSR:
        """The operator of aggregation of all graphs."""
        return to_csr(self.edge_index, num_nodes=self.num_nodes)

    def strip(self, *, features: bool = False, edge_features: bool = False) -> GraphSet:
        """Return the graphs without what is not asked for."""
        return replace(
            self,
            x=self.x if features else None,
            edge_attr=self.edge_attr if edge_features else None,
        )

    @on_cpu()
    def select(self, index: Tensor) -> GraphSet:
        """Return some of the graphs, in the order of ``index``."""
        sizes = self.sizes[index]
        ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        # where each chosen graph went; -1 for those that did not come along
        place = torch.full((self.num_graphs,), -1)
        place[index] = torch.arange(index.numel())
        offset = ptr[:-1] - self.ptr[index]
        edge_graph = place[self.batch[self.edge_index[0]]]
        keep = (edge_graph >= 0).nonzero().flatten()
        keep = keep[edge_graph[keep].argsort(stable=True)]
        nodes = _ranges(self.ptr[index], sizes)
        return GraphSet(
            edge_index=self.edge_index[:, keep] + offset[edge_graph[keep]],
            ptr=ptr,
            x=None if self.x is None else self.x[nodes],
            edge_attr=None if self.edge_attr is None else self.edge_attr[keep],
            y=None if self.y is None or self.y.size(0) != self.num_graphs else self.y[index],
        )

    @property
    def _edge_ptr(self) -> Tensor | None:
        """Where each graph's edges begin, if they stand graph by graph."""
        state = stamp(self.edge_index, self.ptr)
        held = self.__dict__.get("_held_edge_ptr")
        if held is None or held[0] != state:
            held = self.__dict__["_held_edge_ptr"] = (state, self._find_edge_ptr())
        return held[1]

    def _find_edge_ptr(self) -> Tensor | None:
        owner = self.batch[self.edge_index[0]]
        if bool((owner.diff() < 0).any()):
            return None
        count = torch.bincount(owner, minlength=self.num_graphs)
        return torch.cat([count.new_zeros(1), count.cumsum(0)])

    @on_cpu()
    def graph(self, index: int) -> Data:
        """Return one graph."""
        if self._edge_ptr is None:
            one = self.select(torch.tensor([index]))
            return one.graph(0)
        begin, end = self.ptr[index : index + 2].tolist()
        edges = slice(*self._edge_ptr[index : index + 2].tolist())
        return Data(
            x=None if self.x is None else self.x[begin:end],
            edge_index=self.edge_index[:, edges] - begin,
            edge_attr=None if self.edge_attr is None else self.edge_attr[edges],
            num_nodes=end - begin,
        )


def _ranges(start: Tensor, length: Tensor) -> Tensor:
    """The numbers of all ranges, one after another."""
    ends = length.cumsum(0)
    shift = torch.repeat_interleave(start - (ends - length), length)
    return torch.arange(int(ends[-1]) if ends.numel() else 0) + shift


def _of_list(graphs: list[Data], *, features: bool, edge_features: bool) -> GraphSet:
    for number, data in enumerate(graphs):
        if not isinstance(data, Data) or data.edge_index is None:
            raise TypeError(
                f"graphs[{number}]: got {type(data).__name__}, expected Data with edge_index"
            )
    sizes = torch.tensor([int(data.num_nodes or 0) for data in graphs], dtype=torch.int64)
    ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    counts = [data.edge_index.size(1) for data in graphs]
    edges = [data.edge_index + ptr[g] for g, data in enumerate(graphs)]
    edge_index = torch.cat(edges, 1) if edges else torch.empty(2, 0, dtype=torch.int64)
    owner = torch.repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    _check_range(edge_index, ptr, owner)
    x = _gathered(graphs, "x", sizes.tolist()) if features else None
    edge_attr = _gathered(graphs, "edge_attr", counts) if edge_features else None
    return GraphSet(edge_index, ptr, x, edge_attr, _targets(graphs))


def _gathered(graphs: list[Data], key: str, counts: list[int]) -> Tensor | None:
    """What all graphs have, where there is anything that could have it."""
    values: list[Tensor] = []
    without = None
    for number, (data, count) in enumerate(zip(graphs, counts, strict=True)):
        value = data.get(key)
        if value is None:
            without = number if without is None and count else without
            continue
        if not isinstance(value, Tensor):
            raise TypeError(
                f"graphs[{number}].{key}: got {type(value).__name__}, expected a tensor"
            )
        if value.dim() == 0 or value.size(0) != count:
            got = "a scalar" if value.dim() == 0 else f"{value.size(0)} rows"
            what = "nodes" if key == "x" else "edges"
            raise ValueError(f"graphs[{number}].{key}: got {got} for {count} {what}")
        if count or not values:
            values.append(value)
        if values[0].size(0) == 0:
            values = [value]
        if value.shape[1:] != values[0].shape[1:] and count:
            shapes = f"{list(values[0].shape[1:])} and {list(value.shape[1:])}"
            raise ValueError(f"graphs[{number}].{key}: got rows of shapes {shapes}, expected one")
    if not values:
        return None
    if without is not None:
        option = "features" if key == "x" else "edge_features"
        raise ValueError(
            f"{option}: graphs[{without}] has no {key} and another has; {option}=False, or "
            "--structure-only, ignores it"
        )
    return torch.cat(_of_one_dtype(values, key))


def _of_one_dtype(values: list[Tensor], key: str) -> list[Tensor]:
    """Integers beside other graphs' floating-point numbers become those exactly, 1 being 1.0."""
    floating = [value.is_floating_point() for value in values]
    if all(floating) or not any(floating):
        return values
    for value in values:
        if not value.is_floating_point() and not torch.equal(value.double().to(value.dtype), value):
            raise ValueError(f"{key}: integers beyond 2**53 beside floating-point numbers")
    return [value.double() for value in values]


def _targets(graphs: list[Data]) -> Tensor | None:
    values = [data.get("y") for data in graphs]
    values = [torch.tensor(y) if isinstance(y, int | float) else y for y in values]
    if not values or any(not isinstance(value, Tensor) for value in values):
        return None
    return torch.cat([value.reshape(1) if value.dim() == 0 else value for value in values])


def _checked(whole: GraphSet) -> GraphSet:
    """As it came from a list, a batch or a dataset: what fits one graph must fit them all."""
    for key, rows in (("x", whole.num_nodes), ("edge_attr", whole.edge_index.size(1))):
        value = getattr(whole, key)
        if value is not None and (value.dim() == 0 or value.size(0) != rows):
            raise ValueError(f"graphs: {key} has shape {list(value.shape)}, expected {rows} rows")
    return whole


def _check_range(edge_index: Tensor, ptr: Tensor, owner: Tensor) -> None:
    outside = (edge_index < ptr[owner]) | (edge_index >= ptr[owner + 1])
    if bool(outside.any()):
        number = int(owner[outside.any(0)][0])
        size = int(ptr[number + 1] - ptr[number])
        raise ValueError(
            f"graphs[{number}].edge_index: an edge leaves the graph; nodes from 0 to {size - 1} "
            "are accepted"
        )


def _of_slices(dataset: InMemoryDataset) -> GraphSet | None:
    """A whole in-memory dataset, without taking it apart and putting it together again."""
    slices, data = dataset.slices, dataset._data
    if slices is None or dataset._indices is not None or "edge_index" not in slices:
        return None
    if "x" in slices and isinstance(data.x, Tensor):
        ptr = slices["x"]
    elif isinstance(data.get("num_nodes"), list):
        sizes = torch.tensor(data.num_nodes)
        ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    else:
        return None
    begin = slices["edge_index"]
    owner = torch.repeat_interleave(begin.diff())
    shift = ptr[owner]
    attributes = {
        key: data.get(key) if isinstance(data.get(key), Tensor) else None
        for key in ("x", "edge_attr", "y")
    }
    edge_index = data.edge_index + shift
    _check_range(edge_index, ptr, owner)
    return GraphSet(edge_index, ptr, **attributes)
