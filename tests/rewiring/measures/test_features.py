import networkx as nx
import pytest
import torch
from torch_geometric.utils import get_laplacian, to_dense_adj

from graphpoly.rewiring.measures import dirichlet_energy, mean_average_distance
from graphpoly.testing import assert_close, graph_zoo
from tests.rewiring.graphs import edges


def test_energy_is_a_quadratic_form():
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        if name in ("directed", "one_edge"):
            continue
        pairs, weight, n = data.edge_index, data.edge_weight, data.num_nodes
        index, value = get_laplacian(pairs, weight, num_nodes=n)
        laplacian = to_dense_adj(index, edge_attr=value, max_num_nodes=n)[0]
        expected = torch.trace(data.x.T @ laplacian @ data.x)
        assert_close(dirichlet_energy(data.x, pairs, weight, normalize=False), expected)
        degree = 1 + torch.zeros(n).double().index_add(0, pairs[1], weight)
        scaled = data.x / degree.sqrt()[:, None]
        expected = torch.trace(scaled.T @ laplacian @ scaled)
        assert_close(dirichlet_energy(data.x, pairs, weight), expected)


def test_energy_of_what_is_smooth():
    graph = nx.random_regular_graph(3, 10, seed=0)
    assert dirichlet_energy(torch.ones(10, 2), edges(graph)) == 0
    x = torch.randn(10, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: dirichlet_energy(x, edges(graph)), x)


def test_whole_numbers_are_measured_like_others():
    x, pairs = torch.tensor([[0, 2], [1, 0], [3, 4]]), edges(nx.path_graph(3))
    weight = torch.tensor([0.5, 0.25, 0.5, 0.25])
    for normalize in (True, False):
        for given in (weight, None):
            found = dirichlet_energy(x, pairs, given, normalize=normalize)
            assert_close(found, dirichlet_energy(x.float(), pairs, given, normalize=normalize))
    for graph in (pairs, None):
        assert_close(mean_average_distance(x, graph), mean_average_distance(x.float(), graph))


def test_degrees_that_are_no_divisors_are_refused():
    pairs = edges(nx.path_graph(3))
    for weight in (-torch.ones(4), -0.5 * torch.ones(4)):
        with pytest.raises(ValueError, match="edge_weight: got a degree of"):
            dirichlet_energy(torch.ones(3), pairs, weight)
        assert dirichlet_energy(torch.arange(3.0), pairs, weight, normalize=False) < 0


def brute_force(x, pairs=None):
    n, rows = x.size(0), []
    for u in range(n):
        if pairs is None:
            near = [v for v in range(n) if v != u]
        else:
            near = [a for a, b in pairs.T.tolist() if b == u and a != u]
        if near:
            distance = [1 - torch.cosine_similarity(x[u], x[v], dim=0) for v in near]
            rows.append(sum(distance) / len(distance))
    return sum(rows) / len(rows) if rows else torch.tensor(0.0)


def test_mean_average_distance():
    for data in graph_zoo(num_features=4, dtype=torch.float64).values():
        expected = brute_force(data.x, data.edge_index)
        found = mean_average_distance(data.x, data.edge_index)
        assert_close(found, torch.as_tensor(expected, dtype=torch.float64))
        every = torch.as_tensor(brute_force(data.x), dtype=torch.float64)
        assert_close(mean_average_distance(data.x), every)
    assert mean_average_distance(torch.ones(4, 2)).abs() < 1e-6
    assert mean_average_distance(torch.tensor([[1.0], [-1.0]])) == 2
