from functools import partial

import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.layers import SubhomogeneousConv
from graphpoly.layers.implicit.subhomogeneous_conv import subhomogeneity
from graphpoly.ops import fixed_point
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.ops.graphs import dense

DOUBLE = torch.float64


def layer(scale=1.0, **arguments):
    torch.manual_seed(0)
    conv = SubhomogeneousConv(3, 4, **arguments).double()
    with torch.no_grad():
        conv.weight.mul_(scale)
    return conv


def zoo(names=None):
    return graph_zoo(weighted=True, num_features=3, dtype=DOUBLE, names=names)


def distance(y, z):
    """Thompson's metric."""
    return (y.log() - z.log()).abs().max()


def by_hand(conv, data, steps=100):
    """The equation on dense matrices, many times, with a gradient through all of them."""
    p = dense(conv.operator(data.x, data.edge_index, data.edge_weight))
    own = 0.1 * (data.x @ conv.lin.weight.T + conv.lin.bias).clamp(min=0)
    z = torch.ones_like(own)
    for _ in range(steps):
        z = (0.9 * p @ z @ conv.weight.abs()).tanh() + own + conv.shift
        if conv.normalize_rows:
            z = z / z.max(1, keepdim=True).values
    return z


@pytest.mark.parametrize("shift", [1e-3, 0.325, 1.2, 1.603, 50.0])
def test_subhomogeneity_is_the_largest_ratio(shift):
    v = torch.linspace(0, 12, 1_000_001, dtype=DOUBLE)
    ratio = v / v.cosh() ** 2 / (v.tanh() + shift)
    assert subhomogeneity(shift) == pytest.approx(ratio.max().item(), abs=1e-9)


def test_published_constants_are_those_of_the_whole_line():
    """1 at a shift of 1.1997 and 1/2 at 1.6016, and on the positive numbers 1/2 at 0.3250."""
    v = torch.linspace(-6, 6, 1_200_001, dtype=DOUBLE)
    slope = v / v.cosh() ** 2
    for shift, expected in ((1.2, 0.9991), (1.603, 0.4992)):
        assert (slope.abs() / (v.tanh() + shift)).max().item() == pytest.approx(expected, abs=1e-4)
    for factor, expected in ((1, 1.1997), (2, 1.6016)):
        assert (factor * slope.abs() - v.tanh()).max().item() == pytest.approx(expected, abs=1e-4)
    positive = (2 * slope - v.tanh())[v > 0].max().item()
    assert positive == pytest.approx(0.3250, abs=1e-4)
    assert subhomogeneity(positive) == pytest.approx(0.5, abs=1e-6)


def test_weights_of_any_sign_allow_several_fixed_points():
    """The published shift, z -> tanh(z W) + s: d = 2 tanh(a d) for the difference d."""
    for a in (0.6, 5.0):  # z W = a (d, -d), in which a product of matrices may round d = 0 away
        found = []
        for start in ([1.0, 1.0], [2.0, 1.0], [1.0, 2.0]):
            z = torch.tensor([start], dtype=DOUBLE)
            z = fixed_point(
                lambda z, a=a: (a * (z - z.flip(1))).tanh() + 1.603, z, solver="picard"
            ).value
            assert z.min() > 0
            found.append(float(z[0, 0] - z[0, 1]))
        assert found[0] == 0
        assert found[1] == pytest.approx(2 * torch.tensor(a * found[1]).tanh().item(), abs=1e-6)
        assert found[1] == pytest.approx(-found[2], abs=1e-9)
        assert found[1] > 1


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize(
    "arguments", [{}, {"shift": 0.33}, {"shift": 0.1, "normalize_rows": False}]
)
def test_positive_points_come_nearer_by_the_constant(scale, arguments):
    conv = layer(scale, **arguments)
    data = zoo(["directed"])["directed"]
    function, like = conv.map(data.x, conv.operator(data.x, data.edge_index, data.edge_weight))
    for _ in range(50):
        y, z = (torch.randn(like.shape, dtype=DOUBLE).mul(2).exp() / scale for _ in range(2))
        assert distance(function(y), function(z)) <= conv.contraction * distance(y, z) + 1e-12


