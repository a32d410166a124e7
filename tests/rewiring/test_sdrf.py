import networkx as nx
import pytest
import torch

from graphpoly.ops.balanced_forman import ricci_of_edge
from graphpoly.rewiring import SDRF
from tests.rewiring.graphs import added, data_of, random_graphs


def neighbours(graph):
    return [set(graph[v]) for v in range(len(graph))]


def test_the_best_pair_around_the_worst_edge():
    """By brute force over all pairs around it."""
    for graph in random_graphs(60, 12, seed=3):
        if not graph.number_of_edges():
            continue
        near = neighbours(graph)
        values = {(i, j): ricci_of_edge(near, i, j) for i, j in graph.edges}
        worst = min(values.values())
        i, j = min(edge for edge, value in values.items() if value < worst + 1e-12)
        gains = {}
        for k in near[i] | {i}:
            for w in near[j] | {j}:
                if k != w and not graph.has_edge(k, w):
                    more = nx.Graph(graph)
                    more.add_edge(k, w)
                    gains[min(k, w), max(k, w)] = ricci_of_edge(neighbours(more), i, j) - worst
        before = data_of(graph)
        pairs = added(SDRF(1)(before), before)
        assert len(pairs) == (1 if gains else 0)
        for pair in pairs:
            assert gains[pair] == pytest.approx(max(gains.values()), abs=1e-12)


def test_the_bridge_of_a_barbell_is_supported():
    before = data_of(nx.barbell_graph(5, 0))
    ((u, v),) = added(SDRF(1)(before), before)
    assert u < 5 <= v


def test_an_edge_above_the_bound_is_removed():
    """In a barbell all edges of the cliques are above; one of them goes in each iteration."""
    data = SDRF(3, removal_bound=0.5)(data_of(nx.barbell_graph(6, 0)))
    assert data.rewired.tolist() == [[3, 3]]
    assert data.edge_index.size(1) == 2 * 31
    before = SDRF(200, removal_bound=0.5, tau=5.0)(data_of(nx.barbell_graph(6, 0)))
    assert before.edge_index.numel()


def test_nothing_to_do():
    assert SDRF(4)(data_of(nx.complete_graph(5))).rewired.tolist() == [[0, 0]]
    two = SDRF(4, removal_bound=0.5)(data_of(nx.path_graph(2)))
    assert two.edge_index.tolist() == [[0, 1], [1, 0]]
    assert two.rewired.tolist() == [[0, 0]]


def test_draws_follow_the_softmax():
    """One step around the one edge of a path's middle, over many seeds."""
    graph = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (3, 7)])
    before = data_of(graph)
    near = neighbours(graph)
    i, j = min(graph.edges, key=lambda edge: ricci_of_edge(near, *edge))
    assert (i, j) == (2, 3)
    weights = {}
    for k in near[i] | {i}:
        for w in near[j] | {j}:
            if k != w and not graph.has_edge(k, w):
                more = nx.Graph(graph)
                more.add_edge(k, w)
                value = ricci_of_edge(neighbours(more), i, j) - ricci_of_edge(near, i, j)
                weights[min(k, w), max(k, w)] = torch.tensor(3.0 * value).exp().item()
    count = dict.fromkeys(weights, 0)
    draws = 2000
    for seed in range(draws):
        (pair,) = added(SDRF(1, tau=3.0, seed=seed)(before), before)
        count[pair] += 1
    total = sum(weights.values())
    expected = {pair: draws * weight / total for pair, weight in weights.items()}
    chi = sum((count[pair] - e) ** 2 / e for pair, e in expected.items())
    assert chi < 30.0  # eight degrees of freedom or fewer: p > 1e-4


def test_refusals():
    with pytest.raises(ValueError, match="iterations: got -1"):
        SDRF(-1)
    with pytest.raises(ValueError, match="tau: got nan"):
        SDRF(1, tau=float("nan"))
    with pytest.raises(ValueError, match="removal_bound: got nan"):
        SDRF(1, removal_bound=float("nan"))
