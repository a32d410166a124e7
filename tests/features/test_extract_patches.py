"""Patches in graphs, in batches and in loaders."""

from __future__ import annotations

import sys

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader

from graphpoly.features import ExtractPatches
from graphpoly.loader import PackedLoader, partition
from graphpoly.testing import graph_zoo
from tests.ops.test_enumerate_paths import edges


def data_of(graph):
    return Data(edge_index=edges(graph), num_nodes=len(graph))


def patches_of(data, num_patches):
    """The nodes of each patch of one graph."""
    node, number = data.patch_node_index, data.patch_number
    return [set(node[number == p].tolist()) for p in range(num_patches)]


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_patches_of_metis_with_exactly_the_neighbours(overlap):
    pytest.importorskip("pymetis", reason="pymetis is not installed")
    for seed in range(5):
        graph = nx.gnm_random_graph(40, 55, seed=seed)
        data = data_of(graph)
        parts = partition(data.edge_index, 6, 40, seed=3).tolist()
        expected = [set() for _ in range(6)]
        for v, part in enumerate(parts):
            expected[part] |= set(nx.single_source_shortest_path_length(graph, v, overlap))
        made = ExtractPatches(6, overlap=overlap, seed=3)(data)
        assert patches_of(made, 6) == expected


def test_every_node_and_with_an_overlap_every_edge_is_covered():
    for seed in range(100):
        graph = nx.gnp_random_graph(4 + seed % 17, 0.2, seed=seed, directed=bool(seed % 2))
        made = ExtractPatches(5, method="random", seed=seed)(data_of(graph))
        patches = patches_of(made, 5)
        assert set().union(*patches) == set(graph)
        assert all(any({u, v} <= patch for patch in patches) for u, v in graph.edges)


def test_fewer_nodes_than_patches():
    """A node and its neighbours each, at places that the seed decides."""
    graph = nx.path_graph(4)
    places = set()
    for seed in range(20):
        patches = patches_of(ExtractPatches(7, seed=seed)(data_of(graph)), 7)
        held = [patch for patch in patches if patch]
        assert sorted(map(sorted, held)) == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]
        places |= {p for p, patch in enumerate(patches) if patch}
    assert places == set(range(7))


def test_a_loader_gives_the_patches_of_its_graphs():
    graphs = [ExtractPatches(3, method="random")(data) for data in graph_zoo().values()]
    for loader in (DataLoader(graphs, batch_size=5), PackedLoader(graphs, batch_size=5)):
        seen = 0
        for batch in loader:
            graph = batch.batch[batch.patch_node_index]
            for i in range(batch.num_graphs):
                at, one = graph == i, graphs[seen]
                node = batch.patch_node_index[at] - batch.ptr[i]
                assert torch.equal(node, one.patch_node_index)
                assert torch.equal(batch.patch_number[at], one.patch_number)
                seen += 1
        assert seen == len(graphs)


def test_a_new_partition_each_time_only_where_it_is_asked_for():
    data = data_of(nx.gnm_random_graph(40, 80, seed=1))

    def drawn(count=5, **arguments):
        transform = ExtractPatches(6, **arguments)
        return {tuple(transform(data).patch_node_index.tolist()) for _ in range(count)}

    assert len(drawn(method="random")) == 1
    assert len(drawn(method="random", seed=None)) == 5
    torch.manual_seed(1)
    first = drawn(method="random", seed=None)
    torch.manual_seed(1)
    assert drawn(method="random", seed=None) == first
    pytest.importorskip("pymetis", reason="pymetis is not installed")
    assert len(drawn()) == len(drawn(drop=0.3)) == 1
    assert len(drawn(drop=0.3, seed=None)) == 5


def test_dropped_entries_are_hidden_from_the_partition_alone():
    pytest.importorskip("pymetis", reason="pymetis is not installed")
    data = data_of(nx.gnm_random_graph(40, 80, seed=1))
    nothing = Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=40)
    parts = patches_of(ExtractPatches(6, overlap=0)(nothing), 6)
    assert patches_of(ExtractPatches(6, overlap=0, drop=1.0)(data), 6) == parts
    near = [
        set().union(*({v, *data.edge_index[1][data.edge_index[0] == v].tolist()} for v in part))
        for part in parts
    ]
    assert patches_of(ExtractPatches(6, drop=1.0)(data), 6) == near


def test_other_forms():
    pairs = edges(nx.petersen_graph())
    transform = ExtractPatches(3, method="random")
    expected = transform(Data(edge_index=pairs, num_nodes=10))
    adj_t = torch.sparse_coo_tensor(pairs.flip(0), torch.ones(30), (10, 10)).to_sparse_csr()
    made = transform(Data(adj_t=adj_t, num_nodes=10))
    assert torch.equal(made.patch_node_index, expected.patch_node_index)
    both = transform(Batch.from_data_list([expected, expected]))
    assert torch.equal(both.patch_number, expected.patch_number.repeat(2))


def test_repr_names_every_argument():
    text = "ExtractPatches(4, overlap=2, method='random', drop=0.25, seed=None)"
    made = ExtractPatches(4, overlap=2, method="random", drop=0.25, seed=None)
    assert repr(made) == repr(eval(text)) == text


def test_refusals(monkeypatch):
    with pytest.raises(TypeError, match="HeteroData"):
        ExtractPatches(2)(HeteroData())
    for name, wrong in (("num_patches", 0), ("overlap", -1), ("drop", 1.5)):
        with pytest.raises(ValueError, match=f"{name}: got {wrong}"):
            ExtractPatches(**{name: wrong})
    with pytest.raises(ValueError, match="unknown method"):
        ExtractPatches(2, method="kway")
    monkeypatch.setitem(sys.modules, "pymetis", None)
    with pytest.raises(ImportError, match="needs pymetis: pip install"):
        ExtractPatches(2)(data_of(nx.path_graph(4)))
