"""Against dense matrices of each graph, as the published code has them."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Batch, Data

from graphpoly.models import ComparatorNet
from graphpoly.testing import assert_close


def graph(size, p, seed):
    ends = torch.tensor(list(nx.gnp_random_graph(size, p, seed=seed).edges), dtype=torch.long)
    ends = ends.reshape(-1, 2).t()
    x = torch.randn(size, 5, dtype=torch.float64)
    return Data(x=x, edge_index=torch.cat([ends, ends.flip(0)], 1))


def dense(net, data):
    size, width = data.num_nodes, net.hidden_channels
    adj = torch.zeros(size, size, dtype=torch.float64)
    adj[data.edge_index[1], data.edge_index[0]] = 1
    near, far = adj + torch.eye(size).double(), 1 - adj
    h = data.x
    for lin, norm in zip(net.lins, net.norms, strict=True):
        own, second, third = lin(h).split(width, 1)
        h = norm(F.gelu(torch.cat([own, near @ second, far @ third], 1)))
    h = {"mean": h.mean(0, True), "add": h.sum(0, True), None: h}[net.pool]
    steps = []
    for lin, norm in zip(net.dense, net.dense_norms, strict=True):
        h = norm(lin(h).relu())
        steps.append(h)
    return net.lin_out(torch.cat([steps[-1], steps[0]], 1))


@pytest.mark.parametrize("pool", ["mean", "add", None])
def test_equals_dense_matrices_graph_by_graph(pool):
    torch.manual_seed(0)
    net = ComparatorNet(5, 6, 2, num_layers=2, pool=pool).double()
    graphs = [graph(7, 0.4, 1), graph(1, 0, 1), graph(4, 0, 2), graph(9, 0.8, 3)]
    batch = Batch.from_data_list(graphs)
    found = net(batch.x, batch.edge_index, batch=batch.batch)
    assert_close(found, torch.cat([dense(net, each) for each in graphs]))
    assert_close(net(graphs[0].x, graphs[0].edge_index), dense(net, graphs[0]))


def test_a_graph_and_its_complement_differ_by_who_is_heard():
    """With the maps of neighbours and others exchanged, up to a node's own term."""
    torch.manual_seed(0)
    net = ComparatorNet(5, 4, 1, num_layers=1, pool="mean").double()
    data = graph(8, 0.4, 4)
    other = net.state_dict()
    weight, bias = (other[f"lins.0.{name}"] for name in ("weight", "bias"))
    order = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7]
    swapped = ComparatorNet(5, 4, 1, num_layers=1, pool="mean").double()
    swapped.load_state_dict(
        {
            **other,
            "lins.0.weight": weight[order],
            "lins.0.bias": bias[order],
            "dense.0.weight": other["dense.0.weight"][:, order],
        }
    )
    adj = torch.ones(8, 8) - torch.eye(8)
    adj[data.edge_index[0], data.edge_index[1]] = 0
    # J - A of one is the complement with loops, A + I of the other
    assert_close(net(data.x, data.edge_index), swapped(data.x, adj.nonzero().t().contiguous()))


def test_gradients():
    torch.manual_seed(1)
    net, data = ComparatorNet(5, 3, 2, num_layers=2, pool="mean").double(), graph(5, 0.5, 5)
    data.x.requires_grad_()
    weight = torch.rand(data.num_edges, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: net(x, data.edge_index, w), (data.x, weight))


def test_bad_arguments():
    for given, words in (
        ({"num_layers": 0}, "num_layers: got 0"),
        ({"pool": "men"}, "did you mean 'mean'"),
        ({"pol": "mean"}, "did you mean 'pool'"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            ComparatorNet(2, 4, 1, **given)
