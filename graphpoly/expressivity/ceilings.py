"""What a test separates of given pairs of graphs: the ceiling of every network it bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity.colors import wl_colors
from graphpoly.expressivity.distances import distance_colors
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.neighborhoods import neighborhood_colors
from graphpoly.expressivity.subgraphs import SUBGRAPH_TESTS, subgraph_colors
from graphpoly.expressivity.substructures import substructure_colors
from graphpoly.expressivity.tuples import tuple_colors

__all__ = ["TESTS", "named_test", "separated"]

# Weaker ones first where they compare. The name of a graph is one for all that the test finds
# equal.
TESTS: dict[str, Callable[[GraphSet], Tensor]] = {
    "1-WL": lambda graphs: wl_colors(graphs).graph,
    "2-WL": lambda graphs: tuple_colors(graphs, 2, "oblivious").graph,
    "SPD-WL": lambda graphs: distance_colors(graphs, "shortest").graph,
    "RD-WL": lambda graphs: distance_colors(graphs, "resistance").graph,
    "SPD+RD-WL": lambda graphs: distance_colors(graphs, "both").graph,
    "S3": lambda graphs: substructure_colors(graphs, 3).graph,
    "S4": lambda graphs: substructure_colors(graphs, 4).graph,
    "N1": lambda graphs: neighborhood_colors(graphs, 1).graph,
    "N2": lambda graphs: neighborhood_colors(graphs, 2).graph,
    **{
        test: partial(lambda graphs, test: subgraph_colors(graphs, test).graph, test=test)
        for test in SUBGRAPH_TESTS
    },
    "δ-2-LWL": lambda graphs: tuple_colors(graphs, 2, "local").graph,
    "2-FWL": lambda graphs: tuple_colors(graphs, 2).graph,
    "3-FWL": lambda graphs: tuple_colors(graphs, 3).graph,
}
_ALSO = {"3-wl": "2-FWL", "4-wl": "3-FWL", "m1": "SWL(VS)", "local-2-fwl": "local 2-FWL"}


def named_test(words: str) -> str | None:
    """Return the test that words such as a registry's tag begin with, None if it is none.

    >>> named_test("2-FWL (= 3-WL)"), named_test("3-WL"), named_test("beyond 1-WL (walks)")
    ('2-FWL', '2-FWL', None)
    """
    known = {**{test.lower(): test for test in TESTS}, **_ALSO}
    said = words.lower()
    # the longest first: "SWL(VS)" before anything that it begins with
    for name in sorted(known, key=len, reverse=True):
        rest = said.removeprefix(name)
        if rest != said and not rest[:1].isalnum():
            return known[name]
    return None


@on_cpu()
def separated(pairs: Iterable[tuple[Data, Data]], test: str) -> Tensor:
    """Return which pairs of graphs a test tells apart.

    Args:
        pairs: Two graphs each.
        test: One of :data:`TESTS`.

    Returns:
        Booleans, one for each pair.

    Complexity: that of the test; all graphs of one size run together.

    >>> from graphpoly.expressivity import hard_pair
    >>> pairs = [hard_pair("sr16622"), hard_pair("k33-prism")]
    >>> [separated(pairs, test).tolist() for test in ("1-WL", "2-FWL")]
    [[False, False], [False, True]]
    """
    if test not in TESTS:
        raise unknown("test", test, TESTS)
    graphs = [graph for pair in pairs for graph in pair]
    if not graphs:
        return torch.zeros(0, dtype=torch.bool, device="cpu")
    one, other = TESTS[test](GraphSet.of(graphs)).view(-1, 2).T
    return one != other
