from __future__ import annotations

import networkx as nx
import pytest
import torch

from benchmarks import extrapolation
from graphpoly.data import extrapolation_graphs
from graphpoly.data.extrapolation import EXTRAPOLATION_FAMILIES, EXTRAPOLATION_TASKS

ALL = tuple(EXTRAPOLATION_FAMILIES)


def as_networkx(data) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(data.edge_index.T.tolist())
    return graph


@pytest.mark.parametrize("family", ALL)
def test_families_are_what_they_are_called(family):
    for data in extrapolation_graphs("max_degree", 6, (20, 30), families=[family], seed=3):
        graph = as_networkx(data)
        assert 20 <= len(graph) <= 30
        assert nx.is_connected(graph)
        assert data.is_undirected()
        assert data.num_edges == 2 * graph.number_of_edges()
        degrees = [degree for _, degree in graph.degree]
        if family in ("tree", "path", "star"):
            assert nx.is_tree(graph)
        if family == "expander":
            assert set(degrees) in ({4}, {6})
        if family == "path":
            assert sorted(degrees) == [1, 1, *[2] * (len(graph) - 2)]
        if family == "star":
            assert max(degrees) == len(graph) - 1
        if family == "barabasi_albert":
            n = len(graph)
            assert graph.number_of_edges() in [m * (n - m) for m in (2, 3, 4)]
        if family == "erdos_renyi":
            assert 0.08 < nx.density(graph) < 0.65


def test_sizes_and_families_take_their_turns():
    graphs = extrapolation_graphs("inverse_size", 300, (8, 10), families=["path", "star"])
    assert {data.num_nodes for data in graphs} == {8, 9, 10}
    ends = [max(degree for _, degree in as_networkx(data).degree) for data in graphs]
    assert all((end == 2) == (at % 2 == 0) for at, end in enumerate(ends))


@pytest.mark.parametrize("task", ["inverse_size", "max_degree", "harmonic"])
def test_labels_of_graphs(task):
    for data in extrapolation_graphs(task, len(ALL), families=ALL):
        degrees = [degree for _, degree in as_networkx(data).degree]
        expected = {
            "inverse_size": 1 / len(degrees),
            "max_degree": max(degrees),
            "harmonic": len(degrees) / sum(1 / degree for degree in degrees),
        }[task]
        assert data.y.shape == (1, 1)
        assert data.y.item() == pytest.approx(expected, rel=1e-6)
        assert torch.equal(data.x, torch.ones(data.num_nodes, 1))


def test_harmonic_means_of_neighbors():
    for data in extrapolation_graphs("node_harmonic", len(ALL), families=ALL):
        graph = as_networkx(data)
        x = data.x.flatten().tolist()
        assert 1 <= min(x) < 2 < 4 < max(x) <= 5
        for node in graph:
            near = [x[other] for other in graph[node]]
            expected = len(near) / sum(1 / value for value in near)
            assert data.y[node].item() == pytest.approx(expected, rel=1e-5)
        assert data.mask.all()


def test_shortest_paths_of_two_edges():
    """Against the square of the matrix of lengths in the algebra of minimum and plus."""
    for data in extrapolation_graphs("shortest_path", len(ALL), families=ALL):
        size = data.num_nodes
        length = torch.full((size, size), torch.inf)
        length[data.edge_index[0], data.edge_index[1]] = data.edge_weight
        assert torch.equal(length, length.T)
        assert not length.diagonal().any()
        proper = data.edge_weight[data.edge_index[0] != data.edge_index[1]]
        assert 1 <= proper.min() < proper.max() <= 5
        square = (length.unsqueeze(2) + length.unsqueeze(0)).amin(1)
        (source,) = data.x.flatten().nonzero().flatten().tolist()
        near = square[source].isfinite()
        near[source] = False
        assert torch.equal(data.mask, near)
        assert torch.equal(data.y[near, 0], square[source, near])
        assert not data.y[~near].any()


@pytest.mark.parametrize("task", EXTRAPOLATION_TASKS)
def test_the_seed_decides(task):
    first, again, other = (
        extrapolation_graphs(task, 4, families=ALL[:4], seed=seed) for seed in (1, 1, 2)
    )
    for one, same in zip(first, again, strict=True):
        assert all(torch.equal(one[key], same[key]) for key in ("x", "y", "edge_index"))
    assert any(
        one.edge_index.shape != two.edge_index.shape for one, two in zip(first, other, strict=True)
    )


def test_every_norm_begins_elsewhere():
    torch.manual_seed(0)
    net = extrapolation.Network("max_degree", extrapolation.METHODS["GNP"]).double()
    for _ in range(20):
        extrapolation.draw_exponents(net)
        drawn = [(norm.p.abs().unique(), norm.q.unique()) for norm in (net.first, net.second)]
        for p, q in drawn:
            assert p.numel() == q.numel() == 1
            assert 1 <= p <= extrapolation.LARGEST_P
            assert 0 <= q <= extrapolation.LARGEST_Q
        assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "max_degre"}, "did you mean 'max_degree'"),
        ({"families": ["stars"]}, "did you mean 'star'"),
        ({"families": []}, "families: got none"),
        ({"num_graphs": 0}, "num_graphs: got 0"),
        ({"sizes": (7, 9)}, "sizes: got"),
        ({"sizes": (30, 20)}, "sizes: got"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError) as caught:
        extrapolation_graphs(**{"task": "max_degree", "num_graphs": 1, **arguments})
    assert words in str(caught.value)
