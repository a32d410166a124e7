import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.layers import EGNNConv
from graphpoly.models import EGNN
from graphpoly.testing import assert_close
from tests.layers.egnn_reference import egnn
from tests.layers.test_egnn_conv import turned

NAMES = ("edge_attr", "vel")
POINTS = {"pos", *NAMES}


def complete(num_nodes, seed=0):
    generator = torch.manual_seed(seed)
    pairs = [(i, j) for i in range(num_nodes) for j in range(num_nodes) if i != j]
    pairs = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    sizes = {"x": (num_nodes, 4), "pos": (num_nodes, 3), "vel": (num_nodes, 3)}
    sizes["edge_attr"] = (pairs.size(1), 2)
    drawn = {k: torch.randn(s, generator=generator, dtype=torch.float64) for k, s in sizes.items()}
    return Data(edge_index=pairs, num_nodes=num_nodes, **drawn)


def made(*sizes, **arguments):
    torch.manual_seed(0)
    model = EGNN(*sizes, **arguments).double()
    for conv in model.convs:
        if conv.phi_x is not None:
            torch.nn.init.normal_(conv.phi_x[-1].weight)
    return model


def called(model, data, **changed):
    given = {k: data[k] for k in NAMES if (model.edge_dim, model.velocity)[NAMES.index(k)]}
    return model(data.x, data.edge_index, changed.pop("pos", data.pos), **{**given, **changed})


@pytest.mark.parametrize("update_velocity", [True, False])
def test_positions_are_those_of_the_published_layers_in_turn(update_velocity):
    data = complete(5)
    model = made(4, 6, edge_dim=2, velocity=True, update_velocity=update_velocity, num_layers=3)
    h, x, v = model.lin_in(data.x), data.pos, data.vel
    for conv in model.convs:
        h, x, v = egnn(conv, h, data.edge_index, x, data.edge_attr, v)
    assert_close(called(model, data), x)
    assert torch.equal(v, data.vel) == (not update_velocity)


@pytest.mark.parametrize("pool", [None, "add", "mean"])
def test_features_are_read_by_the_perceptrons(pool):
    data = complete(4)
    model = made(4, 6, 2, num_layers=2, pool=pool)
    h, x = model.lin_in(data.x), data.pos
    h, x, _ = egnn(model.convs[0], h, data.edge_index, x)
    h, _, _ = egnn(model.convs[1], h, data.edge_index, x)
    if pool is None:
        expected = model.lin_out(h)
    else:
        nodes = model.lin_node(h)
        whole = nodes.sum(0, keepdim=True) if pool == "add" else nodes.mean(0, keepdim=True)
        expected = model.lin_out(whole)
    assert_close(called(model, data), expected)


@pytest.mark.parametrize("sign", [0, 1])
def test_equivariance(sign):
    data = complete(6)
    turn, shift = turned(data.pos, sign), torch.randn(3, dtype=torch.float64)
    moved = data.pos @ turn.T + shift
    for arguments in ({"velocity": True}, {"normalize": True, "tanh": True}):
        model = made(4, 6, edge_dim=2, **arguments)
        vel = {"vel": data.vel @ turn.T} if model.velocity else {}
        expected = called(model, data) @ turn.T + shift
        error = (called(model, data, pos=moved, **vel) - expected).abs().max()
        assert error <= 1e-12 * expected.abs().max()
        model = made(4, 6, 3, edge_dim=2, pool="add", **arguments)
        assert_close(called(model, data, pos=moved, **vel), called(model, data))


def test_a_batch_is_its_graphs():
    graphs = [complete(n, seed=n) for n in (5, 1, 3)]
    whole = Batch.from_data_list(graphs)
    for model in (made(4, 6, 2, velocity=True, pool="add"), made(4, 6, velocity=True)):
        out = called(model, whole, batch=whole.batch, batch_size=3)
        assert_close(out, torch.cat([called(model, graph) for graph in graphs]))


def test_layers_whose_positions_nothing_reads_do_not_move_them():
    model = EGNN(4, 6, 2, num_layers=3, velocity=True, tanh=True)
    assert [conv.update_coords for conv in model.convs] == [True, True, False]
    assert all(conv.update_coords for conv in EGNN(4, 6).convs)
    model = EGNN(4, 6, 2, update_coords=False)
    data = complete(3)
    assert not any(conv.update_coords for conv in model.convs)
    assert_close(
        made(4, 6, 2, update_coords=False)(data.x, data.edge_index, -data.pos),
        made(4, 6, 2, update_coords=False)(data.x, data.edge_index, data.pos),
    )


def test_nothing_that_is_given_changes():
    data, model = complete(4), made(4, 6, edge_dim=2, velocity=True)
    before = data.clone()
    called(model, data).sum().backward()
    assert all(torch.equal(data[key], before[key]) for key in ("x", "edge_index", *sorted(POINTS)))


def test_what_does_not_fit_is_refused_by_name():
    data = complete(3)
    with pytest.raises(ValueError, match="pool: got 'add', but without out_channels it is pos"):
        EGNN(4, 6, pool="add")
    with pytest.raises(ValueError, match="update_coords: got False, but without out_channels"):
        EGNN(4, 6, update_coords=False)
    with pytest.raises(ValueError, match="vel: got a tensor, the network has velocity=False"):
        EGNN(4, 6).double()(data.x, data.edge_index, data.pos, vel=data.vel)
    with pytest.raises(ValueError, match="vel: got None, the network has velocity=True"):
        EGNN(4, 6, 2, num_layers=1, velocity=True).double()(data.x, data.edge_index, data.pos)
    with pytest.raises(ValueError, match="tanh: got True, with update_coords=False nothing moves"):
        EGNN(4, 6, 2, update_coords=False, tanh=True)


def test_names_are_the_layers_own():
    shared = set(EGNNConv.printed) & set(EGNN.printed)
    assert all(EGNNConv.printed[name] == EGNN.printed[name] for name in shared)
