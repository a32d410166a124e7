"""The sampler of the heterogeneous graph transformer, on our own operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.sampler import BaseSampler, HeteroSamplerOutput, NodeSamplerInput
from torch_geometric.sampler.utils import to_hetero_csc

from graphpoly.loader.neighbor_sampler import check_edges
from graphpoly.ops import SampledEntries, number_keys, sample_neighbors, take_numbers

__all__ = ["HGTSampler"]


class HGTSampler(BaseSampler):
    r"""Sample a number of nodes of each type, those first that many of the sample read.

    A node u that is not in the sample S waits in the budget of its type with the share

    .. math::
        b_u = \sum_{r} \sum_{v \in S} \frac{|\{u \xrightarrow{r} v\}|}{d_r(v)} ,

    its part of the neighbours, by each type r of edges, of the nodes that were taken. In each
    iteration nodes of each type are drawn one after the other without replacement, with probability
    proportional to :math:`b_u^2`; all types draw from the budgets as they stand then. The edges are
    all those between the nodes at the end.

    Args:
        data: A :class:`torch_geometric.data.HeteroData`.
        num_samples: Nodes of each iteration, for all types or type by type. Where fewer wait, all
            are taken.
        is_sorted: Claim that the edges are sorted by their targets.
        share_memory: Put the graph where worker processes see it.

    Draws follow torch's generator, as a loader seeds it. Nodes stand in the order in which they
    were drawn, seeds first; a seed that stands there twice is a node twice, and edges from it begin
    at the first.

    Raises:
        TypeError: If ``data`` is no ``HeteroData``.
        ValueError: If ``num_samples`` leaves a type out, names another, has a negative number, or
            lists of different lengths, or if ``is_sorted`` is claimed of edges that are not.

    Complexity: of a sample O(L (n + b) + the in-degrees of its nodes) for n nodes, L iterations and
    b nodes that wait; the graph itself is never gone over.

    Differences from the paper: its types draw in turn and see what the ones before have added to
    their budgets in the same iteration. Differences from torch-sparse: of a node with more than 50
    neighbours it reads 50 drawn ones, in the budgets and among the edges, and gives those the
    numbers of others in ``e_id``; here all count.

    Hu, Dong, Wang and Sun, "Heterogeneous Graph Transformer", WWW 2020 (arXiv:2003.01332),
    algorithms 1 and 2.

    >>> data = HeteroData()
    >>> data["author"].num_nodes, data["paper"].num_nodes = 2, 3
    >>> data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 1], [0, 0, 2]])
    >>> sampler = HGTSampler(data, [2])
    >>> out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([2]), None, "paper"))
    >>> {kind: node.tolist() for kind, node in out.node.items()}
    {'author': [1], 'paper': [2]}
    """

    def __init__(
        self,
        data: HeteroData,
        num_samples: Sequence[int] | Mapping[str, Sequence[int]],
        is_sorted: bool = False,
        share_memory: bool = False,
    ) -> None:
        if not isinstance(data, HeteroData):
            raise TypeError(f"data: got {type(data).__name__}, expected HeteroData")
        check_edges(data, is_sorted=is_sorted)
        self.node_types, self.edge_types = data.metadata()
        self.num_nodes = {kind: data[kind].num_nodes for kind in self.node_types}
        self.num_samples = _checked(num_samples, self.node_types)
        self.num_hops = len(next(iter(self.num_samples.values()), []))
        colptrs, rows, self._perm = to_hetero_csc(
            data, device=torch.device("cpu"), share_memory=share_memory, is_sorted=is_sorted
        )
        self._relations = [
            _Relation(kind, kind[0], kind[-1], colptrs[kind].long(), rows[kind].long())
            for kind in self.edge_types
        ]

    def sample_from_nodes(self, inputs: NodeSamplerInput, **kwargs: Any) -> HeteroSamplerOutput:
        """Sample around the nodes of one type."""
        growth = _Growth(self, {inputs.input_type: inputs.node.long()})
        fresh = growth.node
        for hop in range(self.num_hops):
            growth.wait(fresh)
            fresh = growth.draw(hop)
        return HeteroSamplerOutput(
            node=growth.node,
            **growth.edges(),
            batch=None,
            metadata=(inputs.input_id, inputs.time),
        )

    def sample_from_edges(self, index: Any, neg_sampling: Any = None) -> HeteroSamplerOutput:
        """Refuse: the paper samples around nodes."""
        raise NotImplementedError("HGTSampler samples around nodes, not around edges")

    @property
    def edge_permutation(self) -> dict[Any, Tensor | None]:
        """Where the sampled edges stand in the graph."""
        return self._perm


class _Relation(NamedTuple):
    """The edges of one type, by target."""

    name: tuple[str, str, str]
    source: str
    target: str
    colptr: Tensor
    row: Tensor

    def into(self, node: Tensor) -> SampledEntries:
        """Return the entries of nodes."""
        return sample_neighbors(self.colptr, node, -1, num_entries=self.row.numel())


class _Growth:
    """A sample on its way: its nodes of each type, those that wait, and their shares."""

    def __init__(self, sampler: HGTSampler, seeds: dict[str, Tensor]) -> None:
        self.sampler = sampler
        empty = torch.empty(0, dtype=torch.int64, device="cpu")
        self.node = dict.fromkeys(sampler.node_types, empty) | seeds
        self.waiting = dict.fromkeys(sampler.node_types, empty)
        self.share = dict.fromkeys(sampler.node_types, empty.double())

    def wait(self, fresh: dict[str, Tensor]) -> None:
        """Let the neighbours of nodes wait that are not in the sample, in the order of reach."""
        for relation in self.sampler._relations:
            entry, offsets, owner = relation.into(fresh[relation.target])
            found, kind = take_numbers(relation.row, entry), relation.source
            share = (1 / offsets.diff().double())[owner]
            number, first = number_keys(torch.cat([self.node[kind], self.waiting[kind]]), found)
            place = number - self.node[kind].numel()
            waits = place >= 0
            self.waiting[kind] = torch.cat([self.waiting[kind], found[first]])
            held = torch.cat([self.share[kind], share.new_zeros(first.numel())])
            self.share[kind] = held.index_add(0, place[waits], share[waits])

    def draw(self, hop: int) -> dict[str, Tensor]:
        """Take nodes of each type from those that wait: the first whose clocks ring."""
        fresh = {}
        for kind, waiting in self.waiting.items():
            count = min(self.sampler.num_samples[kind][hop], waiting.numel())
            clock = torch.empty_like(self.share[kind]).exponential_() / self.share[kind].square()
            taken = clock.topk(count, largest=False).indices
            left = torch.ones(waiting.numel(), dtype=torch.bool, device="cpu")
            left[taken] = False
            fresh[kind] = waiting[taken]
            self.node[kind] = torch.cat([self.node[kind], fresh[kind]])
            self.waiting[kind], self.share[kind] = waiting[left], self.share[kind][left]
        return fresh

    def edges(self) -> dict[str, dict[Any, Tensor]]:
        """Return all edges between the nodes of the sample, by target."""
        found: dict[str, dict[Any, Tensor]] = {"row": {}, "col": {}, "edge": {}}
        for relation in self.sampler._relations:
            known, node = self.node[relation.source], self.node[relation.target]
            entry, _, col = relation.into(node)
            row, _ = number_keys(known, take_numbers(relation.row, entry))
            inside = row < known.numel()
            for name, part in (("row", row), ("col", col), ("edge", entry)):
                found[name][relation.name] = part[inside]
        return found


def _checked(given: Any, node_types: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers of nodes by type."""
    if not isinstance(given, Mapping):
        given = dict.fromkeys(node_types, given)
    if set(given) != set(node_types):
        raise ValueError(f"num_samples: got types {list(given)}, the graph has {list(node_types)}")
    counts = {kind: [int(count) for count in given[kind]] for kind in node_types}
    lengths = sorted({len(each) for each in counts.values()})
    if len(lengths) > 1:
        raise ValueError(f"num_samples: got lists of {lengths} iterations, expected one length")
    least = min((count for each in counts.values() for count in each), default=0)
    if least < 0:
        raise ValueError(f"num_samples: got {least}, expected at least 0")
    return counts
