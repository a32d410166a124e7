import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.rewiring import DIGL
from tests.rewiring.graphs import data_of, random_graphs


def diffusion(graph, alpha):
    adjacency = nx.to_numpy_array(graph, nodelist=range(len(graph))) + np.eye(len(graph))
    root = adjacency.sum(1) ** -0.5
    step = root[:, None] * adjacency * root
    return alpha * np.linalg.inv(np.eye(len(graph)) - (1 - alpha) * step)


def pairs_of(data):
    return {(u, v) for u, v in data.edge_index.T.tolist() if u < v}


def test_edges_are_those_of_the_diffusion():
    for graph in random_graphs(40, 12, seed=2):
        dense = diffusion(graph, 0.2)
        n = len(graph)
        above = {(u, v) for u in range(n) for v in range(u + 1, n) if dense[u, v] >= 0.05}
        assert pairs_of(DIGL(0.2, eps=0.05)(data_of(graph))) == above
        kept = pairs_of(DIGL(0.2, k=3)(data_of(graph)))
        for u in range(n):
            order = np.sort(dense[:, u])[::-1]
            bar = order[min(3, n) - 1]
            certain = {v for v in range(n) if v != u and dense[v, u] > bar + 1e-9}
            assert all((min(u, v), max(u, v)) in kept for v in certain)
        for u, v in kept:
            bars = [np.sort(dense[:, w])[::-1][min(3, n) - 1] for w in (u, v)]
            assert dense[u, v] >= min(bars) - 1e-9


def test_parts_that_nothing_diffuses_between_are_not_joined():
    for graph in random_graphs(40, 12, seed=3):
        whole = nx.disjoint_union_all([graph, nx.path_graph(2), nx.empty_graph(1)])
        made = DIGL(0.2, k=5)(data_of(whole))
        part = {v: i for i, own in enumerate(nx.connected_components(whole)) for v in own}
        assert all(part[u] == part[v] for u, v in pairs_of(made))


def test_refusals():
    for arguments, message in (
        ({"alpha": 1.0, "k": 3}, "alpha: got 1.0"),
        ({}, "k, eps: got None and None"),
        ({"k": 1, "eps": 0.1}, "expected one of them"),
        ({"k": 0}, "k: got 0"),
        ({"eps": 0.0}, "eps: got 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            DIGL(**arguments)


def test_more_pairs_than_there_is_memory_for():
    pairs = torch.tensor([[0, 1], [1, 0]], device="cpu")
    with pytest.raises(ValueError, match="all pairs of 3000000 nodes: no memory"):
        DIGL(k=4)(Data(edge_index=pairs, num_nodes=3_000_000))
