from __future__ import annotations

import networkx as nx
import pytest
import torch
from networkx.algorithms.isomorphism import GraphMatcher

from graphpoly.expressivity import count_patterns, of_networkx, rook_graph
from graphpoly.expressivity.patterns import PATTERNS

# each pattern, and which of its nodes are counted
SHAPES = {
    "path3": (nx.path_graph(3), (1,)),
    "path4": (nx.path_graph(4), (0, 3)),
    "triangle": (nx.cycle_graph(3), (0, 1, 2)),
    "cycle4": (nx.cycle_graph(4), range(4)),
    "cycle5": (nx.cycle_graph(5), range(5)),
    "cycle6": (nx.cycle_graph(6), range(6)),
    "clique4": (nx.complete_graph(4), range(4)),
}


def by_search(graph: nx.Graph, pattern: str) -> tuple[int, list[int]]:
    """Every injective map of the pattern, over its automorphisms."""
    shape, marked = SHAPES[pattern]
    symmetries = sum(1 for _ in GraphMatcher(shape, shape).isomorphisms_iter())
    maps, at = 0, [0] * len(graph)
    for found in GraphMatcher(graph, shape).subgraph_monomorphisms_iter():
        maps += 1
        for v, place in found.items():
            at[v] += place in marked
    return maps // symmetries, [count // symmetries for count in at]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_counts_are_those_of_a_search(pattern) -> None:
    graphs = [
        nx.gnp_random_graph(n, p, seed=n) for n, p in ((7, 0.4), (8, 0.6), (6, 0.9), (9, 0.3))
    ]
    graphs += [nx.complete_graph(6), nx.empty_graph(3), nx.star_graph(4), nx.petersen_graph()]
    total, nodes = count_patterns([of_networkx(graph) for graph in graphs], pattern)
    expected = [by_search(graph, pattern) for graph in graphs]
    assert total.tolist() == [count for count, _ in expected]
    assert nodes.tolist() == [count for _, at in expected for count in at]


def test_known_counts() -> None:
    # the rows and columns of a board are cliques
    assert count_patterns(rook_graph(), "clique4")[0].tolist() == [8]
    assert count_patterns(rook_graph(), "triangle")[0].tolist() == [32]
    bipartite = of_networkx(nx.complete_bipartite_graph(4, 4))
    assert [int(count_patterns(bipartite, f"cycle{k}")[0]) for k in (4, 5, 6)] == [36, 0, 96]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'cycle6'"):
        count_patterns(rook_graph(), "cycle7")
    loop = of_networkx(nx.Graph([(0, 0), (0, 1)]))
    with pytest.raises(ValueError, match=r"graphs\[0\]: expected an undirected graph"):
        count_patterns(loop, "triangle")
    assert torch.equal(count_patterns([], "cycle6")[0], torch.zeros(0, dtype=torch.int64))
