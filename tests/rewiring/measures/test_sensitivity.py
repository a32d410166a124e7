from functools import partial
from itertools import pairwise

import networkx as nx
import pytest
import torch

from graphpoly.rewiring import FoSR
from graphpoly.rewiring.measures import (
    effective_resistance,
    jacobian_obstruction,
    sensitivity,
    sensitivity_bound,
)
from graphpoly.testing import assert_close
from tests.rewiring.graphs import data_of, edges


def operator(graph):
    adjacency = torch.tensor(nx.to_numpy_array(graph, nodelist=range(len(graph))))
    root = adjacency.sum(1).rsqrt()
    return root[:, None] * adjacency * root


def network(graph, weights, activation=torch.relu, residual=0.0):
    step = residual * torch.eye(len(graph)).double() + operator(graph)

    def run(x):
        for weight in weights:
            x = activation(step @ x @ weight)
        return x

    return run


def bound(graph, layers, target, **constants):
    return sensitivity_bound(edges(graph), len(graph), layers, target, **constants)


def test_the_bound_holds():
    for seed in range(20):
        torch.manual_seed(seed)
        graph = nx.connected_watts_strogatz_graph(12, 4, 0.3, seed=seed)
        for activation in (torch.relu, torch.tanh):
            weights = [torch.randn(3, 3, dtype=torch.float64) for _ in range(4)]
            w = max(float(weight.abs().max()) for weight in weights)
            found = sensitivity(
                network(graph, weights, activation, 0.5), torch.randn(12, 3).double(), 0
            )
            limit = bound(graph, 4, 0, weight=w, width=3, residual=0.5)
            assert (found <= limit * (1 + 1e-12)).all()
            assert found.max() > 0


def test_the_bound_is_tight_on_linear_networks():
    """All weights equal: every inequality of the proof is an equality."""
    graph = nx.random_regular_graph(3, 12, seed=2)
    weights = [torch.full((4, 4), -0.3, dtype=torch.float64)] * 3
    found = sensitivity(network(graph, weights, lambda x: x), torch.randn(12, 4).double(), 5)
    assert_close(found, bound(graph, 3, 5, weight=0.3, width=4))


def test_the_bound_follows_the_edges():
    """Of a directed graph, too: S is not symmetric there."""
    torch.manual_seed(0)
    pairs = torch.tensor([[0, 1, 2, 0, 3, 1], [1, 2, 3, 2, 1, 1]])
    weight = torch.rand(6).double()
    adjacency = torch.zeros(4, 4).double().index_put((pairs[1], pairs[0]), weight)
    degree = adjacency.sum(1)
    root = torch.where(degree > 0, degree, torch.inf).rsqrt()
    step = 0.5 * torch.eye(4).double() + root[:, None] * adjacency * root
    graph = torch.sparse_coo_tensor(pairs.flip(0), weight, (4, 4)).coalesce()
    for target in range(4):
        found = sensitivity_bound(graph, 4, 3, target, residual=0.5)
        assert_close(found, torch.linalg.matrix_power(step, 3)[target])


def test_weights_below_zero_have_no_bound():
    graph = torch.eye(3).sub(2).to_sparse()
    with pytest.raises(ValueError, match="below 0"):
        sensitivity_bound(graph, 3, 2, 0)


def test_norms():
    matrix = torch.tensor([[1.0, -2.0, 3.0], [0.0, 4.0, -1.0]]).double()
    # rows of two channels out of three features
    x = torch.randn(2, 3, dtype=torch.float64)
    for norm, value in (
        ("1", 6.0),
        ("inf", 6.0),
        ("fro", 31.0**0.5),
        ("2", float(torch.linalg.matrix_norm(matrix, 2))),
    ):
        assert_close(sensitivity(lambda x: x @ matrix.T, x, 1, norm=norm)[1], torch.tensor(value))
    with pytest.raises(ValueError, match="norm"):
        sensitivity(lambda x: x, x, 0, norm="3")


