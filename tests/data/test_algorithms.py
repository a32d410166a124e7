"""Answers against networkx, scipy and numpy, and every step against plain loops."""

from __future__ import annotations

import dataclasses

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import bellman_ford, floyd_warshall
from torch_geometric.data import Batch

from graphpoly.data import ALGORITHMS, algorithm_traces, find_dataset, hint_kinds
from tests.data import plain_algorithms

OF_KEYS = ("minimum", "insertion_sort", "quickselect")
SIZES = (1, 2, 3, 5, 7, 9)
COUNT = 200


def lengths(data):
    """The lengths of the edges by their ends, loops of length 0 included."""
    there = data.get("edge_mask", torch.ones(data.num_edges, dtype=torch.bool))
    weight = data.get("edge_weight", torch.ones(data.num_edges))
    pairs = zip(*data.edge_index[:, there].tolist(), strict=True)
    return dict(zip(pairs, weight[there].tolist(), strict=True))


def matrix(data):
    """Lengths ``[n, n]``, infinite where there is no edge, 0 on the diagonal."""
    dense = np.full((data.num_nodes, data.num_nodes), np.inf)
    for (i, j), length in lengths(data).items():
        dense[i, j] = length if i != j else 0
    return dense


def source(data):
    return int(data.x[:, 1].argmax())


def drawn(algorithm, count=COUNT, **options):
    return algorithm_traces(algorithm, count, **{"sizes": SIZES, "p": 0.35, "seed": 4, **options})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_step_follows_from_the_one_before(algorithm):
    run = getattr(plain_algorithms, f"plain_{algorithm}")
    for data in drawn(algorithm):
        if algorithm in OF_KEYS:
            states = run(data.x[:, 1].tolist())
        elif algorithm == "floyd_warshall":
            states = run(data.num_nodes, lengths(data))
        else:
            states = run(data.num_nodes, lengths(data), source(data))
        length = int(data.steps.sum())
        assert data.steps[0, :length].all()
        for step, state in zip(range(length), states, strict=True):
            assert {f"hint_{name}" for name in state} == {k for k in data.to_dict() if "hint" in k}
            for name, value in state.items():
                hint = data[f"hint_{name}"][:, step]
                assert torch.equal(hint, torch.tensor(value, dtype=hint.dtype)), (name, step)
        for name in state:
            hint = data[f"hint_{name}"]
            assert (hint[:, length - 1 :] == hint[:, length - 1 : length]).all()


def test_bfs_gives_the_tree_of_shortest_paths():
    for data in drawn("bfs"):
        graph, root = nx.DiGraph([*lengths(data)]), source(data)
        level = nx.single_source_shortest_path_length(graph, root)
        for node, before in enumerate(data.pointer.tolist()):
            if node == root or node not in level:
                assert before == node
            else:
                nearer = (u for u in graph.predecessors(node) if level.get(u) == level[node] - 1)
                assert before == min(nearer)
        assert data.hint_reached[:, -1].nonzero().flatten().tolist() == sorted(level)
        assert int(data.steps.sum()) == max(level.values()) + 1


def test_bellman_ford_gives_the_distances():
    for data in drawn("bellman_ford"):
        distance = bellman_ford(
            np.where(np.isinf(matrix(data)), 0, matrix(data)), indices=source(data)
        )
        reached = data.hint_reached[:, -1].numpy()
        assert (reached == np.isfinite(distance)).all()
        np.testing.assert_allclose(data.hint_distance[reached, -1], distance[reached], rtol=1e-6)
        for node, before in enumerate(data.pointer.tolist()):
            if reached[node] and node != source(data):
                way = distance[before] + matrix(data)[before, node]
                assert way == pytest.approx(distance[node], rel=1e-12)


def test_floyd_warshall_gives_the_distances_and_the_ways():
    for data in drawn("floyd_warshall"):
        n, length = int(data.num_nodes), matrix(data)
        expected = floyd_warshall(np.where(length == 0, np.inf, length))
        distance = torch.where(data.hint_reached[:, -1], data.hint_distance[:, -1], torch.inf)
        np.testing.assert_allclose(distance.view(n, n), expected, rtol=1e-6)
        before = data.pointer.view(n, n).tolist()
        for i, j in np.argwhere(np.isfinite(expected)):
            node, walked = j, 0.0
            while node != i:
                walked, node = walked + length[before[i][node], node], before[i][node]
            assert walked == pytest.approx(expected[i, j], rel=1e-12)


def test_prim_gives_a_least_spanning_tree():
    for data in drawn("prim"):
        graph, root = nx.Graph(), source(data)
        graph.add_nodes_from(range(data.num_nodes))
        graph.add_weighted_edges_from((i, j, w) for (i, j), w in lengths(data).items() if i != j)
        part = nx.node_connected_component(graph, root)
        tree = [(v, u) for v, u in enumerate(data.pointer.tolist()) if u != v]
        grown = nx.Graph(tree)
        grown.add_node(root)
        assert nx.is_tree(grown)
        assert set(grown) == part
        least = nx.minimum_spanning_tree(graph.subgraph(part)).size("weight")
        assert sum(graph.edges[edge]["weight"] for edge in tree) == pytest.approx(least, rel=1e-12)
        assert set(data.hint_marked[:, -1].nonzero().flatten().tolist()) == part


