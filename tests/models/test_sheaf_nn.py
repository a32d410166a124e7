import pytest
import torch
import torch.nn.functional as F

from graphpoly.layers import connection_maps
from graphpoly.models import SheafNN
from graphpoly.testing import assert_close
from graphpoly.training import parameter_groups
from tests.layers.sheaf.graphs import graph

MAPS = ("diagonal", "householder", "general", "connection", "identity")


@pytest.mark.parametrize("maps", MAPS)
def test_equals_the_composition_of_its_parts(maps):
    x, edge_index = graph()
    net = SheafNN(6, 4, 3, 3, stalk_dim=2, maps=maps, second_linear=True, add_lp=True).double()
    net.eval()
    hidden = net.lin_second(F.elu(net.lin_in(x)))
    given = {"edge_attr": connection_maps(x, edge_index, 2)} if maps == "connection" else {}
    for conv in net.convs:
        hidden = conv(hidden, edge_index, **given)
    assert_close(net(x, edge_index), net.lin_out(hidden))
    assert_close(net(x, edge_index, **given), net.lin_out(hidden))
    assert net.num_hops == (6 if maps in ("diagonal", "general") else 3)  # learned degrees


def test_maps_of_the_first_step_see_no_dropout():
    net = SheafNN(6, 4, 3, 3, dropout=0.3)
    assert [conv.map_dropout for conv in net.convs] == [0.0, 0.3, 0.3]
    assert [conv.dropout for conv in net.convs] == [0.3] * 3
    x, edge_index = graph()
    still = SheafNN(6, 4, 3, dropout=0.0).double().train()
    assert torch.equal(still(x, edge_index), still(x, edge_index))
    still.input_dropout = 0.5
    assert not torch.equal(still(x, edge_index), still(x, edge_index))


def test_the_learner_has_a_role_of_its_own():
    options = {"linear": {"weight_decay": 1.0}, "sheaf": {"weight_decay": 2.0}}
    net = SheafNN(6, 4, 3)
    groups = {group["role"]: group for group in parameter_groups(net, options)}
    learners = {id(conv.learner.weight) for conv in net.convs}
    assert {id(p) for p in groups["sheaf"]["params"]} == learners
    assert groups["sheaf"]["weight_decay"] == 2.0


def test_fixed_maps_have_nothing_to_learn():
    with pytest.raises(ValueError, match="sparse_learner: maps='connection' learns nothing"):
        SheafNN(6, 4, 3, maps="connection", sparse_learner=True)
    x, edge_index = graph()
    with pytest.raises(ValueError, match="edge_attr"):
        SheafNN(6, 4, 3).double()(x, edge_index, edge_attr=torch.ones(edge_index.size(1), 4))
    with pytest.raises(ValueError, match="num_layers: got 0"):
        SheafNN(6, 4, 3, 0)


@pytest.mark.parametrize("maps", MAPS)
def test_learns_labels_of_opposite_neighbours(maps):
    """A ring whose nodes alternate, with features that say little: the edges have to turn."""
    torch.manual_seed(0)
    node = torch.arange(40)
    edge_index = torch.stack([node, node.roll(1)])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    y = node % 2
    x = torch.randn(40, 4) + 0.4 * y.unsqueeze(1)
    given = {"edge_attr": connection_maps(x, edge_index, 2)} if maps == "connection" else {}
    net = SheafNN(4, 8, 2, maps=maps, dropout=0.0)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(net(x, edge_index, **given), y).backward()
        optimizer.step()
    assert (net.eval()(x, edge_index, **given).argmax(1) == y).float().mean() > 0.95