def crossed_ring(r):
    """Two nodes at each distance 1, ..., r - 1 from either end, all of them joined to the next."""
    levels = [[0], *[[2 * i - 1, 2 * i] for i in range(1, r)], [2 * r - 1]]
    pairs = [(a, b) for one, next_ in pairwise(levels) for a in one for b in next_]
    return nx.Graph(pairs), 0, 2 * r - 1


def clique_path(m, r):
    """A clique of m nodes with a path of r - 1 edges behind one of them; the source is another."""
    graph = nx.complete_graph(m)
    nx.add_path(graph, [m - 1, *range(m, m + r - 1)])
    return graph, 0, m + r - 2


def test_closed_forms_between_two_ends():
    for r in (3, 5, 8):
        ring = nx.cycle_graph(2 * r)
        assert bound(ring, r, r)[0].item() == pytest.approx(2.0 ** -(r - 1), rel=1e-12)
        graph, source, target = crossed_ring(r)
        # 2^(r-1) ways; degrees 2, 3, then 4 (3 before the end), 2
        inner = {3: 1 / (6**0.5 * 3 * 6**0.5)}.get(r, 1 / (6 * 12 * 4.0 ** (r - 4)))
        expected = 2.0 ** (r - 1) * inner
        assert bound(graph, r, target)[source].item() == pytest.approx(expected, rel=1e-12)
        graph, source, target = clique_path(r, r)
        # one way: degrees r - 1, r, 2, ..., 2, 1
        expected = ((r - 1) * r * r * 2) ** -0.5 * 2.0 ** -(r - 3) * 2**-0.5
        assert bound(graph, r, target)[source].item() == pytest.approx(expected, rel=1e-12)
        # one way from the root of a binary tree to a leaf: degrees 2, 3, ..., 3, 1
        tree = nx.balanced_tree(2, r)
        expected = 3.0 ** -(r - 1) * 2**-0.5
        assert bound(tree, r, 0)[len(tree) - 1].item() == pytest.approx(expected, rel=1e-12)


def test_sensitivity_falls_with_resistance_and_rewiring_raises_it():
    graph = nx.barbell_graph(6, 4)
    n = len(graph)
    weights = [torch.eye(2, dtype=torch.float64)] * 10
    found = sensitivity(network(graph, weights, lambda x: x, 1.0), torch.randn(n, 2).double(), 0)
    resistance = effective_resistance(edges(graph), n)[0]
    along = [5, 6, 7, 8, 9, 10]  # from one clique to the other
    assert (resistance[along].diff() > 0).all()
    assert (found[along].diff() < 0).all()
    more = FoSR(2)(data_of(graph))
    wired = nx.Graph(more.edge_index.T.tolist())
    after = sensitivity(network(wired, weights, lambda x: x, 1.0), torch.randn(n, 2).double(), 0)
    assert after[n - 1] > 3 * found[n - 1]


def test_obstruction_grows_with_resistance():
    """In the mean over random ReLU networks, on a ring and on a path, by distance."""
    for graph in (nx.cycle_graph(9), nx.path_graph(8)):
        torch.manual_seed(0)
        n = len(graph)
        step = (operator(graph) + torch.eye(n).double()) / 2
        degree = torch.tensor([graph.degree(v) for v in range(n)])
        total = torch.zeros(n, dtype=torch.float64)
        for _ in range(10):
            weights = torch.randn(10, 8, 8, dtype=torch.float64) / 2
            layers = [partial(_layer, step, weight) for weight in weights]
            x = torch.randn(n, 8, dtype=torch.float64)
            total += torch.stack([jacobian_obstruction(layers, x, 1, u, degree) for u in range(n)])
        resistance = effective_resistance(edges(graph), n)[1]
        assert total[1] < 1e-10  # a node and itself
        away = torch.arange(1, 6)
        assert (resistance[away].diff() > 0).all()
        assert (total[away].diff() > 0).all()


def _layer(step, weight, x):
    return torch.relu(step @ x @ weight)


def test_refusals():
    with pytest.raises(ValueError, match="layers: got -1"):
        bound(nx.path_graph(3), -1, 0)
