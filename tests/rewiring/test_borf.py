import networkx as nx
import pytest

from graphpoly.rewiring import BORF
from graphpoly.rewiring.curvature import ollivier_ricci
from tests.rewiring.graphs import added, data_of, edges, random_graphs


def curvatures(graph):
    pairs = edges(graph)
    values = ollivier_ricci(pairs, len(graph)).tolist()
    return {(u, v): c for (u, v), c in zip(pairs.T.tolist(), values, strict=True) if u < v}


def simple(data):
    return nx.Graph([tuple(pair) for pair in data.edge_index.T.tolist()])


def test_the_most_positive_edges_are_removed():
    for graph in random_graphs(30, 10, seed=5, least=4):
        values = curvatures(graph)
        before = data_of(graph)
        data = BORF(1, 0, 2)(before)
        left = {tuple(sorted(pair)) for pair in data.edge_index.T.tolist()}
        gone = set(values) - left
        positive = sorted((c for c in values.values() if c > 1e-9), reverse=True)[:2]
        assert sorted((values[e] for e in gone), reverse=True) == pytest.approx(positive)


def test_pairs_are_joined_around_the_most_negative_edge():
    for graph in random_graphs(40, 12, seed=6, least=5):
        values = curvatures(graph)
        before = data_of(graph)
        pairs = added(BORF(1, 1, 0)(before), before)
        if not values:
            assert pairs == []
            continue
        worst = min(values.values())
        (i, j) = min(edge for edge, c in values.items() if c < worst + 1e-9)
        for p, q in pairs:
            assert (p in graph[i] and q in graph[j]) or (q in graph[i] and p in graph[j])
            assert nx.shortest_path_length(graph, p, q) >= 2


def test_batches_one_by_one_are_batches_at_once():
    """What is not computed again after a batch would have come out the same."""
    for graph in random_graphs(25, 12, seed=7, least=5):
        once = BORF(3, 2, 1)(data_of(graph))
        step = data_of(graph)
        for _ in range(3):
            now = nx.empty_graph(len(graph))
            now.add_edges_from(step.edge_index.T.tolist())
            step = BORF(1, 2, 1)(data_of(now))
        assert {*map(tuple, once.edge_index.T.tolist())} == {
            *map(tuple, step.edge_index.T.tolist())
        }


def test_leaves_are_not_cut_off():
    assert BORF(3, 0, 5)(data_of(nx.path_graph(2))).edge_index.tolist() == [[0, 1], [1, 0]]
    assert BORF(3, 0, 5)(data_of(nx.star_graph(4))).rewired.tolist() == [[0, 0]]


def test_refusals():
    with pytest.raises(ValueError, match="num_added: got -1"):
        BORF(1, -1)
