from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch

from graphpoly.data import load_brec
from graphpoly.expressivity import (
    GraphSet,
    hard_pair,
    neighborhood_colors,
    neighborhood_types,
    of_networkx,
    separated,
)


def ball(graph: nx.Graph, node: int, depth: int) -> nx.Graph:
    found = nx.ego_graph(graph, node, depth, undirected=True).copy()
    nx.set_node_attributes(found, {v: v == node for v in found}, "root")
    return found


def same(one: nx.Graph, other: nx.Graph) -> bool:
    match = nx.algorithms.isomorphism.categorical_node_match(["root", "kind"], [False, 0])
    edge_match = nx.algorithms.isomorphism.categorical_edge_match("kind", 0)
    return nx.is_isomorphic(one, other, node_match=match, edge_match=edge_match)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("directed", [False, True])
def test_types_are_those_of_a_search(depth, directed) -> None:
    """Every two nodes of every two graphs, with labels and without."""
    graphs = [nx.gnm_random_graph(8, m, seed=m, directed=directed) for m in (0, 7, 12, 18)]
    graphs += [nx.star_graph(4, create_using=nx.DiGraph if directed else None)]
    for labelled in (False, True):
        for number, graph in enumerate(graphs):
            kinds = {v: v % 2 if labelled else 0 for v in graph}
            nx.set_node_attributes(graph, kinds, "kind")
            edges = {e: (sum(e) + number) % 2 if labelled else 0 for e in graph.edges}
            nx.set_edge_attributes(graph, edges, "kind")
        data = [of_networkx(graph, label="kind") for graph in graphs]
        types = neighborhood_types(data, depth).tolist()
        balls = [ball(graph, v, depth) for graph in graphs for v in graph]
        for i, j in itertools.combinations(range(len(balls)), 2):
            assert (types[i] == types[j]) == same(balls[i], balls[j]), (i, j)


def by_search(pair, depth: int) -> bool:
    """Whether refinement from types that networkx finds tells two graphs apart."""
    graphs = [nx.Graph(data.edge_index.T.tolist()) for data in pair]
    known: list[nx.Graph] = []
    color = []
    for graph in graphs:
        names = {}
        for node in graph:
            found = ball(graph, node, depth)
            alike = [
                i for i, one in enumerate(known) if len(one) == len(found) and same(one, found)
            ]
            names[node] = alike[0] if alike else len(known)
            known += [] if alike else [found]
        color.append(names)
    for _ in range(max(map(len, graphs))):
        heard = [
            {v: (c[v], *sorted(c[u] for u in graph[v])) for v in graph}
            for c, graph in zip(color, graphs, strict=True)
        ]
        number = {t: i for i, t in enumerate(sorted({t for c in heard for t in c.values()}))}
        color = [{v: number[t] for v, t in c.items()} for c in heard]
    return sorted(color[0].values()) != sorted(color[1].values())


@pytest.mark.data
@pytest.mark.parametrize("depth", [1, 2])
def test_pairs_of_brec_are_those_of_a_search(depth, data_root) -> None:
    if not (data_root / "brec").is_dir():
        pytest.skip("BREC is not there")
    chosen = [load_brec(data_root)[i] for i in (*range(50, 70, 2), 57, *range(160, 260, 10))]
    expected = [by_search(pair, depth) for pair in chosen]
    assert separated(chosen, f"N{depth}").tolist() == expected
    assert all(expected) == (depth == 2)


def test_local_graphs_tell_strongly_regular_graphs_apart() -> None:
    """Two triangles or a hexagon around each node; a whole graph of diameter 2 is its own ball."""
    for depth in (1, 2):
        types = neighborhood_types(hard_pair("sr16622"), depth)
        assert [part.unique().tolist() for part in types.split(16)] == [[0], [1]]


def test_what_lies_further_is_not_seen() -> None:
    pair = [of_networkx(nx.cycle_graph(n)) for n in (5, 6, 7)]
    assert [neighborhood_types(pair, depth).unique().numel() for depth in (1, 2, 3)] == [1, 2, 3]
    whole = GraphSet.of(pair)
    assert neighborhood_colors(whole, 1).node.unique().numel() == 1
    with pytest.raises(ValueError, match="depth: got 0, expected at least 1"):
        neighborhood_types(pair, 0)


@pytest.mark.parametrize("many", [2, 64, 128, 200, 256])
def test_many_ways_to_a_node_are_as_good_as_one(many) -> None:
    """Two hubs meet in two steps; a path is a path however often its edges are listed."""
    plain, marked = (of_networkx(nx.complete_bipartite_graph(2, many)) for _ in range(2))
    plain.x, marked.x = torch.zeros(2, many + 2, dtype=torch.int64)
    marked.x[1] = 1
    types = neighborhood_types([plain, marked], 2).view(2, -1)
    assert types[0, 0] == types[0, 1]
    assert types[0, 0] != types[1, 0] != types[1, 1]
    path, triangle = (of_networkx(g) for g in (nx.path_graph(3), nx.complete_graph(3)))
    path.edge_index, triangle.edge_index = (
        data.edge_index.repeat(1, many) for data in (path, triangle)
    )
    assert neighborhood_types([path, triangle], 1).tolist() == [0, 1, 0, 2, 2, 2]


def test_portions_share_their_types(monkeypatch) -> None:
    pair = hard_pair("k33-prism")
    expected = neighborhood_types(pair, 2)
    monkeypatch.setattr("graphpoly.expressivity.neighborhoods._MOST_NODES", 7)
    assert torch.equal(neighborhood_types(pair, 2), expected)
    assert neighborhood_types([of_networkx(nx.empty_graph(0))], 1).numel() == 0
