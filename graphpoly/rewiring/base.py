"""What every transform that rewires has in common."""

from __future__ import annotations

import copy
import difflib
import inspect
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import cumsum

from graphpoly.errors import unknown
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["Fill", "Rewiring"]

Fill: TypeAlias = float | Mapping[str, Any]

# What an added edge gets where the user does not say; an edge that weighs nothing is no edge.
_FILL = {"edge_weight": 1.0}
# How alike two names are, of which one is a slip of the pen: more than edge_attr and edge_weight.
_ALIKE = 0.8
# How many edges were added and removed.
_COUNTS = "rewired"
_NEVER_OF_EDGES = ("edge_index", "edge_type", "batch", "ptr", "y", _COUNTS)


class Rewiring(BaseTransform):
    """Base class of the transforms that add and remove edges of undirected graphs.

    A subclass says in :meth:`changes` which edges to add and remove; this class does the rest:

    * Nodes, and all that belongs to them, stay. What belongs to edges is kept in line with them;
      added edges get what ``fill`` says.
    * The edges that stay keep their order, loops and duplicates included, although a method sees
      the simple graph only. Added edges follow, both directions side by side. An edge that is
      removed is gone in both directions with all its duplicates.
    * A :class:`~torch_geometric.data.Batch` is rewired graph by graph: what comes out is the batch
      of what each graph would become by itself.
    * ``rewired [1, 2]`` says how many edges were added and removed, of each graph in a batch.

    Args:
        fill: What added edges get, by name of the attribute: a number, or one for each column of
            it. A number alone is for all attributes. Default: 1 for ``edge_weight``, else 0.
        typed: Store ``edge_type``, 0 for edges that were there and 1 for added ones. Types that the
            graph has already are kept; then ``fill`` has to say what added edges are.
        symmetrize: Take a directed graph and give each edge its reverse, with the attributes of the
            edge that it reverses; otherwise such a graph is refused.

    Raises:
        TypeError: On ``HeteroData`` and other things that are not ``Data``.
        ValueError: On ``adj_t``, on a directed graph, on types without a fill, and on a name in it
            that is nearly that of an attribute.
    """

    def __init__(
        self, *, fill: Fill | None = None, typed: bool = False, symmetrize: bool = False
    ) -> None:
        self.fill, self.typed, self.symmetrize = fill, typed, symmetrize

    @abstractmethod
    def changes(self, graphs: Graphs) -> Changes:
        """Decide what to do with each of the graphs, as if it were alone."""

    def forward(self, data: Any) -> Any:
        """Rewire a graph or a batch of them."""
        self._refuse(data)
        with torch.device("cpu"):
            return self._rewired(data)

    def _rewired(self, data: Any) -> Any:
        if self.symmetrize:
            _symmetrize(data)
        ptr = data.ptr if isinstance(data, Batch) else None
        graphs = Graphs.of(data.edge_index, int(data.num_nodes or 0), ptr)
        names = _attributes_of_edges(data)
        self._apply(data, graphs, self.changes(graphs), names)
        return data

    def apply(self, some: Sequence[Data], changes: Sequence[Changes]) -> list[Data]:
        """Return graphs after what :meth:`changes` decided for each of them.

        Edges of graphs whose edges hold the same are changed together; nothing else is copied.
        """
        results = [copy.copy(data) for data in some]
        with torch.device("cpu"):
            for data in results:
                self._refuse(data)
                if self.symmetrize:
                    _symmetrize(data)
            names = [_attributes_of_edges(data) for data in results]
            layouts = {_layout(data, own) for data, own in zip(results, names, strict=True)}
            parts = range(len(results))
            for part in [list(parts)] if len(layouts) == 1 else [[i] for i in parts]:
                members = [results[i] for i in part]
                self._apply_together(members, [changes[i] for i in part], names[part[0]])
        return results

    def _apply_together(
        self, some: Sequence[Data], changes: Sequence[Changes], names: list[str]
    ) -> None:
        ptr = cumsum(torch.tensor([int(data.num_nodes or 0) for data in some]))
        first = ptr.tolist()

        def joined(pairs: Sequence[Tensor]) -> Tensor:
            return torch.cat([p + shift for p, shift in zip(pairs, first, strict=False)], 1)

        kinds = [change.kind for change in changes if change.kind is not None]
        together = Changes(
            joined([change.added for change in changes]),
            joined([change.removed for change in changes]),
            torch.cat(kinds) if kinds else None,
        )
        held = [*names, "edge_type"] if some[0].get("edge_type") is not None else names
        whole = Data(
            edge_index=joined([data.edge_index for data in some]),
            num_nodes=first[-1],
            **{name: torch.cat([data[name] for data in some]) for name in held},
        )
        graphs = Graphs(torch.zeros(first[-1] + 1), torch.zeros(0), ptr)
        self._apply(whole, graphs, together, names)
        owner = torch.repeat_interleave(ptr.diff())[whole.edge_index[0].cpu()]
        counts = torch.bincount(owner, minlength=len(some)).tolist()
        whole.edge_index = whole.edge_index - ptr[owner].to(whole.edge_index.device)
        for name, values in whole.to_dict().items():
            if name != "num_nodes":
                sizes = 1 if name == _COUNTS else counts
                each = values.split(sizes, dim=1 if name == "edge_index" else 0)
                for data, value in zip(some, each, strict=True):
                    data[name] = value

    def _refuse(self, data: Any) -> None:
        name = type(self).__name__
        if not isinstance(data, Data):
            raise TypeError(
                f"{name}: got {type(data).__name__}; Data of one node type and Batch are accepted"
            )
        if data.get("edge_index") is None:
            held = "adj_t" if data.get("adj_t") is not None else "no edges"
            raise ValueError(f"{name}: got {held}; edge_index is accepted (ToSparseTensor after)")

    def _apply(self, data: Data, graphs: Graphs, changes: Changes, names: list[str]) -> None:
        device, before = data.edge_index.device, data.edge_index
        self._check_fill(names)
        kind = self._types(data, changes)
        keep = _stay(before.cpu(), changes.removed, graphs.num_nodes)
        added = torch.stack([changes.added, changes.added.flip(0)], 2).flatten(1)
        edge_index = torch.cat([before.cpu()[:, keep], added], 1)
        owner = torch.repeat_interleave(graphs.ptr.diff())
        order = None
        if graphs.num_graphs > 1:  # graph by graph, as a batch has them
            order = torch.argsort(owner[edge_index[0]], stable=True)
        place = None if order is None else order.to(device)
        keep, count = keep.to(device), added.size(1)

        def joined(value: Tensor, new: Tensor) -> Tensor:
            value = torch.cat([value, new])
            return value if place is None else value[place]

        data.edge_index = (edge_index if order is None else edge_index[:, order]).to(device)
        for name in names:
            value = data[name]
            data[name] = joined(value[keep], self._filled(name, value, count))
        if kind is not None:
            old = data.get("edge_type")
            if old is None:
                old = torch.zeros(keep.size(0), dtype=torch.int64, device=device)
            data.edge_type = joined(old[keep], kind.to(old).repeat_interleave(2))
        counts = [
            torch.bincount(owner[pairs[0]], minlength=graphs.num_graphs) for pairs in changes[:2]
        ]
        data[_COUNTS] = torch.stack(counts, 1).to(device)
        if isinstance(data, Batch):
            self._remember_slices(data, graphs, [*names, "edge_index"], kind is not None)

    def _types(self, data: Data, changes: Changes) -> Tensor | None:
        """The type of each added edge, or None where there are no types."""
        kind = changes.kind
        if kind is None:
            kind = torch.ones(changes.added.size(1), dtype=torch.int64)
        if data.get("edge_type") is None:
            return kind if self.typed else None
        if not isinstance(self.fill, Mapping) or "edge_type" not in self.fill:
            raise ValueError(
                f"{type(self).__name__}: the graph has an edge_type already; say which one added "
                "edges get, with fill={'edge_type': ...}"
            )
        first = self.fill["edge_type"]
        if int(first) != first:
            raise ValueError(f"fill: got {first} for edge_type, expected a whole number")
        # further kinds of added edges count on from the first
        return kind + (int(first) - 1)

    def _check_fill(self, names: list[str]) -> None:
        """Refuse a name that is spelled nearly like one that the edges have and the fill has not.

        Other names may be those of other graphs.
        """
        if isinstance(self.fill, Mapping):
            left = [name for name in names if name not in self.fill]
            for name in self.fill.keys() - {*names}:
                if difflib.get_close_matches(name, left, n=1, cutoff=_ALIKE):
                    raise unknown("fill", name, left)

    def _filled(self, name: str, value: Tensor, count: int) -> Tensor:
        fill: Any = _FILL.get(name, 0)
        if isinstance(self.fill, Mapping):
            fill = self.fill.get(name, fill)
        elif self.fill is not None:
            fill = self.fill
        one = torch.as_tensor(fill, device=value.device)
        if not value.dtype.is_floating_point and bool((one != one.to(value.dtype)).any()):
            raise ValueError(f"fill: got {fill} for {name}, which holds {value.dtype}")
        try:
            row = one.to(value.dtype).expand(value.shape[1:])
            return row.expand(count, *row.shape)
        except RuntimeError:
            shape = list(value.shape[1:])
            raise ValueError(
                f"fill: got {fill} for {name}, whose rows have shape {shape}"
            ) from None

    @staticmethod
    def _remember_slices(data: Batch, graphs: Graphs, names: list[str], typed: bool) -> None:
        """Say anew which edges are those of each graph; ``to_data_list`` finds them so."""
        owner = torch.repeat_interleave(graphs.ptr.diff())[data.edge_index[0].cpu()]
        edges = cumsum(torch.bincount(owner, minlength=graphs.num_graphs))
        for name in [*names, "edge_type"]:
            if f"{name}_ptr" in data:  # it is followed
                device = data.edge_index.device
                data[f"{name}_batch"], data[f"{name}_ptr"] = owner.to(device), edges.to(device)
        slices = getattr(data, "_slice_dict", None)
        if slices is None:
            return
        none = torch.zeros(graphs.num_graphs, dtype=torch.int64)
        names = [*names, "edge_type"] if typed else names
        new = {_COUNTS: none, **({"edge_type": none} if typed else {})}
        data._slice_dict = {
            **slices,
            **dict.fromkeys(names, edges),
            _COUNTS: torch.arange(graphs.num_graphs + 1),
        }
        data._inc_dict = {**new, **data._inc_dict}

    def __repr__(self) -> str:
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({arguments})"


