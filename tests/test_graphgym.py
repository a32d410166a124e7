"""Every layer that GraphGym can hold gives there what it gives alone."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly import FavardConv
from graphpoly.graphgym import register_layer, register_layers

pytest.importorskip("yacs", reason="GraphGym reads its settings with yacs")
graphgym = pytest.importorskip("torch_geometric.graphgym")
NAMES = register_layers()


def batch(**further) -> Batch:
    torch.manual_seed(0)
    graph = Data(x=torch.randn(5, 8), edge_index=torch.tensor([[0, 1, 2, 3], [1, 0, 3, 4]]))
    other = Data(x=torch.randn(3, 8), edge_index=torch.tensor([[0, 1], [1, 0]]))
    for each in (graph, other):
        for name, value in further.items():
            each[name] = torch.full((each.num_edges,), value)
    return Batch.from_data_list([graph, other])


def config(dim_out: int = 8):
    from torch_geometric.graphgym.models.layer import LayerConfig

    return LayerConfig(dim_in=8, dim_out=dim_out, has_bias=True)


def test_the_layers_are_there_once():
    assert len(NAMES) >= 20
    assert {"favardconv", "optbasisconv", "sheafconv", "pathconv"} <= set(NAMES)
    assert register_layers() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_gives_what_it_gives_alone(name):
    torch.manual_seed(1)
    layer = graphgym.register.layer_dict[name](config()).eval()
    read = batch()
    takes = inspect.signature(layer.model.forward).parameters
    given = {"batch": read.batch} if "batch" in takes else {}
    with torch.no_grad():
        torch.manual_seed(2)
        expected = layer.model(read.x, read.edge_index, **given)
        torch.manual_seed(2)
        assert torch.equal(layer(read).x, expected)
    assert expected.shape == (8, 8)


def test_weights_and_settings_are_passed_on():
    register_layer("favard2-of-test", FavardConv, K=2)
    layer = graphgym.register.layer_dict["favard2-of-test"](config(3)).eval()
    assert layer.model.K == 2
    with torch.no_grad():  # a new filter is the identity, whatever the weights
        for parameter in layer.parameters():
            parameter.add_(0.3)
    read = batch(edge_weight=0.5)
    read.edge_weight[0] = 0.1
    expected = layer.model(read.x, read.edge_index, read.edge_weight)
    assert torch.equal(layer(read.clone()).x, expected)
    assert not torch.equal(layer(batch()).x, expected)


def test_a_network_of_graphgym_trains_with_one():
    import torch_geometric.graphgym.models.head  # noqa: F401 - enters the heads
    from torch_geometric.graphgym.config import cfg, set_cfg
    from torch_geometric.graphgym.models.gnn import GNN

    set_cfg(cfg)
    cfg.gnn.layer_type, cfg.gnn.dim_inner, cfg.gnn.head = "favardconv", 8, "graph"
    torch.manual_seed(0)
    net = GNN(dim_in=8, dim_out=1)
    assert any(isinstance(module, FavardConv) for module in net.modules())
    read = batch()
    read.y = torch.tensor([0.0, 1.0])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        prediction, target = net(read.clone())
        loss = (prediction.view(-1) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