def test_numbers_are_found_and_sorted():
    for data in drawn("minimum"):
        assert data.y.nonzero().flatten().tolist() == [int(data.x[:, 1].argmin())]
    for data in drawn("insertion_sort"):
        order = data.x[:, 1].argsort(stable=True)
        assert torch.equal(data.pointer[order[1:]], order[:-1])
        assert data.pointer[order[0]] == order[0]
    for data in drawn("quickselect"):
        keys = data.x[:, 1].numpy()
        middle = len(keys) // 2
        assert keys[data.y.numpy()].tolist() == [np.partition(keys, middle)[middle]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pointers_are_edges_in_a_batch_too(algorithm):
    graphs = drawn(algorithm, 12)
    batch = Batch.from_data_list(graphs)
    edges = set(zip(*batch.edge_index.tolist(), strict=True))
    for name in ("pointer", "hint_pointer"):
        if name not in batch:
            continue
        aims = batch[name] if batch[name].dim() == 2 else batch[name].unsqueeze(1)
        if algorithm == "floyd_warshall":  # of pairs
            assert (batch.batch[aims] == batch.batch[batch.edge_index[0]].unsqueeze(1)).all()
        else:
            nodes = torch.arange(batch.num_nodes).unsqueeze(1).expand_as(aims)
            found = zip(aims.flatten().tolist(), nodes.flatten().tolist(), strict=True)
            assert algorithm in OF_KEYS or set(found) <= edges
            assert (batch.batch[aims] == batch.batch.unsqueeze(1)).all()
    for graph, again in zip(graphs, batch.to_data_list(), strict=True):
        assert all(torch.equal(graph[key], again[key]) for key in graph.to_dict())


def test_a_seed_gives_the_same_and_sizes_are_those_that_are_asked_for():
    for algorithm in ALGORITHMS:
        first, again = (algorithm_traces(algorithm, 3, (64, 20), seed=9) for _ in range(2))
        assert [data.num_nodes for data in first] == [64, 20, 64]
        for one, other in zip(first, again, strict=True):
            assert all(torch.equal(one[key], other[key]) for key in one.to_dict())
    other = algorithm_traces("minimum", 1, (64,), seed=10)[0]
    assert not torch.equal(other.x, algorithm_traces("minimum", 1, (64,), seed=9)[0].x)


def test_edges_have_their_probability_and_one_length_both_ways():
    graphs = algorithm_traces("floyd_warshall", 30, (20,), p=0.3)
    there = torch.stack([data.edge_mask.view(20, 20) for data in graphs])
    length = torch.stack([data.edge_weight.view(20, 20) for data in graphs])
    assert torch.equal(there, there.mT)
    assert torch.equal(length, length.mT)
    assert (there.diagonal(dim1=1, dim2=2)).all()
    drawn_edges = int(there.triu(1).sum())
    assert abs(drawn_edges / (30 * 190) - 0.3) < 4 * (0.3 * 0.7 / (30 * 190)) ** 0.5
    assert 0 < length[there & (length > 0)].min() < 0.01
    assert 0.99 < length.max() <= 1


@pytest.mark.parametrize("algorithm", ["bfs", "bellman_ford", "prim", "floyd_warshall"])
def test_agrees_with_clrs(algorithm):
    graphs = pytest.importorskip("clrs._src.algorithms.graphs", reason="dm-clrs is not installed")
    run = getattr(graphs, {"prim": "mst_prim"}.get(algorithm, algorithm))
    for data in drawn(algorithm, 50):
        adjacency = np.where(np.isinf(matrix(data)), 0, matrix(data))
        given = () if algorithm == "floyd_warshall" else (source(data),)
        answer, _ = run(adjacency, *given)
        assert np.array_equal(np.asarray(answer).reshape(-1), data.pointer)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dijkstra", 1), "unknown algorithm 'dijkstra'"),
        (("bfs", 0), "num_graphs: got 0"),
        (("bfs", 1, ()), "sizes: got ()"),
        (("bfs", 1, (4, 0)), "sizes: got (4, 0)"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError) as caught:
        algorithm_traces(*arguments)
    assert words in str(caught.value)
    with pytest.raises(ValueError, match=r"p: got 1\.5"):
        algorithm_traces("bfs", 1, p=1.5)


def test_hints_say_what_they_are():
    marks = dict.fromkeys(("first", "last", "slot", "pivot", "node"), "mask")
    numbers = {"rank": "graph", "target": "graph"}
    for algorithm, kinds in {
        "bfs": {"pointer": "pointer", "reached": "mask"},
        "prim": {
            "pointer": "pointer",
            "key": "value",
            **dict.fromkeys(("marked", "queued", "node"), "mask"),
        },
        "minimum": {"least": "mask", "node": "mask"},
        "quickselect": {"pointer": "pointer", **marks, **numbers},
    }.items():
        assert hint_kinds(algorithm_traces(algorithm, 1, (5,))[0]) == kinds
    with pytest.raises(ValueError, match="data: hint_pointer is that of edges"):
        hint_kinds(algorithm_traces("floyd_warshall", 1, (5,))[0])
    for algorithm in ALGORITHMS:  # a hint of one node and one of its graph have the same shape
        with pytest.raises(ValueError, match="data: got a graph of 1 node"):
            hint_kinds(algorithm_traces(algorithm, 1, (1,))[0])


def test_the_test_has_larger_graphs_than_there_are_to_learn_from():
    entry = find_dataset("insertion-sort")
    reading = dataclasses.replace(entry.reading, train=6, val=2, test=3, test_size=20)
    loaded = entry.load(None, reading, 0)
    fold = loaded.split("drawn", 0)
    parts = (fold.train, fold.val, fold.test)
    sizes = [[loaded.graphs[i].num_nodes for i in part] for part in parts]
    assert sizes == [[4, 7, 11, 13, 16, 4], [16, 16], [20, 20, 20]]
    again = entry.load(None, reading, 1)
    assert all(torch.equal(a.x, b.x) for a, b in zip(loaded.graphs, again.graphs, strict=True))
