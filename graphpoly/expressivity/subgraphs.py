r"""Refinement of a graph seen from each of its nodes: the subgraph WL tests, and local 2-FWL.

The colour of a pair (u, v) is that of the node v in the copy of the graph where u is marked. With
:math:`\{\!\{\cdot\}\!\}` for multisets, a round adds to :math:`c(u, v)`

===========  ===========================================================================
SWL          :math:`\{\!\{c(u, w) : w \in N(v)\}\!\}`
PSWL         that, and :math:`c(v, v)`
GSWL         that of SWL, and :math:`\{\!\{c(w, v) : w \in V\}\!\}`
SSWL         that of SWL, and :math:`\{\!\{c(w, v) : w \in N(u)\}\!\}`
LFWL(2)      :math:`\{\!\{(c(u, w), c(w, v)) : w \in N[v]\}\!\}`
SLFWL(2)     :math:`\{\!\{(c(u, w), c(w, v)) : w \in N[u] \cup N[v]\}\!\}`
local 2-FWL  :math:`\{\!\{(c(u, w), c(w, v)) : w \in N(u)\}\!\}`, and the same over N(v)
===========  ===========================================================================

with N[v] for v and its neighbours. The first four begin with the mark alone (and labels), the last
three with the isomorphism type of the pair. A graph is the multiset of all its colours; for SWL and
PSWL it matters how it is pooled: (VS) gives each u the multiset of :math:`c(u, \cdot)` and takes
the multiset of those, (SV) gives each v that of :math:`c(\cdot, v)`.

What each tells apart, all inclusions strict: SWL(VS) < PSWL(VS) < GSWL < SSWL < SLFWL(2) < 2-FWL,
and SWL(VS) < SWL(SV) < GSWL; LFWL(2) lies above PSWL(VS), and not below SSWL nor above it. SSWL is
the δ-2-LWL of :func:`~graphpoly.expressivity.tuple_colors`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.tuples import (
    TupleColoring,
    TupleRefinement,
    groups_of_one_size,
    refine_groups,
)
from graphpoly.ops import mix64

__all__ = ["SUBGRAPH_TESTS", "subgraph_colors"]

_OWN = -3372029247567499371


@on_cpu()
def subgraph_colors(
    graphs: Any,
    test: str = "SWL(VS)",
    *,
    rounds: int | None = None,
    features: bool = True,
    edge_features: bool = True,
) -> TupleColoring:
    """Refine the colours of nodes in all copies of a graph that have one node marked.

    Args:
        graphs: See :meth:`GraphSet.of`; ``x`` and ``edge_attr`` are labels. In a directed graph the
            neighbours are those of either direction.
        test: One of :data:`SUBGRAPH_TESTS`.
        rounds: Number of rounds; by default until nothing changes, graph by graph.
        features: Start from ``x``, where the graphs have it.
        edge_features: Tell edges apart by ``edge_attr``, where the graphs have it.

    Returns:
        Names and sizes, graph by graph.

    Complexity: a round takes O(n^3) (dense products with the adjacency) and O(n^2) memory for a
    graph of n nodes. Graphs of one size run together.

    References:
        Zhang, Feng, Du, He and Wang, ICML 2023, arXiv:2302.07090 (SWL). Zhang, Gai, Du, Ye, He and
        Wang, ICLR 2024, arXiv:2401.08514 (local 2-FWL, there Local 2-FGNN).

    >>> from graphpoly.data import cycle_pairs
    >>> hexagon, triangles = subgraph_colors(cycle_pairs((6,)), "SWL(VS)").graph.tolist()
    >>> hexagon == triangles
    False
    """
    if test not in _TESTS:
        raise unknown("test", test, SUBGRAPH_TESTS)
    whole = GraphSet.of(graphs, features=features, edge_features=edge_features)
    groups = groups_of_one_size(whole, 2)
    states = ((index, _Marked(pair, joined, test)) for index, pair, joined in groups)
    return refine_groups(whole.num_graphs, states, rounds)


def _swl(state: _Marked) -> Tensor:
    return mix64(torch.bmm(state.mixed(0), state.edge))


def _pswl(state: _Marked) -> Tensor:
    own = state.color.diagonal(dim1=1, dim2=2)
    return _swl(state) + mix64(own + 35).unsqueeze(1)


def _gswl(state: _Marked) -> Tensor:
    return _swl(state) + mix64(state.mixed(1).sum(1, keepdim=True) + 2)


def _sswl(state: _Marked) -> Tensor:
    return _swl(state) + mix64(torch.bmm(state.edge.transpose(1, 2), state.mixed(1)) + 1)


def _lfwl(state: _Marked) -> Tensor:
    return torch.bmm(state.mixed(0), state.closed * state.mixed(1))


def _slfwl(state: _Marked) -> Tensor:
    """Over the union: once over each neighbourhood, less what lies in both."""
    first, second, closed = state.mixed(0), state.mixed(1), state.closed
    near = closed * first  # c(u, w) where w is in N[u]
    return torch.bmm(near, second - closed * second) + torch.bmm(first, closed * second)


def _local(state: _Marked) -> Tensor:
    first, second, joined = state.mixed(0), state.mixed(1), state.joined
    at_source = torch.bmm(joined * first, second)
    return mix64(at_source) + mix64(torch.bmm(first, joined * second) + 1)


_TESTS: dict[str, tuple[Callable[[_Marked], Tensor], bool]] = {
    # what is heard, and whether pairs begin from the mark alone
    "SWL(VS)": (_swl, True),
    "SWL(SV)": (_swl, True),
    "PSWL(VS)": (_pswl, True),
    "PSWL(SV)": (_pswl, True),
    "GSWL": (_gswl, True),
    "SSWL": (_sswl, True),
    "LFWL(2)": (_lfwl, False),
    "SLFWL(2)": (_slfwl, False),
    "local 2-FWL": (_local, False),
}
SUBGRAPH_TESTS = tuple(_TESTS)


class _Marked(TupleRefinement):
    """Colours ``[B, u, v]``: of v where u is marked."""

    def __init__(self, pair: Tensor, joined: Tensor, test: str) -> None:
        self.hear, marked = _TESTS[test]
        super().__init__(pair, joined, 2, test)
        # from w to v: what kind of edge it is, in both directions
        kind = mix64(3 * mix64(pair) + mix64(pair).transpose(1, 2))
        self.edge = self.joined * kind
        if marked:
            own = pair.diagonal(dim1=1, dim2=2).unsqueeze(1)
            self.color = mix64(mix64(own) + torch.eye(self.size, dtype=torch.int64))

    @property
    def closed(self) -> Tensor:
        return self.joined | torch.eye(self.size, dtype=torch.int64)

    def keep(self, left: Tensor) -> None:
        super().keep(left)
        self.edge = self.edge[left]

    def mixed(self, place: int) -> Tensor:
        return mix64(self.color + (32 + place))

    def next(self) -> Tensor:
        return mix64(self.color * _OWN + self.hear(self))

    def names(self) -> Tensor:
        if self.rule.endswith("(VS)"):
            pooled = mix64(self.color).sum(2)
        elif self.rule.endswith("(SV)"):
            pooled = mix64(self.color).sum(1)
        else:
            return super().names()
        return mix64(mix64(pooled).sum(1))
