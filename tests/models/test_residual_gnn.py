"""The tuned networks against their formula on dense matrices."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.models import ResidualGNN
from graphpoly.models.settings import Inputs, ResidualGNNSettings
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 3, 2, 0], [1, 0, 2, 1, 2, 3, 0]])


def heard(conv, adjacency, x):
    """What a layer of PyG's says, of a matrix of targets by sources."""
    if type(conv).__name__ == "GCNConv":
        full = adjacency + torch.diag((adjacency.diagonal() == 0).double())
        scale = full.sum(1).rsqrt()
        return scale[:, None] * full * scale @ x @ conv.lin.weight.T + conv.bias
    if type(conv).__name__ == "SAGEConv":
        mean = adjacency / adjacency.sum(1, keepdim=True).clamp(min=1) @ x
        return mean @ conv.lin_l.weight.T + conv.lin_l.bias + x @ conv.lin_r.weight.T
    h = x @ conv.lin.weight.T
    score = (h @ conv.att_dst.flatten())[:, None] + h @ conv.att_src.flatten()
    score = torch.nn.functional.leaky_relu(score, 0.2).masked_fill(adjacency == 0, -torch.inf)
    return score.softmax(1).nan_to_num(0) @ h


@pytest.mark.parametrize("conv", ["gcn", "sage", "gat"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("lin_in", [True, False])
def test_is_its_formula(conv, residual, lin_in):
    torch.manual_seed(0)
    options = {"conv": conv, "residual": residual, "lin_in": lin_in}
    net = ResidualGNN(3, 6, 2, 3, norm="layer_norm", **options).double().eval()
    x = torch.randn(5, 3).double()
    adjacency = torch.zeros(5, 5).double()
    adjacency[EDGES[1], EDGES[0]] = 1
    h = net.lin_in(x) if lin_in else x
    for layer in range(3):
        out = heard(net.convs[layer], adjacency, h)
        out = out + net.lins[layer](h) if residual else out
        h = net.norms[layer](out).relu()
    assert_close(net(x, EDGES), net.lin_out(h))


@pytest.mark.parametrize("pool", [None, "mean", "add", "max"])
@pytest.mark.parametrize("lin_in", [True, False])
def test_inputs_go_past_layers_and_encodings_stand_beside_them(pool, lin_in):
    torch.manual_seed(0)
    net = ResidualGNN(
        3 if lin_in else 4, 6, 2, 3, residual=False, skip=True, norm=None, activation="gelu",
        lin_in=lin_in, pool=pool, head_layers=3, encoding_dim=5, encoding_channels=2,
    ).double().eval()  # fmt: skip
    norm = net.encode[0]
    torch.nn.init.normal_(norm.running_mean)
    torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    x = torch.randn(5, 3 if lin_in else 4).double()
    encoding = torch.randn(5, 5).double()
    adjacency = torch.zeros(5, 5).double()
    adjacency[EDGES[1], EDGES[0]] = 1
    place = (encoding - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    place = net.encode[1](place * norm.weight + norm.bias)
    h = torch.cat([net.lin_in(x) if lin_in else x, place], 1)
    for conv in net.convs:
        h = h + torch.nn.functional.gelu(heard(conv, adjacency, h))
    batch = torch.tensor([0, 0, 0, 1, 1])
    if pool is not None:
        reduce = {"mean": torch.mean, "add": torch.sum, "max": torch.amax}[pool]
        h = torch.stack([reduce(h[batch == graph], 0) for graph in (0, 1)])
    for lin in net.head:
        h = torch.nn.functional.gelu(lin(h))
    assert len(net.head) == 2
    assert_close(net(x, EDGES, batch, encoding=encoding), net.lin_out(h))


def test_dropout_stands_before_each_of_several_last_maps():
    net = ResidualGNN(6, 6, 2, 1, skip=True, pool="add", head_layers=3, dropout=1.0)
    seen = []
    for lin in (*net.head, net.lin_out):
        lin.register_forward_pre_hook(lambda lin, given: seen.append(given[0]))
    net(torch.randn(5, 6), EDGES)
    assert [float(each.abs().sum()) for each in seen] == [0, 0, 0]
    one = ResidualGNN(6, 6, 2, 1, skip=True, pool="add", dropout=1.0)
    x = torch.randn(5, 6)
    assert_close(one(x, EDGES), one.lin_out(x.sum(0, keepdim=True)))


@pytest.mark.parametrize("lin_in", [True, False])
def test_dropout_stands_behind_each_layer_and_the_first_map(lin_in):
    torch.manual_seed(0)
    net = ResidualGNN(3, 6, 2, 2, norm="layer_norm", lin_in=lin_in, dropout=1.0)
    for norm in net.norms:
        torch.nn.init.ones_(norm.bias)
    read = []
    for conv in net.convs:
        conv.register_forward_pre_hook(lambda conv, given: read.append(given[0]))
    x = torch.randn(5, 3)
    assert_close(net(x, EDGES), net.lin_out.bias.expand(5, 2))
    assert_close(read[0], torch.zeros(5, 6) if lin_in else x)
    assert_close(read[1], torch.zeros(5, 6))


def test_a_graph_is_given_its_loops_and_graphs_are_left_alone():
    settings = ResidualGNNSettings(conv="gat")
    data = Data(x=torch.ones(5, 3), edge_index=EDGES)
    prepared = settings.prepare(data)
    loops = prepared.edge_index[0] == prepared.edge_index[1]
    assert sorted(prepared.edge_index[0][loops].tolist()) == [0, 1, 2, 3, 4]
    assert settings.prepare_graph(data) is data
    assert data.edge_index is EDGES
    net = settings.network(Inputs(in_channels=3, out_channels=2, data=data))
    assert net(prepared.x, prepared.edge_index).shape == (5, 2)


def test_unknown_names_are_refused():
    for wrong in (
        {"conv": "gin"},
        {"norm": "batch"},
        {"activation": "tanh"},
        {"pool": "sum"},
        {"head_layers": 0},
        {"skip": True},  # 3 columns are not 6
        {"encoding_channels": 6, "encoding_dim": 4, "lin_in": True},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ResidualGNN(3, 6, 2, **wrong)


def test_an_encoding_is_asked_for_and_no_other_taken():
    x, encoding = torch.randn(5, 3), torch.randn(5, 4)
    with pytest.raises(ValueError, match="encoding: got None, the network has an encoding_dim"):
        ResidualGNN(3, 6, 2, encoding_dim=4)(x, EDGES)
    with pytest.raises(ValueError, match="encoding: got a tensor, the network has no encoding_dim"):
        ResidualGNN(3, 6, 2)(x, EDGES, encoding=encoding)


def test_graphs_are_encoded_by_walks_and_left_as_they_are():
    data = Data(x=torch.ones(5, 3), edge_index=EDGES)
    settings = ResidualGNNSettings(walk_length=3, skip=True, hidden_channels=31)
    prepared = settings.prepare_graph(data)
    assert "encoding" not in data
    walk = torch.zeros(5, 5)
    walk[EDGES[0], EDGES[1]] = 1
    walk = walk / walk.sum(1, keepdim=True).clamp(min=1)
    steps = [torch.linalg.matrix_power(walk, k).diagonal() for k in (1, 2, 3)]
    assert_close(prepared.encoding, torch.stack(steps, 1))
    net = settings.network(Inputs(in_channels=3, out_channels=2, level="graphs"))
    assert net(prepared.x, EDGES, encoding=prepared.encoding).shape == (1, 2)
    nodes = ResidualGNNSettings(walk_length=3)
    net = nodes.network(Inputs(in_channels=3, out_channels=2, data=data))
    assert net(data.x, EDGES).shape == (5, 2)
