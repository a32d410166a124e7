"""What a graph holds beside its edges, when the edges change."""

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.rewiring import DIGL, LASER, SDRF, ExpanderPropagation, FoSR
from tests.rewiring.graphs import data_of

SOME = [FoSR(3), SDRF(3), LASER(2, 1.0), DIGL(k=4), ExpanderPropagation(separate=False)]


def graphs():
    some = []
    for size in (6, 9):
        data = data_of(nx.cycle_graph(size))
        data.edge_attr = torch.rand(2 * size, 2)
        some.append(data)
    return some


@pytest.mark.parametrize("transform", SOME, ids=lambda transform: type(transform).__name__)
@pytest.mark.parametrize("name", ["edge_index", "edge_attr"])
def test_followed_edges_are_those_of_their_graphs(transform, name):
    follow = [name]
    made = transform(Batch.from_data_list(graphs(), follow_batch=follow))
    apart = [transform(data) for data in graphs()]
    expected = Batch.from_data_list(apart, follow_batch=follow)
    for part in (f"{name}_batch", f"{name}_ptr"):
        assert torch.equal(made[part], expected[part])
    assert set(made.keys()) == set(expected.keys())


@pytest.mark.parametrize("transform", SOME, ids=lambda transform: type(transform).__name__)
def test_an_adjacency_that_would_stay_as_it_was_is_refused(transform):
    data = graphs()[0]
    data.adj_t = torch.sparse_coo_tensor(data.edge_index, torch.ones(12), (6, 6)).to_sparse_csr()
    with pytest.raises(ValueError, match="adj_t"):
        transform(data)


def test_other_pairs_of_nodes_are_no_attribute_of_edges():
    data = data_of(nx.cycle_graph(6))
    data.expander_index = torch.randint(6, (2, 12))  # as many as there are edges
    made = FoSR(2)(data)
    assert made.edge_index.size(1) == 16
    assert torch.equal(made.expander_index, data.expander_index)
