"""MPNN: its equations word for word, its master node, and bonds through the runner."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.data import find_dataset
from graphpoly.models import MPNN
from graphpoly.models.network_for import network_for, prepared
from graphpoly.models.settings import MPNNSettings
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.testing import assert_close
from graphpoly.training.forward import call_by_name
from tests.models.test_molecule_gnn import molecule
from tests.stand_in import on_graphs


def made(*sizes, **arguments):
    torch.manual_seed(0)
    return MPNN(*sizes, **arguments).double()


def drawn(num_nodes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    edge_index = torch.randint(0, num_nodes, (2, 3 * (num_nodes - 1)), generator=generator)
    edge_attr = torch.randn(edge_index.size(1), 2, **draw)
    return Data(torch.randn(num_nodes, 3, **draw), edge_index, edge_attr)


def read_of_set(net, rows):
    """Set2set as its paper writes it, with one cell and one softmax a step."""
    weights = dict(net.set2set.lstm.named_parameters())
    cell = torch.nn.LSTMCell(2 * rows.size(1), rows.size(1)).double()
    cell.load_state_dict({name.removesuffix("_l0"): weights[name] for name in weights})
    h = c = rows.new_zeros(1, rows.size(1))
    q = rows.new_zeros(1, 2 * rows.size(1))
    for _ in range(net.set2set_steps):
        h, c = cell(q, (h, c))
        q = torch.cat([h, torch.softmax(h @ rows.T, 1) @ rows], 1)
    return q


@pytest.mark.parametrize("readout", [None, "set2set", "add", "mean"])
@pytest.mark.parametrize("master", [None, 4])
def test_it_is_what_is_written(readout, master):
    data, options = drawn(6), {"edge_dim": 2, "master_channels": master}
    net = made(3, 5, 2, readout=readout, **options)
    h, u = net.lin_in(data.x), torch.zeros(1, master or 0).double()
    for _ in range(3):
        said = net.master.lin_down(u).expand(6, -1) if master else None
        following = net.conv(h, data.edge_index, data.edge_attr, also_heard=said)
        if master:
            u = net.master.gru(net.master.lin_up(h).sum(0, keepdim=True), u)
        h = following
    rows = net.lin_read(torch.cat([h, data.x], 1))
    if readout == "set2set":
        rows = read_of_set(net, rows)
    elif readout is not None:
        rows = (rows.sum(0) if readout == "add" else rows.mean(0)).unsqueeze(0)
    out = net(data.x, data.edge_index, data.edge_attr)
    assert_close(out, net.head(rows))


@pytest.mark.parametrize("readout", ["set2set", None])
def test_a_batch_is_its_graphs(readout):
    graphs = [drawn(n, seed=n) for n in (5, 1, 3)]
    whole = Batch.from_data_list(graphs)
    net = made(3, 5, 2, edge_dim=2, master_channels=4, readout=readout)
    out = net(whole.x, whole.edge_index, whole.edge_attr, whole.batch)
    alone = [net(each.x, each.edge_index, each.edge_attr) for each in graphs]
    assert_close(out, torch.cat(alone))


def test_the_order_of_the_nodes_is_nothing_to_a_graph():
    data, net = drawn(7), made(3, 5, 2, edge_dim=2, master_channels=4, readout="set2set")
    order = torch.randperm(7)
    x = torch.empty_like(data.x).index_copy(0, order, data.x)
    out = net(x, order[data.edge_index], data.edge_attr)
    assert_close(out, net(data.x, data.edge_index, data.edge_attr))


@pytest.mark.parametrize(("master", "steps", "reached"), [(None, 3, 3), (4, 2, 8)])
def test_two_steps_through_the_master_node_join_any_two_nodes(master, steps, reached):
    """How far the first node of a path is heard."""
    path = torch.stack([torch.arange(8), torch.arange(1, 9)])
    net = made(1, 5, 2, steps, master_channels=master, edge_channels=None)
    x = torch.randn(9, 1, dtype=torch.float64, requires_grad=True)
    far = [
        torch.autograd.grad(row.sum(), x, retain_graph=True)[0][0].abs() > 0 for row in net(x, path)
    ]
    assert max(i for i, heard in enumerate(far) if heard) == reached


def test_one_layer_for_all_steps():
    counts = {
        sum(each.numel() for each in MPNN(3, 5, 2, steps).parameters()) for steps in (1, 2, 8)
    }
    assert len(counts) == 1


@pytest.fixture
def molecules(stand_in):
    """Chains of equal atoms, whose label is the kind of their bonds."""
    graphs = []
    for seed in range(24):
        graph = molecule(seed, 4 + seed % 3)
        graph.x = torch.zeros_like(graph.x)
        graph.edge_attr = torch.full_like(graph.edge_attr, seed % 2)
        graph.y = torch.tensor([[float(seed % 2)]])
        graphs.append(graph)
    load = on_graphs(graphs, num_outputs=1, categories="ogb", edge_categories="ogb")
    stand_in("ogbg-molhiv", load)
    return load(None, find_dataset("ogbg-molhiv").reading, 0)


def test_bonds_are_read_where_they_are_asked_for(molecules):
    dataset = find_dataset("ogbg-molhiv")
    small = {"hidden_channels": 8, "edge_channels": 4}
    for edge_features in (True, False):
        settings = MPNNSettings(**small, edge_features=edge_features)
        loaded = prepared(settings, molecules)
        net = network_for(settings, dataset, loaded, None).eval()
        assert (net.edge_encoder is not None) == edge_features
        data = loaded.graphs[3]
        assert ("edge_attr" in data) == edge_features
        if edge_features:
            other = data.clone()
            other.edge_attr = (1 + other.edge_attr) % 2
            assert not torch.allclose(call_by_name(net, other), call_by_name(net, data))


def test_it_learns_what_bonds_alone_say(molecules, tmp_path):
    changes = {"hidden_channels": 16, "edge_channels": 8, "epochs": 16, "lr": 0.005}
    changes |= {"batch_size": 4, "master_channels": 4}
    recipe = recipe_for("MPNN", "ogbg-molhiv")
    outcome = run_recipe(recipe, seeds=1, out=tmp_path, overrides=changes)
    assert outcome.experiments["MPNN"].mean == 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"readout": "sum"}, "unknown readout 'sum'"),
        ({"master_channels": 0}, "master_channels: got 0"),
        ({"master_channels": 4, "num_layers": 1}, "num_layers: got 1, but a master node speaks"),
        ({"set2set_steps": 0}, "set2set_steps: got 0"),
        ({"messages": "node"}, "unknown messages 'node'"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        MPNN(3, 4, 2, **wrong)