def _attributes_of_edges(data: Data) -> list[str]:
    """Names of what holds a value for each edge; the types are looked after apart."""
    if data.get("adj_t") is not None:
        raise ValueError(
            "adj_t: got one beside edge_index, which would stay as it was; edge_index is accepted "
            "(ToSparseTensor after)"
        )
    count, found = data.edge_index.size(1), []
    for name, value in data.to_dict().items():
        if name in _NEVER_OF_EDGES or name.startswith("edge_label"):
            continue
        stem = name.removesuffix("_batch").removesuffix("_ptr")
        if stem != name and stem in data and isinstance(data, Batch):
            continue  # which graph each edge is of, where follow_batch asks for it
        named = name.startswith("edge_") and "index" not in name
        if not isinstance(value, Tensor):
            if named:
                raise TypeError(f"{name}: got {type(value).__name__}, a tensor is accepted")
            continue
        if named and (value.dim() == 0 or value.size(0) != count):
            raise ValueError(f"{name}: got shape {list(value.shape)} for {count} edges")
        # another name may stand for edges, too, where the numbers leave no doubt
        rows = value.dim() > 0 and value.size(0) == count > 1
        if named or (rows and data.__cat_dim__(name, value) == 0 and data.is_edge_attr(name)):
            found.append(name)
    return found


