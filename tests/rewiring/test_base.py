"""What a graph holds beside its edges, when the edges change."""

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.transforms import Compose

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


def test_a_misspelt_fill_is_refused_and_one_for_other_graphs_is_not():
    data = graphs()[0]
    data.edge_weight = torch.rand(12)
    for fill in ({"edge_wieght": 2.0}, {"edge_weights": 2.0, "edge_attr": 1.0}):
        for run in (FoSR(2, fill=fill), Compose([FoSR(2, fill=fill)])):
            with pytest.raises(ValueError, match="did you mean 'edge_weight'"):
                run(data.clone())
    fill = {"edge_weight": 2.0, "edge_attr": [3.0, 4.0], "edge_age": 5.0}
    made = FoSR(2, fill=fill)(data.clone())
    assert made.edge_weight[12:].tolist() == [2.0] * 4
    assert made.edge_attr[12:].tolist() == [[3.0, 4.0]] * 4
    other = FoSR(2, fill=fill)(graphs()[0])  # whose edges have no weight
    assert other.edge_attr[12:].tolist() == [[3.0, 4.0]] * 4


def test_a_type_of_added_edges_is_a_whole_number():
    data = graphs()[0]
    data.edge_type = torch.zeros(12, dtype=torch.int64)
    for typed in (False, True):
        with pytest.raises(ValueError, match=r"fill: got 1\.5 for edge_type"):
            FoSR(2, typed=typed, fill={"edge_type": 1.5})(data.clone())


@pytest.mark.parametrize("added", [1, 2, 3])
def test_a_fill_is_one_row_however_many_edges_are_added(added):
    data = graphs()[1]
    data.edge_weight = torch.rand(18)
    for fill in ({"edge_weight": [1.0] * 2 * added}, {"edge_attr": [[1.0, 2.0]] * 2 * added}):
        with pytest.raises(ValueError, match="fill: got"):
            FoSR(added, fill=fill)(data.clone())
