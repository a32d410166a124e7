from __future__ import annotations

import networkx as nx
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import isomorphic, of_networkx
from tests.expressivity.test_duplicates import moved


def test_isomorphism_is_that_of_networkx() -> None:
    for seed in range(40):
        graphs = [nx.gnm_random_graph(6, 6, seed=2 * seed + i, directed=seed % 2) for i in range(2)]
        expected = nx.is_isomorphic(*graphs)
        assert isomorphic(*(of_networkx(graph) for graph in graphs)) == expected
        assert isomorphic(of_networkx(graphs[0]), moved(of_networkx(graphs[0]), seed))


def test_parallel_edges_and_their_labels_count() -> None:
    edges = torch.tensor([[0, 0, 1], [1, 1, 0]])
    labels = [torch.tensor(label) for label in ([0, 1, 0], [1, 0, 0], [0, 0, 1])]
    graphs = [Data(edge_index=edges, edge_attr=label, num_nodes=2) for label in labels]
    assert isomorphic(graphs[0], graphs[1])
    assert not isomorphic(graphs[0], graphs[2])
