import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader

from graphpoly.features import AddPaths, stored_paths
from graphpoly.ops import enumerate_paths
from graphpoly.testing import graph_zoo
from tests.ops.test_enumerate_paths import edges


def test_a_batch_has_the_paths_of_its_graphs():
    """Unequal graphs, some of them without a path of some length, or without nodes to speak of."""
    for paths, distances in (("simple", True), ("shortest", False), ("single", True)):
        transform = AddPaths(4, paths=paths, distances=distances)
        graphs = [transform(data) for data in graph_zoo().values()]
        batch = Batch.from_data_list(graphs)
        listed = enumerate_paths(
            batch.edge_index, 4, batch.num_nodes, paths=paths, distances=distances
        )
        for stored, expected in zip(stored_paths(batch), listed, strict=True):
            assert torch.equal(stored.node, expected.node.long())
            assert (stored.distance is None) == (not distances)
            assert not distances or torch.equal(stored.distance, expected.distance)
        # and back
        for one, other in zip(batch.to_data_list(), graphs, strict=True):
            for k in range(1, 5):
                assert torch.equal(one[f"path_index_{k}"], other[f"path_index_{k}"])


def test_loader():
    graphs = [
        Data(edge_index=edges(graph), num_nodes=len(graph), y=torch.tensor([i]))
        for i, graph in enumerate(
            [nx.path_graph(2), nx.empty_graph(3), nx.cycle_graph(5), nx.star_graph(4)]
        )
    ]
    loader = DataLoader([AddPaths(3)(data) for data in graphs], batch_size=3)
    first, second = loader
    one, two, three = stored_paths(first)
    assert [p.num_paths for p in (one, two, three)] == [2 + 10, 10, 0]
    assert two.node.min() >= 5
    assert first.batch[two.node].unique().tolist() == [2]
    assert [p.num_paths for p in stored_paths(second)] == [8, 12, 0]


def test_defaults_and_other_forms():
    pairs = edges(nx.petersen_graph())
    data = Data(edge_index=pairs, num_nodes=10, x=torch.zeros(10, 1))
    assert stored_paths(data) is None
    made = AddPaths(2, paths="simple")(data)
    assert "path_index_1" not in data
    assert made.path_distance_2.shape == (60, 3)
    assert AddPaths(2)(data).get("path_distance_2") is None
    adj_t = torch.sparse_coo_tensor(pairs.flip(0), torch.ones(30), (10, 10)).to_sparse_csr()
    other = AddPaths(2, paths="simple")(Data(adj_t=adj_t, num_nodes=10))
    assert torch.equal(other.path_index_2, made.path_index_2)
    sampled = AddPaths(2, paths="simple", sample=7, seed=1)(data)
    assert [p.num_paths for p in stored_paths(sampled)] == [7, 7]


def test_repr_names_every_argument():
    """PyG keys what it stores on disk by it."""
    text = "AddPaths(3, paths='simple', distances=True, seed=None, max_paths=9, sample=None)"
    assert repr(AddPaths(3, paths="simple", max_paths=9)) == text
    assert repr(eval(text)) == text


def test_refusals():
    with pytest.raises(TypeError, match="HeteroData"):
        AddPaths(2)(HeteroData())
    with pytest.raises(ValueError, match="K: got 0"):
        AddPaths(0)
    with pytest.raises(ValueError, match="unknown paths"):
        AddPaths(1, paths="all")
    data = Data(edge_index=edges(nx.complete_graph(5)), num_nodes=5)
    with pytest.raises(ValueError, match="max_paths is 79"):
        AddPaths(2, paths="simple", max_paths=79)(data)