@pytest.mark.parametrize("solver", ["picard", "anderson"])
def test_ten_starts_end_at_one_point(solver):
    conv = layer(3.0, solver=solver)
    data = zoo(["erdos_renyi"])["erdos_renyi"]
    expected = conv(data.x, data.edge_index, data.edge_weight)
    function, like = conv.map(data.x, conv.operator(data.x, data.edge_index, data.edge_weight))
    for _ in range(10):
        start = torch.randn(like.shape, dtype=DOUBLE).mul(3).exp()
        found = conv.solve(function, start)
        assert_close(found.value, expected)
        assert (function(found.value) - found.value).norm() <= 1e-12 * found.value.norm()


@pytest.mark.parametrize(
    "arguments", [{}, {"solver": "anderson"}, {"normalize_rows": False, "normalization": None}]
)
def test_equals_many_steps_in_value_and_gradient(arguments):
    conv = layer(**arguments)
    for name, data in zoo().items():
        data.x.requires_grad_()
        wrt = [data.x, *conv.parameters()]
        out = conv(data.x, data.edge_index, data.edge_weight)
        expected = by_hand(conv, data)
        assert_close(out, expected, what=name)
        side = torch.randn_like(out)
        actual = torch.autograd.grad((out * side).sum(), wrt)
        wanted = torch.autograd.grad((expected * side).sum(), wrt)
        for got, right in zip(actual, wanted, strict=True):
            assert_close(got, right, kind="accumulated", what=name)


def test_a_node_alone_is_its_own_features():
    conv = layer(add_self_loops=False)
    x, none = torch.randn(1, 3, dtype=DOUBLE), torch.zeros(2, 0, dtype=torch.long)
    y = 0.1 * conv.lin(x).relu() + 1.603
    assert_close(conv(x, none), y / y.max())
    found = conv.fixed_point(x, none)
    assert found.iterations.tolist() == [2]
    assert conv(x[:0], none).shape == (0, 4)


def test_graphs_of_a_batch_stop_by_themselves():
    graphs = list(zoo(["star", "one_node", "no_edges", "erdos_renyi"]).values())
    conv, batch = layer(2.0), Batch.from_data_list(graphs)
    whole = conv.fixed_point(batch.x, batch.edge_index, batch.edge_weight, batch.batch)
    for graph, data in enumerate(graphs):
        alone = conv.fixed_point(data.x, data.edge_index, data.edge_weight)
        assert_close(whole.value[batch.batch == graph], alone.value)
        assert abs(whole.iterations[graph] - alone.iterations[0]) <= 1


def test_what_is_not_unique_is_refused():
    with pytest.raises(ValueError, match=r"shift: got 0.32, .* expand by 1.01"):
        SubhomogeneousConv(3, 4, shift=0.32)
    assert SubhomogeneousConv(3, 4, shift=0.326).contraction < 1
    assert SubhomogeneousConv(3, 4, shift=0.01, normalize_rows=False).contraction < 1
    with pytest.raises(ValueError, match="shift: got 0"):
        SubhomogeneousConv(3, 4, shift=0)
    with pytest.raises(ValueError, match="alpha: got 1"):
        SubhomogeneousConv(3, 4, alpha=1)
    data = zoo(["path"])["path"]
    with pytest.raises(ValueError, match="edge_weight: got a negative weight"):
        layer(normalization=None)(data.x, data.edge_index, -data.edge_weight)


def test_other_forms_pass_the_battery():
    names = ["repr", "batch", "degenerate_graphs", "autocast"]
    form = partial(SubhomogeneousConv, 3, 4, solver="anderson", normalize_rows=False, bias=False)
    check_layer(form, only=names)
