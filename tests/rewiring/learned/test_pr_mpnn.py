import networkx as nx
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch
from torch_geometric.nn import GATConv, GCNConv, GraphConv

from graphpoly.rewiring import PRMPNN
from graphpoly.rewiring.learned.pairs import candidate_pairs, existing_pairs, pad_pairs
from graphpoly.rewiring.learned.sampler import ESTIMATORS
from graphpoly.testing import assert_close
from tests.rewiring.graphs import data_of, edges, non_edges


class Spy(nn.Module):
    """Keeps the graph that it is given."""

    def forward(self, x, edge_index, edge_weight):
        self.edge_index, self.edge_weight = edge_index, edge_weight
        out = torch.zeros_like(x).index_add(
            0, edge_index[1], edge_weight.unsqueeze(1) * x[edge_index[0]]
        )
        return out


def simple(edge_index, edge_weight):
    kept = edge_index[:, edge_weight.detach() != 0]
    return {(u, v) for u, v in kept.T.tolist() if u < v}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("training", [True, False])
def test_exactly_so_many_pairs_of_each_graph(estimator, training):
    graphs = [nx.path_graph(7), nx.complete_graph(4), nx.empty_graph(3), nx.cycle_graph(5)]
    batch = Batch.from_data_list([data_of(graph) for graph in graphs])
    spy = Spy()
    model = PRMPNN(spy, 3, num_added=4, num_deleted=2, hidden_channels=8, estimator=estimator)
    model.train(training)
    x = torch.randn(batch.num_nodes, 3)
    for _ in range(3):
        model(x, batch.edge_index, batch=batch.batch)
        wired = simple(spy.edge_index, spy.edge_weight)
        old = {(u, v) for u, v in batch.edge_index.T.tolist() if u < v}
        for g, graph in enumerate(graphs):
            own = {pair for pair in wired if batch.batch[pair[0]] == g}
            before = {pair for pair in old if batch.batch[pair[0]] == g}
            assert len(own - before) == min(4, len(non_edges(graph)))
            assert len(before - own) == min(2, graph.number_of_edges())
        assert set(spy.edge_weight.detach().unique().tolist()) <= {0.0, 1.0}
        back = simple(spy.edge_index.flip(0), spy.edge_weight)
        assert back == wired


def test_the_gradient_reaches_the_upstream_network():
    path = edges(nx.path_graph(6))
    x = torch.randn(6, 3)
    for estimator in ESTIMATORS:
        torch.manual_seed(0)
        conv = GraphConv(3, 2)
        model = PRMPNN(conv, 3, num_added=2, num_deleted=1, hidden_channels=8, estimator=estimator)
        model(x, path).square().sum().backward()
        for part in (model.upstream, model.score_added, model.score_deleted):
            assert sum(float(p.grad.abs().sum()) for p in part.parameters()) > 0


def test_it_learns_which_pair_to_join():
    """The ends of a path are to hear each other, which takes the one pair (0, 4)."""
    torch.manual_seed(1)
    path = edges(nx.path_graph(5))
    x = torch.eye(5)
    spy = Spy()
    model = PRMPNN(spy, 5, num_added=1, hidden_channels=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = -model(x, path)[0, 4]  # what node 0 hears of node 4
        loss.backward()
        optimizer.step()
    model.eval()
    model(x, path)
    assert (0, 4) in simple(spy.edge_index, spy.edge_weight)


def test_priors_and_the_graph_as_it_was():
    path, x = edges(nx.path_graph(6)), torch.randn(6, 3)
    conv = GCNConv(3, 2)
    model = PRMPNN(
        conv, 3, num_added=2, num_priors=3, hidden_channels=8, combine="concat", with_original=True
    ).eval()
    out = model(x, path)
    assert out.shape == (6, 8)
    assert_close(out[:, :2], conv(x, path))
    nothing = PRMPNN(conv, 3, num_added=0, hidden_channels=8).eval()
    assert_close(nothing(x, path), conv(x, path))


def test_candidates_are_those_farthest_apart():
    graph = nx.disjoint_union(nx.path_graph(5), nx.path_graph(2))
    ptr = torch.tensor([0, 7])
    every = candidate_pairs(edges(graph), 7, ptr)
    assert [tuple(p) for p in every.T.tolist()] == non_edges(graph)
    apart = candidate_pairs(edges(graph), 7, ptr, 11)
    expected = [(u, v) for u in range(5) for v in (5, 6)] + [(0, 4)]
    assert {tuple(p) for p in apart.T.tolist()} == set(expected)


def test_pairs_and_rows():
    pairs, which = existing_pairs(torch.tensor([[1, 0, 2, 1, 1], [0, 1, 2, 2, 0]]), 3)
    assert pairs.T.tolist() == [[0, 1], [1, 2]]
    assert which.tolist() == [0, 0, -1, 1, 0]
    rows = pad_pairs(torch.tensor([[3, 0, 1], [4, 1, 2]]), torch.tensor([0, 0, 0, 2, 2]), 3)
    assert rows.mask.tolist() == [[True, True], [False, False], [True, False]]
    value = torch.tensor([5.0, 6.0, 7.0])
    assert torch.equal(rows.flat(rows.rows(value)), value)


def test_refusals():
    conv = GCNConv(3, 2)
    with pytest.raises(TypeError, match=r"GATConv\.forward takes no edge_weight"):
        PRMPNN(GATConv(3, 2), 3, num_added=1)
    for arguments, message in (
        ({"num_added": 3, "num_candidates": 2}, "num_candidates: got 2"),
        ({"num_added": 1, "num_priors": 0}, "num_priors: got 0"),
        ({"num_added": 1, "combine": "sum"}, "unknown combine"),
        ({"num_added": -1}, "k: got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            PRMPNN(conv, 3, **arguments)