def _layout(data: Data, names: Sequence[str]) -> tuple[Any, ...]:
    """What the edges of graphs have to share to be changed together."""
    held = [*names, "edge_type"] if data.get("edge_type") is not None else names
    values = [(name, data[name]) for name in held]
    return (
        data.edge_index.device,
        *((name, value.dtype, value.device, value.shape[1:]) for name, value in values),
    )


def _stay(edge_index: Tensor, removed: Tensor, num_nodes: int) -> Tensor:
    """Which entries are not among the removed edges, ``[E]``."""
    if not removed.size(1):
        return torch.ones(edge_index.size(1), dtype=torch.bool)
    low, high = edge_index.long().aminmax(dim=0)  # a key of int32 is none of large graphs
    gone = removed.min(0).values * num_nodes + removed.max(0).values
    return ~torch.isin(low * num_nodes + high, gone)


def _symmetrize(data: Data) -> None:
    """Add the reverse of each edge that has none, with its attributes, at the end."""
    row, col = data.edge_index.long()
    size = int(data.num_nodes or 0)
    lonely = ~torch.isin(row * size + col, col * size + row)
    # of duplicates the first one speaks for the reverse
    place = lonely.nonzero().flatten()
    key = (row * size + col)[place]
    _, inverse = torch.unique(key, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1 if len(place) else 0,), len(row), device=row.device)
    first = first.scatter_reduce(0, inverse, place, "amin").sort().values
    every = torch.cat([torch.arange(row.size(0), device=row.device), first])
    for name in [*_attributes_of_edges(data), *(["edge_type"] if "edge_type" in data else [])]:
        data[name] = data[name][every]
    data.edge_index = torch.cat([data.edge_index, data.edge_index[:, first].flip(0)], 1)
