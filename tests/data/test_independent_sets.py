"""Against all subsets, largest cliques of the complement, closed forms and the bound of Wei."""

from __future__ import annotations

import networkx as nx
import pytest
import torch

from graphpoly.data import greedy_independent_set, is_independent, maximum_independent_set
from graphpoly.errors import ConvergenceError
from graphpoly.testing import graph_zoo

ZOO = graph_zoo(0, weighted=False)


def edges(graph):
    return torch.tensor(list(graph.edges), dtype=torch.long).reshape(-1, 2).t()


def by_subsets(edge_index, num_nodes):
    """The size of a largest set, from all 2^n."""
    subsets = (torch.arange(2**num_nodes).unsqueeze(1) >> torch.arange(num_nodes)) % 2 == 1
    for u, v in edge_index.t().tolist():
        if u != v:
            subsets = subsets[~(subsets[:, u] & subsets[:, v])]
    return int(subsets.sum(1).max())


@pytest.mark.parametrize("name", [name for name in ZOO if ZOO[name].num_nodes <= 12])
def test_equals_all_subsets_of_the_zoo(name):
    edge_index, size = ZOO[name].edge_index, int(ZOO[name].num_nodes)
    largest = maximum_independent_set(edge_index, size)
    assert largest.shape == (size,)
    assert is_independent(edge_index, largest)
    assert int(largest.sum()) == by_subsets(edge_index, size)


def test_equals_all_subsets_of_random_graphs():
    for seed in range(60):
        graph = nx.gnp_random_graph(9, (seed % 6 + 1) / 7, seed=seed)
        largest = maximum_independent_set(edges(graph), 9)
        assert is_independent(edges(graph), largest)
        assert int(largest.sum()) == by_subsets(edges(graph), 9)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_equals_the_largest_clique_of_the_complement(p):
    for seed in range(4):
        graph = nx.gnp_random_graph(28, p, seed=seed)
        _, size = nx.max_weight_clique(nx.complement(graph), weight=None)
        assert int(maximum_independent_set(edges(graph), 28).sum()) == size


CLOSED = {
    "nothing": (nx.empty_graph(0), 0),
    "no edges": (nx.empty_graph(5), 5),
    "path": (nx.path_graph(41), 21),
    "odd cycle": (nx.cycle_graph(41), 20),
    "complete": (nx.complete_graph(40), 1),
    "bipartite": (nx.complete_bipartite_graph(13, 21), 21),
    "petersen": (nx.petersen_graph(), 4),
    "hypercube": (nx.convert_node_labels_to_integers(nx.hypercube_graph(6)), 32),
    "kings of chess": (nx.strong_product(nx.path_graph(8), nx.path_graph(8)), 16),
    "kneser": (nx.kneser_graph(7, 2), 6),
    "cliques in a row": (nx.ring_of_cliques(30, 8), 30),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    graph, size = CLOSED[name]
    graph = nx.convert_node_labels_to_integers(graph)
    largest = maximum_independent_set(edges(graph), len(graph))
    assert int(largest.sum()) == size
    assert is_independent(edges(graph), largest)


def wei(graph):
    return sum(1 / (degree + 1) for _, degree in graph.degree)


@pytest.mark.parametrize("order", ["degree", "random"])
def test_greedy_sets_are_independent_and_cannot_be_added_to(order):
    graphs = [nx.gnp_random_graph(30, p, seed=3) for p in (0, 0.05, 0.2, 0.6, 1)]
    graphs += [nx.convert_node_labels_to_integers(graph) for graph, _ in CLOSED.values()]
    for graph in graphs:
        edge_index, size = edges(graph), len(graph)
        chosen = greedy_independent_set(edge_index, size, order=order, seed=1)
        assert is_independent(edge_index, chosen)
        for node in (~chosen).nonzero().flatten():
            more = chosen.clone()
            more[node] = True
            assert not is_independent(edge_index, more)
        if order == "degree":
            assert int(chosen.sum()) >= wei(graph) - 1e-9


def test_the_least_degree_of_what_is_left_is_taken():
    for seed in range(20):
        graph = nx.gnp_random_graph(25, 0.2, seed=seed)
        left, taken = graph.copy(), []
        while left:
            node = min(left, key=lambda v: (left.degree(v), v))
            taken.append(node)
            left.remove_nodes_from([node, *left[node]])
        chosen = greedy_independent_set(edges(graph), 25)
        assert chosen.nonzero().flatten().tolist() == sorted(taken)


def test_random_orders_reach_the_bound_on_average():
    """E of the greedy set is at least the sum of 1 / (d + 1), and equal on disjoint cliques."""
    graph = nx.disjoint_union_all([nx.star_graph(6), nx.gnp_random_graph(12, 0.3, seed=1)])
    sizes = [
        int(greedy_independent_set(edges(graph), len(graph), order="random", seed=seed).sum())
        for seed in range(600)
    ]
    mean, spread = torch.tensor(sizes).double().mean(), torch.tensor(sizes).double().std()
    assert mean + 4 * spread / 600**0.5 >= wei(graph)
    assert len(set(sizes)) > 2
    cliques = nx.disjoint_union_all([nx.complete_graph(n) for n in (1, 2, 5)])
    assert int(greedy_independent_set(edges(cliques), 8, order="random", seed=2).sum()) == 3


def test_directions_repetitions_and_loops_do_not_matter():
    pairs = torch.tensor([[0, 1, 1, 1, 2, 3], [1, 0, 2, 2, 2, 3]])
    assert maximum_independent_set(pairs).tolist() == [True, False, True, True]
    assert greedy_independent_set(pairs).tolist() == [True, False, True, True]
    assert is_independent(pairs, torch.tensor([True, False, True, True]))
    assert not is_independent(pairs, torch.tensor([False, True, True, False]))


def test_bad_inputs():
    pairs, whole = torch.tensor([[0, 1], [1, 2]]), torch.ones(3, dtype=torch.bool)
    for given, words in (
        (lambda: maximum_independent_set(pairs.float()), "edge_index: got torch.float32"),
        (lambda: maximum_independent_set(pairs[0]), "edge_index: got shape (2,)"),
        (lambda: maximum_independent_set(pairs, 2), "outside the graph of 2 nodes"),
        (lambda: maximum_independent_set(pairs - 1, 3), "outside the graph of 3 nodes"),
        (lambda: maximum_independent_set(pairs, time_limit=0), "time_limit: got 0"),
        (lambda: greedy_independent_set(pairs, order="degre"), "unknown order 'degre'"),
        (lambda: is_independent(pairs, whole.long()), "chosen: got torch.int64"),
        (lambda: is_independent(pairs, whole[:2]), "outside the graph of 2 nodes"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)


def test_no_largest_set_in_no_time():
    graph = nx.gnp_random_graph(200, 0.1, seed=0)
    with pytest.raises(ConvergenceError, match="no largest set within"):
        maximum_independent_set(edges(graph), 200, time_limit=0.01)
