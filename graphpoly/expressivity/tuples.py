r"""Colour refinement of k-tuples of nodes, on batches of small graphs.

With :math:`\vec v[j \leftarrow w]` for the tuple whose j-th node is replaced by w, a round gives
each tuple, besides its own colour,

* *oblivious* k-WL, for each j the multiset of :math:`c(\vec v[j \leftarrow w])` over all w;
* *folklore* k-FWL, the multiset over all w of the k-tuple
  :math:`(c(\vec v[1 \leftarrow w]), \dots, c(\vec v[k \leftarrow w]))`;
* *local* δ-k-LWL, for each j the multiset over the neighbours w of :math:`v_j` only;
* *δ*-k-WL, for each j that multiset over the neighbours and the one over all others.

k-FWL tells apart what oblivious (k+1)-WL does, and oblivious 2-WL no more than colour refinement of
nodes where graphs are simple: whether an edge is a loop or goes both ways is a type. A tuple starts
from its isomorphism type: labels, which nodes are the same, which are joined by what edges in which
direction. Multisets are added up modulo :math:`2^{64}`; that of the folklore rule as products of
mixed names, which is a matrix product for k = 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops import label_names, mix64

__all__ = ["RULES", "TupleColoring", "tuple_colors"]

RULES = ("oblivious", "folklore", "local", "delta")
_OWN = -3372029247567499371
_MOST_CELLS = 1 << 22  # tuples that are held at once


@dataclass(frozen=True)
class TupleColoring:
    """What refinement of tuples makes of each graph.

    Attributes:
        graph: Name of each graph's multiset of stable colours, int64 ``[G]``; or one row for each
            number of rounds ``[rounds + 1, G]``. Comparable across graphs and runs.
        classes: Number of stable colours of each graph, ``[G]``; or of the last round.
        rounds: Number of rounds after which each graph had settled, ``[G]``; or None.
    """

    graph: Tensor
    classes: Tensor
    rounds: Tensor | None


@on_cpu()
def tuple_colors(
    graphs: Any,
    k: int = 2,
    rule: str = "folklore",
    *,
    rounds: int | None = None,
    features: bool = True,
    edge_features: bool = True,
) -> TupleColoring:
    """Refine the colours of k-tuples of nodes.

    Args:
        graphs: See :meth:`GraphSet.of`; ``x`` and ``edge_attr`` are labels.
        k: 2 or 3.
        rule: ``"oblivious"``, ``"folklore"``, ``"local"`` or ``"delta"``.
        rounds: Number of rounds; by default until nothing changes, graph by graph.
        features: Start from ``x``, where the graphs have it.
        edge_features: Tell edges apart by ``edge_attr``, where the graphs have it.

    Returns:
        Names and sizes, graph by graph.

    Complexity: a round takes O(n^(k+1)) for the folklore rule, the local and δ ones (dense products
    with the adjacency), O(k n^k) for the oblivious one; O(n^k) memory for a graph of n nodes.
    Graphs of one size run together.

    References:
        Cai, Fürer and Immerman, 1992 (k-FWL). Morris, Rattan and Mutzel, NeurIPS 2020,
        arXiv:1904.01543 (δ-k-WL and δ-k-LWL).

    >>> from graphpoly.data import cycle_pairs
    >>> hexagon, triangles = tuple_colors(cycle_pairs((6,)), 2).graph.tolist()
    >>> hexagon == triangles
    False
    """
    if k not in (2, 3):
        raise ValueError(f"k: got {k}; 2 and 3 are accepted")
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    whole = GraphSet.of(graphs, features=features, edge_features=edge_features)
    groups = groups_of_one_size(whole, k)
    states = ((index, TupleRefinement(pair, joined, k, rule)) for index, pair, joined in groups)
    return refine_groups(whole.num_graphs, states, rounds)


def refine_groups(
    count: int, states: Iterable[tuple[Tensor, TupleRefinement]], rounds: int | None
) -> TupleColoring:
    """Run refinements, each of which holds some of ``count`` graphs."""
    shape = (count,) if rounds is None else (rounds + 1, count)
    graph = torch.zeros(shape, dtype=torch.int64)
    classes, settled = torch.zeros(count, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
    for index, state in states:
        if rounds is None:
            graph[index], classes[index], settled[index] = state.refine()
        else:
            graph[:, index], classes[index] = state.run(rounds)
    return TupleColoring(graph, classes, settled if rounds is None else None)


def groups_of_one_size(whole: GraphSet, k: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Graphs of one size: who they are, the type of each pair of nodes, who is joined to whom.

    A group is small enough for all its k-tuples to be held at once.
    """
    node = torch.zeros(whole.num_nodes, dtype=torch.int64)
    node = mix64((node if whole.x is None else label_names(whole.x)) + 1)
    edge = torch.zeros(whole.edge_index.size(1), dtype=torch.int64)
    edge = mix64((edge if whole.edge_attr is None else label_names(whole.edge_attr)) + 2)
    source, target = whole.edge_index
    owner = whole.batch[source]
    for size in whole.sizes.unique().tolist():
        members = (whole.sizes == size).nonzero().flatten()
        for index in members.split(max(1, _MOST_CELLS // max(size, 1) ** k)):
            place = torch.full((whole.num_graphs,), -1)
            place[index] = torch.arange(index.numel())
            chosen = (place[owner] >= 0).nonzero().flatten()
            local = source[chosen] - whole.ptr[owner[chosen]]
            other = target[chosen] - whole.ptr[owner[chosen]]
            at = (place[owner[chosen]] * size + local) * size + other
            pair = torch.zeros(index.numel() * size * size, dtype=torch.int64)
            pair = pair.index_add(0, at, edge[chosen]).view(index.numel(), size, size)
            joined = torch.zeros(pair.numel(), dtype=torch.int64).index_fill(0, at, 1)
            own = node[(whole.ptr[index].unsqueeze(1) + torch.arange(size)).flatten()]
            pair.diagonal(dim1=1, dim2=2).add_(own.view(index.numel(), size))
            yield index, pair, joined.view_as(pair)


class TupleRefinement:
    """Colours ``[B, n, ..., n]`` of all tuples of some graphs of one size."""

    def __init__(self, pair: Tensor, joined: Tensor, k: int, rule: str) -> None:
        self.k, self.rule = k, rule
        self.joined = (joined | joined.transpose(1, 2)) if rule != "folklore" else joined
        self.size = pair.size(1)
        color = torch.zeros(pair.size(0), *(1,) * k, dtype=torch.int64)
        for i in range(k):
            for j in range(k):
                seen = pair.diagonal(dim1=1, dim2=2) if i == j else pair
                if i > j:
                    seen = seen.transpose(1, 2)
                axes = [1] * k
                axes[i] = axes[j] = self.size
                color = color + mix64(mix64(seen) + (4 + i * k + j)).reshape(pair.size(0), *axes)
            same = torch.eye(self.size, dtype=torch.int64)
            for j in range(i + 1, k):
                axes = [1] * k
                axes[i] = axes[j] = self.size
                color = color + mix64(same + (64 + i * k + j)).reshape(1, *axes)
        self.color = mix64(color.expand(pair.size(0), *(self.size,) * k))

    def refine(self) -> tuple[Tensor, Tensor, Tensor]:
        """Names, numbers of colours and of rounds of each graph; those that settle drop out."""
        count = self.color.size(0)
        name, settled = torch.zeros(2, count, dtype=torch.int64)
        active, before = torch.arange(count), self.classes()
        classes, round_ = before.clone(), 0
        while active.numel():
            self.color = self.next()
            after = self.classes()
            done = after == before
            name[active[done]] = self.names()[done]
            classes[active], settled[active[done]] = after, round_
            self.keep(~done)
            active, before, round_ = active[~done], after[~done], round_ + 1
        return name, classes, settled

    def keep(self, left: Tensor) -> None:
        """Let the other graphs drop out."""
        self.color, self.joined = self.color[left], self.joined[left]

    def run(self, rounds: int) -> tuple[Tensor, Tensor]:
        """Names after each round, and numbers of colours after the last."""
        names = [self.names()]
        for _ in range(rounds):
            self.color = self.next()
            names.append(self.names())
        return torch.stack(names), self.classes()

    def names(self) -> Tensor:
        return mix64(mix64(self.color).flatten(1).sum(1))

    def classes(self) -> Tensor:
        ordered = self.color.flatten(1).sort(1).values
        new = (ordered[:, 1:] != ordered[:, :-1]).sum(1)
        return new + min(1, ordered.size(1))

    def next(self) -> Tensor:
        heard = self.folklore() if self.rule == "folklore" else self.by_position()
        return mix64(self.color * _OWN + heard)

    def by_position(self) -> Tensor:
        heard = torch.zeros_like(self.color)
        for j in range(self.k):
            mixed = mix64(self.color + (32 + j))
            total = mixed.sum(1 + j, keepdim=True)
            if self.rule == "oblivious":
                heard = heard + mix64(total + j)
                continue
            # products with the adjacency along axis j
            front = mixed.movedim(1 + j, 1)
            near = torch.bmm(self.joined, front.flatten(2)).view_as(front).movedim(1, 1 + j)
            heard = heard + mix64(near + j)
            if self.rule == "delta":
                heard = heard + mix64(total - near + (16 + j))
        return heard

    def folklore(self) -> Tensor:
        mixed = [mix64(self.color + (32 + j)) for j in range(self.k)]
        if self.k == 2:
            # over w, of the names of (u, w) and (w, v)
            return torch.bmm(mixed[1], mixed[0])
        heard = torch.zeros_like(self.color)
        for w in range(self.size):
            first, second = mixed[0][:, w : w + 1], mixed[1][:, :, w : w + 1]
            heard.addcmul_(first * second, mixed[2][:, :, :, w : w + 1])
        return heard
