from functools import partial

import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.layers import ConvergentConv
from graphpoly.testing import assert_close, check_layer, graph_zoo

DOUBLE = torch.float64
FORMS = [{}, {"heads": 2, "solver": "picard"}, {"heads": 1, "normalization": "sym", "gamma": 0.9}]


def layer(**arguments):
    torch.manual_seed(0)
    conv = ConvergentConv(3, 4, **arguments).double()
    with torch.no_grad():
        conv.lin_target.bias.add_(torch.randn(conv.num_operators))
    return conv


def zoo(names=None):
    return graph_zoo(weighted=True, num_features=3, dtype=DOUBLE, names=names)


def matrices(conv, data):
    """A of each head, ``[H, N, N]``, from the equation."""
    adj = torch.zeros(data.num_nodes, data.num_nodes, dtype=DOUBLE)
    source, target = data.edge_index
    adj.index_put_((target, source), data.edge_weight, accumulate=True)
    degree = adj.sum(1)
    scale = torch.where(degree > 0, 1 / degree, 0)
    if conv.normalization == "rw":
        adj = scale[:, None] * adj
    else:
        adj = scale.sqrt()[:, None] * adj * scale.sqrt()
    gate = conv.lin_target(data.x)[:, None] + conv.lin_source(data.x)
    return (adj[..., None] * gate.sigmoid()).movedim(2, 0)


def by_inversion(conv, data):
    heads = conv.num_operators
    b = conv.lin(data.x).view(data.num_nodes, heads, -1).transpose(0, 1)
    z = torch.linalg.solve(torch.eye(data.num_nodes) - conv.gamma * matrices(conv, data), b)
    return z.transpose(0, 1).flatten(1)


@pytest.mark.parametrize("arguments", FORMS)
def test_equals_the_dense_solve_in_value_and_gradient(arguments):
    conv = layer(**arguments)
    for name, data in zoo().items():
        data.x.requires_grad_()
        wrt = [data.x, *conv.parameters()]
        out, expected = conv(data.x, data.edge_index, data.edge_weight), by_inversion(conv, data)
        assert_close(out, expected, kind="accumulated", what=name)
        side = torch.randn_like(out)
        actual = torch.autograd.grad((out * side).sum(), wrt)
        wanted = torch.autograd.grad((expected * side).sum(), wrt)
        for got, right in zip(actual, wanted, strict=True):
            assert_close(got, right, kind="accumulated", what=name)


@pytest.mark.parametrize("normalization", ["rw", "sym"])
def test_a_step_contracts_by_gamma(normalization):
    conv = layer(normalization=normalization, gamma=0.8)
    for name, data in zoo(["directed", "star", "barabasi_albert", "self_loops"]).items():
        degree = torch.zeros(data.num_nodes, dtype=DOUBLE)
        degree = degree.index_add(0, data.edge_index[1], data.edge_weight)
        unit = degree.sqrt() if normalization == "sym" else torch.ones_like(degree)
        unit = torch.where(degree > 0, unit, 1)
        measured = matrices(conv, data) * unit / unit[:, None]
        assert measured.abs().sum(2).max() <= 1 + 1e-12, name


def test_ten_starts_end_at_one_point():
    conv, data = layer(gamma=0.95), zoo(["erdos_renyi"])["erdos_renyi"]
    function, own = conv.map(data.x, conv.operator(data.x, data.edge_index, data.edge_weight))
    expected = by_inversion(conv, data)
    for solver in ("anderson", "picard"):
        conv.solver = solver
        for _ in range(5):
            found = conv.solve(function, 10 * torch.randn_like(own))
            assert (function(found.value) - found.value).norm() <= 1e-12 * found.value.norm()
            assert_close(found.value.flatten(1), expected, kind="accumulated")


def test_open_gates_on_a_cycle_give_the_geometric_series():
    conv = layer(gamma=0.75)
    with torch.no_grad():
        conv.lin_target.bias.fill_(60.0)  # gates of 1
        conv.lin.weight.zero_()
    node = torch.arange(9)
    out = conv(torch.randn(9, 3, dtype=DOUBLE), torch.stack([node, (node + 1) % 9]))
    assert_close(out, (conv.lin.bias / (1 - 0.75)).expand(9, 4), kind="accumulated")


def test_open_gates_on_a_resistor_chain_give_its_potentials():
    """A source at each node, and to the ground 1 / gamma - 1 of what hangs on a node."""
    conv = layer(heads=1, gamma=0.9)
    with torch.no_grad():
        conv.lin_target.bias.fill_(60.0)
    node = torch.arange(6)
    edge_index = torch.stack([node[:-1], node[1:]])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    conductance = torch.rand(5, dtype=DOUBLE) + 0.5
    x = torch.randn(6, 3, dtype=DOUBLE)
    z = conv(x, edge_index, torch.cat([conductance, conductance]))
    current = torch.zeros(6, 4, dtype=DOUBLE)
    for i, c in enumerate(conductance):
        current[i] += c * (z[i] - z[i + 1])
        current[i + 1] += c * (z[i + 1] - z[i])
    degree = torch.zeros(6, dtype=DOUBLE)
    degree[:-1] += conductance
    degree[1:] += conductance
    ground = (1 / 0.9 - 1) * degree[:, None] * z
    assert_close(current + ground, degree[:, None] * conv.lin(x) / 0.9, kind="accumulated")


def test_no_edges_and_no_nodes():
    conv, none = layer(), torch.zeros(2, 0, dtype=torch.long)
    x = torch.randn(5, 3, dtype=DOUBLE)
    assert_close(conv(x, none), conv.lin(x))
    assert conv.fixed_point(x, none).iterations.tolist() == [1]
    assert conv(x[:0], none).shape == (0, 4)


def test_graphs_of_a_batch_stop_by_themselves():
    graphs = list(zoo(["star", "one_node", "no_edges", "erdos_renyi"]).values())
    conv, batch = layer(gamma=0.9), Batch.from_data_list(graphs)
    whole = conv.fixed_point(batch.x, batch.edge_index, batch.edge_weight, batch.batch)
    for graph, data in enumerate(graphs):
        alone = conv.fixed_point(data.x, data.edge_index, data.edge_weight)
        assert_close(whole.value[batch.batch == graph], alone.value, kind="accumulated")
        assert abs(whole.iterations[graph] - alone.iterations[0]) <= 1
    assert whole.iterations.unique().numel() > 1


def test_what_does_not_contract_is_refused():
    for wrong in ({"gamma": 1.0}, {"gamma": 0.0}, {"heads": 3}, {"normalization": None}):
        (name,) = wrong
        with pytest.raises(ValueError, match=name):
            ConvergentConv(3, 4, **wrong)
    data = zoo(["path"])["path"]
    weight = data.edge_weight.clone()
    weight[0] = -1e-3
    with pytest.raises(ValueError, match="edge_weight: got a negative weight"):
        layer()(data.x, data.edge_index, weight)


def test_other_forms_pass_the_battery():
    names = ["repr", "batch", "degenerate_graphs", "autocast"]
    form = partial(ConvergentConv, 3, 4, solver="picard", normalization="sym", add_self_loops=True)
    check_layer(form, only=names)
