from __future__ import annotations

import itertools
from collections import Counter

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import (
    SUBGRAPH_TESTS,
    cfi_pair,
    csl_family,
    hard_pair,
    of_networkx,
    subgraph_colors,
    tuple_colors,
)
from tests.ops.test_color_refinement import partition

MARKED = ("SWL(VS)", "SWL(SV)", "PSWL(VS)", "PSWL(SV)", "GSWL", "SSWL")


def multiset(values) -> tuple:
    return tuple(sorted(values))


def by_pairs(data: Data, test: str, rounds: int) -> object:
    """A graph's name after some rounds, from sorted tuples."""
    n = int(data.num_nodes or 0)
    edge = dict.fromkeys(map(tuple, data.edge_index.T.tolist()), 1)
    if data.edge_attr is not None:
        edge = dict(zip(edge, data.edge_attr.tolist(), strict=True))
    x = [0] * n if data.x is None else data.x.tolist()
    near = [[w for w in range(n) if (w, v) in edge or (v, w) in edge] for v in range(n)]
    closed = [sorted({v, *near[v]}) for v in range(n)]

    def kind(w: int, v: int) -> tuple:
        return edge.get((w, v), -1), edge.get((v, w), -1)

    c = {
        (u, v): hash(
            (u == v, x[v], *(() if test in MARKED else (x[u], kind(u, v), kind(u, u), kind(v, v))))
        )
        for u, v in itertools.product(range(n), repeat=2)
    }
    for _ in range(rounds):
        new = {}
        for u, v in c:
            if test in MARKED:
                said = [multiset(hash((c[u, w], kind(w, v))) for w in near[v])]
                if test.startswith("PSWL"):
                    said.append(c[v, v])
                elif test == "GSWL":
                    said.append(multiset(c[w, v] for w in range(n)))
                elif test == "SSWL":
                    said.append(multiset(hash((c[w, v], kind(w, u))) for w in near[u]))
            else:
                over = {
                    "LFWL(2)": [closed[v]],
                    "SLFWL(2)": [sorted({*closed[u], *closed[v]})],
                    "local 2-FWL": [near[u], near[v]],
                }[test]
                said = [multiset(hash((c[u, w], c[w, v])) for w in nodes) for nodes in over]
            new[u, v] = hash((c[u, v], *said))
        c = new
    if test.endswith("(VS)"):
        return multiset(hash(multiset(c[u, v] for v in range(n))) for u in range(n))
    if test.endswith("(SV)"):
        return multiset(hash(multiset(c[u, v] for u in range(n))) for v in range(n))
    return multiset(c.values())


def some_graphs() -> list[Data]:
    graphs = [of_networkx(graph) for graph in nx.graph_atlas_g()[30:60:2]]
    for seed in range(12):
        graph = of_networkx(nx.gnp_random_graph(5, 0.5, seed=seed, directed=seed % 2 == 0))
        graph.x = torch.arange(5) % (1 + seed % 3)
        graphs.append(graph)
    return [*graphs, *hard_pair("hexagon"), *hard_pair("k33-prism")]


@pytest.mark.parametrize("test", SUBGRAPH_TESTS)
def test_rounds_are_those_of_sorted_tuples(test) -> None:
    graphs = some_graphs()
    for graph in graphs:
        if graph.x is None:
            graph.x = torch.zeros(graph.num_nodes, dtype=torch.int64)
    for rounds, names in enumerate(subgraph_colors(graphs, test, rounds=3).graph):
        expected = [by_pairs(graph, test, rounds) for graph in graphs]
        number = {value: i for i, value in enumerate(set(expected))}
        assert partition(names.tolist()) == partition([number[value] for value in expected])


@pytest.mark.parametrize("test", ["SWL(VS)", "SSWL", "LFWL(2)"])
def test_edge_labels_are_seen(test) -> None:
    graphs = []
    for seed in range(16):
        graph = of_networkx(nx.gnp_random_graph(4, 0.6, seed=seed // 4))
        half = graph.edge_index[0] < graph.edge_index[1]
        label = (graph.edge_index.sum(0) * (seed % 4 + 1)) % 3
        graph.edge_attr = label + (0 if seed % 2 else 3 * half.long())
        graphs.append(graph)
    names = subgraph_colors(graphs, test, rounds=2).graph[2]
    expected = [by_pairs(graph, test, 2) for graph in graphs]
    number = {value: i for i, value in enumerate(set(expected))}
    assert partition(names.tolist()) == partition([number[value] for value in expected])
    assert len(set(subgraph_colors(graphs, test, edge_features=False).graph.tolist())) < len(number)


@pytest.mark.parametrize("test", SUBGRAPH_TESTS)
def test_known_results(test) -> None:
    for name, apart in (("hexagon", True), ("k33-prism", True), ("sr16622", False)):
        one, other = subgraph_colors(list(hard_pair(name)), test).graph.tolist()
        assert (one != other) == apart
    assert subgraph_colors(csl_family(), test).graph.unique().numel() == 10
    # 2-FWL is above all of them
    one, other = subgraph_colors(list(cfi_pair(nx.complete_graph(4))), test).graph.tolist()
    assert one == other


def test_node_colors_of_pairs_are_those_of_the_symmetric_test() -> None:
    """SSWL is δ-2-LWL: the mark, carried along edges, tells which pairs are joined."""
    graphs = [of_networkx(graph) for graph in nx.graph_atlas_g()[208:400]]
    assert partition(subgraph_colors(graphs, "SSWL").graph.tolist()) == partition(
        tuple_colors(graphs, 2, "local").graph.tolist()
    )


@pytest.mark.parametrize("test", SUBGRAPH_TESTS)
def test_names_do_not_depend_on_company_or_order(test) -> None:
    data = of_networkx(nx.gnp_random_graph(9, 0.4, seed=2))
    order = torch.randperm(9)
    moved = Data(edge_index=order[data.edge_index], num_nodes=9)
    found = subgraph_colors([data, of_networkx(nx.path_graph(9)), moved], test)
    one, other, last = found.graph.tolist()
    assert one == last == int(subgraph_colors(data, test).graph)
    assert one != other
    counts = Counter(found.classes.tolist())
    assert counts[int(found.classes[0])] >= 2


def test_empty_graphs_and_mistakes() -> None:
    nothing = Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=0)
    one = Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=1)
    names = subgraph_colors([nothing, one, nothing], "SSWL").graph.tolist()
    assert names[0] == names[2] != names[1]
    with pytest.raises(ValueError, match="did you mean 'SSWL'"):
        subgraph_colors(one, "SSWLL")
