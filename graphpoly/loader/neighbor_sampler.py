"""PyG's neighbour sampling on our own operators: nothing but torch is needed."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric import sampler as pyg
from torch_geometric.data.graph_store import EdgeLayout
from torch_geometric.sampler import HeteroSamplerOutput, SamplerOutput
from torch_geometric.sampler.base import DataType, SubgraphType
from torch_geometric.sampler.neighbor_sampler import edge_sample
from torch_geometric.sampler.utils import reverse_edge_type

from graphpoly.loader.as_tensors import with_tensors
from graphpoly.loader.store_types import order_types
from graphpoly.ops import (
    NumberedKeys,
    mix64,
    number_keys,
    sample_neighbors,
    take_and_number,
    take_numbers,
)

__all__ = ["NeighborSampler", "check_edges"]

_SMALL = 2.0**-64  # so that the sum of as many float64 as there are in memory is finite


def check_edges(data: Any, *, is_sorted: bool = False, backward: bool = False) -> None:
    """Refuse edges in a form that PyG does not take apart, and those that leave the graph.

    Args:
        data: A graph, or a pair of stores.
        is_sorted: Whether they are said to be sorted.
        backward: By their sources, not by their targets.

    Raises:
        TypeError: If they are in a ``torch.sparse`` tensor, or in no tensor.
        ValueError: If they leave the graph, or are not sorted where they are said to be.
    """
    for store in getattr(data, "edge_stores", ()):
        if isinstance(store.get("adj_t"), Tensor):
            raise TypeError(
                "adj_t: got a torch.sparse tensor, edge_index and torch-sparse's SparseTensor are "
                "accepted"
            )
    for edge_index, sizes, order in _edges_of(data, is_sorted, int(not backward)):
        if order is not None:
            end = edge_index[order].as_subclass(Tensor)
            if bool((end[1:] < end[:-1]).any()):
                name = ("sources", "targets")[order]
                raise ValueError(f"is_sorted: the edges are not in the order of their {name}")
        for ends, size in zip(edge_index, sizes, strict=True):
            if size is None or not ends.numel():
                continue
            least, most = (int(bound) for bound in ends.as_subclass(Tensor).aminmax())
            if least < 0 or most >= size:
                raise ValueError(f"edge_index: got nodes {least} to {most}, there are {size}")


def _check_weight(data: Any, name: str | None) -> None:
    """Refuse an attribute that no edges have, or that is not a number for each."""
    stores = getattr(data, "edge_stores", ())
    if name is None or not stores:
        return
    if not any(name in store for store in stores):
        held = {key for store in stores for key in store if store.is_edge_attr(key)}
        names = ", ".join(sorted(held - {"edge_index", "adj_t"})) or "no attributes"
        raise ValueError(f"weight_attr: got {name!r}, the edges have {names}")
    for store in stores:
        value = store.get(name)
        if value is not None and tuple(getattr(value, "shape", ())) != (store.num_edges,):
            kind = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"weight_attr: {name} is {kind}, expected [{store.num_edges}]")


def _check_numbers(data: Any, read: dict[str, str | None]) -> None:
    """Refuse weights and times that are no tensors."""
    for argument, name in read.items():
        for store in getattr(data, "stores", ()) if name is not None else ():
            value = store.get(name)
            if value is not None and not isinstance(value, Tensor):
                got = type(value).__name__
                raise TypeError(f"{argument}: {name} is {got}, expected a tensor of numbers")


def _edges_of(data: Any, is_sorted: bool, end: int) -> Iterator[tuple[Any, Any, int | None]]:
    """Both ends of the edges of each type, how many nodes there are, and which end is sorted."""
    if isinstance(data, tuple | list):  # of a feature store and a graph store
        for attr in data[1].get_all_edge_attrs():
            if attr.layout == EdgeLayout.COO and attr.size is not None:
                yield data[1].get_edge_index(attr), attr.size, 1 if attr.is_sorted else None
        return
    for store in getattr(data, "edge_stores", ()):
        if (edges := store.get("edge_index")) is not None:
            if not isinstance(edges, Tensor):
                raise TypeError(f"edge_index: got {type(edges).__name__}, expected a tensor")
            yield store.edge_index, store.size(), end if is_sorted else None


class NeighborSampler(pyg.NeighborSampler):
    """Sample neighbours hop by hop, for PyG's ``NodeLoader`` and ``LinkLoader``.

    What PyG's own sampler asks of pyg-lib or torch-sparse is done by :mod:`graphpoly.ops`. The
    arguments are PyG's, and so are the fields of what comes out: nodes in the order in which they
    are reached, seeds first; edges hop by hop and type by type, ``num_sampled_nodes`` and
    ``num_sampled_edges`` with them. All combinations work: weights, times, replacement, disjoint
    and induced subgraphs, homogeneous and heterogeneous graphs.

    Draws follow torch's generator, as a loader seeds it, and do not depend on the number of
    threads. Without replacement the edges of a node stand in the order in which PyG has sorted
    them, not a stable one. An edge whose weight is 0 is not drawn unless all are asked for. A seed
    that stands there twice is a node twice, each with neighbours of its own. In disjoint subgraphs
    both ends of a pair have one number in ``batch``, for any ``amount`` of negatives: PyG gives
    them two unless it is a whole number.

    Args:
        *args: As of :class:`torch_geometric.sampler.NeighborSampler`: ``data``, ``num_neighbors``.
        **kwargs: Its keyword arguments: ``subgraph_type``, ``replace``, ``disjoint``,
            ``temporal_strategy``, ``time_attr``, ``weight_attr``, ``is_sorted``, ``share_memory``,
            ``sample_direction``.

    Raises:
        TypeError: If the graph is a ``torch.sparse`` tensor, which PyG does not take apart, or
            no tensor at all, ``num_neighbors`` no list, or weights or times are no numbers.
        ValueError: If edges leave the graph, if weights are absent, negative or not finite, or not
            one for each edge, if a time is NaN, if ``temporal_strategy`` is unknown, if
            ``is_sorted`` is claimed of edges or times that are not in order, or if stores do not
            tell how many nodes of a type there are.

    Complexity: O(nodes + edges of the sample), once more for each hop.

    >>> from torch_geometric.data import Data
    >>> path = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]), num_nodes=4)
    >>> sampler = NeighborSampler(path, [1, 1])
    >>> out = sampler.sample_from_nodes(pyg.NodeSamplerInput(None, torch.tensor([3])))
    >>> out.node.tolist(), out.row.tolist(), out.col.tolist(), out.num_sampled_nodes
    ([3, 2, 1], [1, 2], [0, 1], [1, 1, 1])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(super().__init__).bind(*args, **kwargs)
        given = bound.arguments
        read = {name: given.get(name) for name in ("weight_attr", "time_attr")}
        given["data"] = with_tensors(given["data"], *read.values())
        check_edges(
            given["data"],
            is_sorted=given.get("is_sorted", False),
            backward=given.get("sample_direction") == "backward",
        )
        _check_weight(given["data"], read["weight_attr"])
        _check_numbers(given["data"], read)
        with _nothing_asked_for():
            super().__init__(*bound.args, **bound.kwargs)
        _keep_freed_memory()
        if self.temporal_strategy not in ("uniform", "last"):
            raise ValueError(
                f"temporal_strategy: got {self.temporal_strategy!r}, expected 'uniform' or 'last'"
            )
        if self.data_type == DataType.remote and self.is_hetero:
            order_types(self, *given["data"])
        self._relations, self._moments = _relations_of(self)

    @property
    def num_neighbors(self) -> pyg.NumNeighbors:
        """Neighbours of each hop, by the types that the edges have in the graph."""
        return self._num_neighbors

    @num_neighbors.setter
    def num_neighbors(self, given: Any) -> None:
        if isinstance(given, list | tuple | dict):
            given = pyg.NumNeighbors(given)
        if not isinstance(given, pyg.NumNeighbors):
            got = type(given).__name__
            raise TypeError(f"num_neighbors: got {got}, expected a list with a number for each hop")
        self._num_neighbors = given

    def sample_from_edges(
        self, inputs: pyg.EdgeSamplerInput, neg_sampling: pyg.NegativeSampling | None = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        """Sample around both ends of edges, and of the pairs that are drawn as negatives."""
        pairs = inputs.row.numel()
        if neg_sampling is not None and neg_sampling.is_binary():
            pairs += math.ceil(pairs * neg_sampling.amount)
        sample = functools.partial(self._sample, pairs=pairs)
        out = edge_sample(
            *(inputs, sample, self.num_nodes, self.disjoint, self.node_time, neg_sampling)
        )
        if self.subgraph_type == SubgraphType.bidirectional:
            out = out.to_bidirectional(keep_orig_edges=self.keep_orig_edges)
        return out

    def _sample(
        self, seed: Any, seed_time: Any = None, pairs: int | None = None, **kwargs: Any
    ) -> SamplerOutput | HeteroSamplerOutput:
        seeds = seed if isinstance(seed, dict) else {None: seed}
        times = seed_time if isinstance(seed_time, dict | None) else {None: seed_time}
        growth = _Growth(self, seeds, times)
        growth.grow()
        if self.subgraph_type == SubgraphType.induced:
            growth.induce()
        found = growth.results(backward=self.sample_direction == "backward")
        if pairs and self.disjoint:  # PyG's remainder alone parts the ends where negatives are few
            found["batch"] = {kind: batch % pairs for kind, batch in found["batch"].items()}
        if isinstance(seed, dict):
            if self.sample_direction == "backward":
                for name in ("row", "col", "edge", "num_sampled_edges"):
                    held = found[name]
                    if held is not None:
                        found[name] = {self.to_restored_edge_type[k]: v for k, v in held.items()}
            return HeteroSamplerOutput(**found)
        alone = {k: None if v is None else next(iter(v.values())) for k, v in found.items()}
        return SamplerOutput(**alone)


class _Relation(NamedTuple):
    """The edges of one type, in compressed columns.

    Attributes:
        name: The type, None where there is one alone.
        source: Type of the nodes that are sampled.
        target: Type of the nodes whose neighbours they are.
        colptr: ``[N+1]``.
        row: ``[E]``.
        weight: ``[E]``, float64, or None.
        time: Rank of the time of each edge, ``[E]``, or None.
    """

    name: Any
    source: Any
    target: Any
    colptr: Tensor
    row: Tensor
    weight: Tensor | None
    time: Tensor | None


class _Growth:
    """A sample on its way: the nodes of each type so far, and the edges."""

    def __init__(
        self, sampler: NeighborSampler, seeds: dict[Any, Tensor], times: dict[Any, Any] | None
    ) -> None:
        self.sampler = sampler
        homogeneous = None in seeds
        self.sizes = {None: sampler.num_nodes} if homogeneous else sampler.num_nodes
        empty = torch.empty(0, dtype=torch.int64, device="cpu")
        self.node: dict[Any, Tensor] = dict.fromkeys(self.sizes, empty)
        self.batch: dict[Any, Tensor] = dict.fromkeys(self.sizes, empty)
        self.num_nodes: dict[Any, list[int]] = {kind: [0] for kind in self.sizes}
        self.edges: dict[Any, list[tuple[Tensor, Tensor, Tensor]]]
        self.edges = {relation.name: [] for relation in sampler._relations}
        self.num_edges: dict[Any, list[int]] = {name: [] for name in self.edges}
        until, count = [], 0
        for kind, node in seeds.items():
            self.node[kind] = node = node.to(torch.int64)
            self.batch[kind] = torch.arange(count, count + node.numel(), device="cpu")
            self.num_nodes[kind] = [node.numel()]
            count += node.numel()
            if sampler.is_temporal:
                until.append(self._until(kind, node, times))
        self.until = torch.cat(until) if until else None

    def _until(self, kind: Any, node: Tensor, times: dict[Any, Any] | None) -> Tensor:
        given = None if times is None else times.get(kind)
        if given is None:
            held = self.sampler.node_time
            held = held.get(kind) if isinstance(held, dict) else held
            if held is None:
                raise ValueError("input_time: got None; the seeds have no time of their own")
            given = held[node]
        moments, given = self.sampler._moments, _clock("input_time", given)
        if given.is_floating_point() and not moments.is_floating_point():
            given = given.floor().clamp(-(2.0**63), 2.0**63 - 1024).to(torch.int64)
        return torch.searchsorted(moments, given.to(moments.dtype), right=True) - 1

    def grow(self) -> None:
        """Go hop by hop; within one, type by type."""
        counts = self.sampler.num_neighbors
        if None in self.sizes:
            wanted = {None: counts.get_mapped_values()}
        else:
            backward = self.sampler.sample_direction == "backward"
            named = {k: reverse_edge_type(k) if backward else k for k in self.edges}
            mapped = counts.get_mapped_values([*named.values()])
            wanted = {k: mapped["__".join(name)] for k, name in named.items()}
        steps = torch.arange(counts.num_hops, device="cpu").unsqueeze(1)
        places = torch.arange(len(self.sampler._relations), device="cpu")
        seeds = mix64(torch.randint(2**62, (), device="cpu") + 1009 * steps + places).tolist()
        begin = dict.fromkeys(self.sizes, 0)
        for hop in range(counts.num_hops):
            end = {kind: node.numel() for kind, node in self.node.items()}
            for relation, seed in zip(self.sampler._relations, seeds[hop], strict=True):
                part = slice(begin[relation.target], end[relation.target])
                self._step(relation, part, wanted[relation.name][hop], seed)
            begin = end
            for kind, node in self.node.items():
                self.num_nodes[kind].append(node.numel() - end[kind])

    def _step(self, relation: _Relation, part: slice, count: int, seed: int) -> None:
        entry, owner = self._drawn(relation, part, count, seed)
        kind = relation.source
        if not self.sampler.disjoint:
            taken = take_and_number(self.node[kind], relation.row, entry, self.sizes[kind])
            number, self.node[kind] = taken
        else:
            source = take_numbers(relation.row, entry)
            number, first = self._numbered(relation, source, owner)
            self.node[kind] = torch.cat([self.node[kind], take_numbers(source, first)])
            batch = self.batch[relation.target][owner[first]]
            self.batch[kind] = torch.cat([self.batch[kind], batch])
        self.edges[relation.name].append((number, owner, entry))
        self.num_edges[relation.name].append(entry.numel())

    def _drawn(
        self, relation: _Relation, part: slice, count: int, seed: int
    ) -> tuple[Tensor, Tensor]:
        """Entries of the relation, and the number of the node that each was drawn for."""
        frontier, until = self.node[relation.target][part], None
        if relation.time is not None:
            assert self.until is not None
            until = self.until[self.batch[relation.target][part]]
        entry, _, owner = sample_neighbors(
            relation.colptr,
            frontier,
            count,
            num_entries=relation.row.numel(),
            replace=self.sampler.replace,
            weight=relation.weight,
            time=relation.time,
            until=until,
            last=self.sampler.is_temporal and self.sampler.temporal_strategy == "last",
            seed=seed,
        )
        return entry, owner.add_(part.start) if part.start else owner

    def _numbered(self, relation: _Relation, source: Tensor, owner: Tensor) -> NumberedKeys:
        """Number sources by the nodes so far; of disjoint subgraphs, each in its own."""
        known, kind = self.node[relation.source], relation.source
        if self.sampler.disjoint:
            known = known + self.batch[kind] * self.sizes[kind]
            source = source + self.batch[relation.target][owner] * self.sizes[kind]
        return number_keys(known, source)

    def induce(self) -> None:
        """Take all edges between the nodes of the sample instead of those that led to them."""
        for relation in self.sampler._relations:
            everything = slice(0, self.node[relation.target].numel())
            entry, owner = self._drawn(relation, everything, -1, 0)
            number, _ = self._numbered(relation, take_numbers(relation.row, entry), owner)
            inside = (number < self.node[relation.source].numel()).nonzero().view(-1)
            number, owner, entry = (take_numbers(each, inside) for each in (number, owner, entry))
            self.edges[relation.name] = [(number, owner, entry)]

    def results(self, *, backward: bool) -> dict[str, Any]:
        """What PyG's outputs hold, each by type."""
        parts: dict[Any, list[Tensor]] = {}
        for relation in self.sampler._relations:
            steps = self.edges[relation.name] or [(relation.row[:0],) * 3]
            parts[relation.name] = [torch.cat(each) for each in zip(*steps, strict=True)]
        row, col, edge = ({name: each[i] for name, each in parts.items()} for i in range(3))
        counted = self.sampler.subgraph_type != SubgraphType.induced
        return {
            "node": self.node,
            "row": col if backward else row,
            "col": row if backward else col,
            "edge": edge,
            "batch": self.batch if self.sampler.disjoint else None,
            "num_sampled_nodes": self.num_nodes if counted else None,
            "num_sampled_edges": self.num_edges if counted else None,
        }


def _relations_of(sampler: Any) -> tuple[list[_Relation], Tensor]:
    """The relations of a sampler of PyG's, and all moments in order."""
    if not sampler.is_hetero:
        kinds: list[Any] = [None]
        columns = {None: (sampler.colptr, sampler.row)}
        weights, node_time = {None: sampler.edge_weight}, {None: sampler.node_time}
        edge_time = {None: sampler.edge_time}
    else:
        kinds = list(sampler.edge_types)
        key = sampler.to_rel_type
        columns = {k: (sampler.colptr_dict[key[k]], sampler.row_dict[key[k]]) for k in kinds}
        weights = {k: (sampler.edge_weight or {}).get(key[k]) for k in kinds}
        edge_time = {k: (sampler.edge_time or {}).get(key[k]) for k in kinds}
        node_time = sampler.node_time or {}
    times = {}
    for kind in kinds:
        source = None if kind is None else kind[0]
        of_nodes = node_time.get(source)
        times[kind] = edge_time[kind] if of_nodes is None else of_nodes[columns[kind][1].long()]
    held = [*times.values(), *node_time.values()]
    held = [_clock("time_attr", time) for time in held if time is not None]
    moments = torch.unique(torch.cat(held)) if held else torch.empty(0, device="cpu")
    relations = []
    for kind in kinds:
        source, target = (None, None) if kind is None else (kind[0], kind[-1])
        colptr, row = (part.to(torch.int64) for part in columns[kind])
        weight, time = weights[kind], times[kind]
        if weight is not None:
            weight = weight.to(torch.float64)
            if not bool(((weight >= 0) & weight.isfinite()).all()):
                raise ValueError("weight_attr: got negative weights, or some that are not finite")
            weight = weight if bool(weight.sum().isfinite()) else weight * _SMALL
        if time is not None:
            time = torch.searchsorted(moments, time.to(moments.dtype))
            _check_order(colptr, time)
        relations.append(_Relation(kind, source, target, colptr, row, weight, time))
    return relations, moments


def _clock(name: str, time: Tensor) -> Tensor:
    """Times in a type that holds those of all others of their kind."""
    if not time.is_floating_point():
        return time.to(torch.int64)
    if bool(time.isnan().any()):
        raise ValueError(f"{name}: got NaN, which is no time")
    return time.to(torch.float64)


def _check_order(colptr: Tensor, time: Tensor) -> None:
    falls = torch.zeros(time.numel() + 1, dtype=torch.bool, device="cpu")
    falls[1:-1] = time[1:] < time[:-1]
    falls[colptr] = False  # from one node to the next
    if bool(falls.any()):
        raise ValueError("is_sorted: the times of a node's neighbours are not in order")


def _keep_freed_memory() -> None:
    """Let glibc keep what a batch frees for the next one.

    It would return it, and fetch it again page by page, which takes as long as the sampling. Blocks
    up to the largest that it has seen freed are kept; 32 MB is as far as that goes.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8, device="cpu")  # freed at once


@contextmanager
def _nothing_asked_for() -> Iterator[None]:
    """Let PyG's constructor pass over the libraries that it finds absent: they are not called."""
    flags = torch_geometric.typing
    names = ("WITH_EDGE_TIME_NEIGHBOR_SAMPLE", "WITH_WEIGHTED_NEIGHBOR_SAMPLE")
    held = {name: getattr(flags, name) for name in names}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*without a 'pyg-lib'.*")
        try:
            for name in names:
                setattr(flags, name, True)
            yield
        finally:
            for name, value in held.items():
                setattr(flags, name, value)
