import itertools

import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.rewiring.measures import (
    commute_time,
    effective_resistance,
    sketched_resistance,
    total_resistance,
)
from graphpoly.testing import assert_close
from tests.rewiring.graphs import edges, non_edges, random_graphs


def resistance(graph):
    return effective_resistance(edges(graph), len(graph))


def test_closed_forms():
    for n in (3, 6, 9):
        ring = resistance(nx.cycle_graph(n))
        for k in range(n):
            assert ring[0, k].item() == pytest.approx(k * (n - k) / n, abs=1e-12)
        whole = resistance(nx.complete_graph(n))
        assert_close(whole, 2 / n * (1 - torch.eye(n, dtype=torch.float64)))
        total = total_resistance(edges(nx.cycle_graph(n)))
        assert total == pytest.approx((n**3 - n) / 12, rel=1e-12)
    for m, n in ((2, 3), (4, 4), (1, 5)):
        found = resistance(nx.complete_bipartite_graph(m, n))
        assert found[0, m].item() == pytest.approx((m + n - 1) / (m * n), abs=1e-12)
    cube = nx.convert_node_labels_to_integers(nx.hypercube_graph(3))
    found, away = resistance(cube), dict(nx.all_pairs_shortest_path_length(cube))
    for v in cube:
        if away[0][v] in (1, 3):
            assert found[0, v].item() == pytest.approx({1: 7 / 12, 3: 5 / 6}[away[0][v]], abs=1e-12)
    tree = nx.random_labeled_tree(14, seed=1)
    away = dict(nx.all_pairs_shortest_path_length(tree))
    expected = torch.tensor([[away[u][v] for v in range(14)] for u in range(14)]).double()
    assert_close(resistance(tree), expected, kind="accumulated")


def test_foster_and_rayleigh():
    for graph in random_graphs(30, 12, seed=3):
        pairs = edges(graph)
        found = effective_resistance(pairs, len(graph), pairs=pairs)
        parts = nx.number_connected_components(graph)
        assert found.sum().item() / 2 == pytest.approx(len(graph) - parts, abs=1e-10)
        before = resistance(graph)
        for pair in non_edges(graph)[:2]:
            more = nx.Graph(graph)
            more.add_edge(*pair)
            assert (resistance(more) <= before + 1e-10).all()


def test_total_is_the_sum_and_infinite_in_parts():
    for graph in random_graphs(20, 10, seed=1):
        total = total_resistance(edges(graph), len(graph))
        every = resistance(graph).triu(1).sum().item()
        assert total == pytest.approx(every, rel=1e-10)
        assert np.isinf(total) != nx.is_connected(graph)


def test_commute_times_solve_the_walk():
    """Hitting times by their linear system."""
    for graph in random_graphs(15, 8, seed=6, least=3):
        if not nx.is_connected(graph):
            continue
        n = len(graph)
        step = nx.to_numpy_array(graph, nodelist=range(n))
        step = step / step.sum(1, keepdims=True)
        hit = np.zeros((n, n))
        for v in range(n):
            other = [u for u in range(n) if u != v]
            inner = np.eye(n - 1) - step[np.ix_(other, other)]
            hit[other, v] = np.linalg.solve(inner, np.ones(n - 1))
        found = commute_time(edges(graph), n)
        assert_close(found, torch.from_numpy(hit + hit.T), kind="accumulated")
        pairs = torch.tensor([*itertools.combinations(range(n), 2)]).T
        assert_close(commute_time(edges(graph), n, pairs=pairs), found[pairs[0], pairs[1]])


def test_parts_count_by_themselves():
    graph = nx.disjoint_union(nx.path_graph(3), nx.empty_graph(2))
    found = resistance(graph)
    assert found[0, 2] == 2
    assert found[0, 3] == torch.inf
    assert found[3, 3] == 0
    assert commute_time(edges(graph), 5)[0, 2] == pytest.approx(8.0)
    pairs = torch.tensor([[0, 3, 3], [4, 3, 4]])
    assert effective_resistance(edges(graph), 5, pairs=pairs).tolist() == [np.inf, 0, np.inf]


def test_no_walk_leads_out_of_a_part():
    """From a node without edges either, whose component has no edge to count."""
    for graph in (*random_graphs(20, 8, seed=4), nx.empty_graph(3)):
        n = len(graph)
        found, apart = commute_time(edges(graph), n), resistance(graph).isinf()
        assert torch.equal(found.isinf(), apart)
        assert_close(found, found.T)
        pairs = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T
        assert_close(commute_time(edges(graph), n, pairs=pairs).view(n, n), found)


def test_sketches_are_near():
    graph = nx.connected_watts_strogatz_graph(300, 4, 0.2, seed=1)
    pairs = torch.randint(0, 300, (2, 200), generator=torch.Generator().manual_seed(1))
    exact = effective_resistance(edges(graph), 300, pairs=pairs)
    near = sketched_resistance(edges(graph), 300, pairs=pairs, error=0.3)
    apart = pairs[0] != pairs[1]
    assert ((near[apart] / exact[apart] - 1).abs() < 0.3).all()
    assert (near[~apart] == 0).all()
    again = sketched_resistance(edges(graph), 300, pairs=pairs, error=0.3)
    assert torch.equal(near, again)
    split = nx.disjoint_union(nx.path_graph(3), nx.empty_graph(1))
    found = sketched_resistance(edges(split), 4, pairs=torch.tensor([[0, 0], [3, 1]]), error=0.5)
    assert found[0] == torch.inf
    assert found[1].item() == pytest.approx(1.0, abs=0.3)


def test_refusals():
    pairs = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="no reverse"):
        effective_resistance(pairs[:, :1])
    with pytest.raises(ValueError, match=r"pairs: a node lies outside \[0, 2\)"):
        effective_resistance(pairs, pairs=torch.tensor([[0], [2]]))
    with pytest.raises(ValueError, match="got 20001 nodes"):
        effective_resistance(pairs, 20001)
    with pytest.raises(ValueError, match="error: got 0"):
        sketched_resistance(pairs, pairs=pairs, error=0.0)
    for tolerance in (-1e-3, 0.0, 1.0):
        with pytest.raises(ValueError, match="tolerance: got"):
            sketched_resistance(pairs, pairs=pairs, tolerance=tolerance)
