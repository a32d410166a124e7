import networkx as nx
import numpy as np
import pytest

from graphpoly.rewiring import GTR
from graphpoly.rewiring.measures import total_resistance
from tests.rewiring.graphs import added, data_of, edges, non_edges, random_graphs


def kirchhoff(graph):
    """n times the sum of the inverse eigenvalues, over the components."""
    total = 0.0
    for part in nx.connected_components(graph):
        values = np.linalg.eigvalsh(nx.laplacian_matrix(graph.subgraph(part)).toarray())[1:]
        total += len(graph) * (1 / values).sum()
    return total


def test_each_edge_lowers_the_total_resistance_most():
    for graph in random_graphs(50, 11, seed=9):
        before = data_of(graph)
        now = nx.Graph(graph)
        pairs = added(GTR(4)(before), before)
        for pair in pairs:
            best = np.inf
            for u, v in non_edges(now):
                if nx.has_path(now, u, v):
                    more = nx.Graph(now)
                    more.add_edge(u, v)
                    best = min(best, kirchhoff(more))
            now.add_edge(*pair)
            assert kirchhoff(now) == pytest.approx(best, rel=1e-10)
        left = [p for p in non_edges(now) if nx.has_path(now, *p)]
        assert len(pairs) == 4 or not left


def test_the_gain_is_exact():
    """n B^2 / (1 + R), by the pseudo-inverse, is the fall of the total resistance."""
    for graph in random_graphs(60, 14, seed=1):
        if not nx.is_connected(graph) or not non_edges(graph):
            continue
        n = len(graph)
        pinv = np.linalg.pinv(nx.laplacian_matrix(graph, nodelist=range(n)).toarray().astype(float))
        before = data_of(graph)
        ((u, v),) = added(GTR(1)(before), before)
        b = np.eye(n)[u] - np.eye(n)[v]
        gain = n * (b @ pinv @ pinv @ b) / (1 + b @ pinv @ b)
        more = nx.Graph(graph)
        more.add_edge(u, v)
        fall = total_resistance(edges(graph), n) - total_resistance(edges(more), n)
        assert gain == pytest.approx(fall, rel=1e-11, abs=1e-12)


def test_components_are_not_joined():
    graph = nx.disjoint_union(nx.path_graph(4), nx.complete_graph(3))
    before = data_of(graph)
    data = GTR(50)(before)
    assert data.rewired.tolist() == [[3, 0]]
    assert all(v < 4 for _, v in added(data, before))


def test_a_cycle_gets_a_diameter():
    before = data_of(nx.cycle_graph(8))
    assert added(GTR(1)(before), before) == [(0, 4)]
