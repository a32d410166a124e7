from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, InMemoryDataset

from graphpoly.expressivity import GraphSet, of_networkx
from tests.expressivity.test_colors import labelled


def test_selected_graphs_are_the_graphs() -> None:
    graphs = [labelled(seed) for seed in (1, 7, 13, 19, 31)]
    for graph in graphs:
        graph.x = torch.zeros(graph.num_nodes) if graph.x is None else graph.x.float()
        edges = graph.edge_index.size(1)
        graph.edge_attr = torch.zeros(edges) if graph.edge_attr is None else graph.edge_attr.float()
        graph.y = torch.tensor([int(graph.num_nodes)])
    chosen = GraphSet.of(graphs).select(torch.tensor([3, 0, 4]))
    expected = GraphSet.of([graphs[3], graphs[0], graphs[4]])
    for key in ("edge_index", "ptr", "x", "edge_attr", "y"):
        assert torch.equal(getattr(chosen, key), getattr(expected, key)), key


class Kept(InMemoryDataset):
    """Graphs that are held as PyG holds them."""

    def __init__(self, graphs: list[Data]) -> None:
        super().__init__()
        self.data, self.slices = self.collate(graphs)


@pytest.mark.parametrize("features", [True, False])
def test_datasets_batches_and_lists_are_read_alike(features) -> None:
    graphs = []
    for n in (4, 1, 6):
        graph = of_networkx(nx.path_graph(n))
        if features:
            graph.x = torch.rand(n, 2)
        graph.y = torch.tensor([n])
        graphs.append(graph)
    expected = GraphSet.of(graphs)
    for other in (Batch.from_data_list(graphs), Kept(graphs)):
        found = GraphSet.of(other)
        for key in ("edge_index", "ptr", "y"):
            assert torch.equal(getattr(found, key), getattr(expected, key)), key
        assert found.x is None if not features else torch.equal(found.x, expected.x)
    # a part of a dataset is taken graph by graph
    assert GraphSet.of(Kept(graphs)[1:]).ptr.tolist() == [0, 1, 7]


def test_what_is_no_graph_is_named() -> None:
    with pytest.raises(TypeError, match="graphs: got int"):
        GraphSet.of(3)
    with pytest.raises(TypeError, match=r"graphs\[0\]: got str"):
        GraphSet.of(["x"])
