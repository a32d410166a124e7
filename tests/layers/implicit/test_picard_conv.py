import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv, GCNConv

from graphpoly.errors import ConvergenceError
from graphpoly.layers import PicardConv
from graphpoly.ops import normalize
from graphpoly.testing import assert_close, graph_zoo
from tests.ops.graphs import dense

DOUBLE = torch.float64


class Times(nn.Module):
    """A map without a graph."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(torch.as_tensor(matrix, dtype=DOUBLE))

    def forward(self, x, edge_index):
        return x @ self.matrix


def graph(name="erdos_renyi"):
    return graph_zoo(weighted=True, num_features=3, dtype=DOUBLE, names=[name])[name]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def conv(**arguments):
    layer = PicardConv(GCNConv(3, 3), scale=0.4, **arguments).double()
    torch.nn.init.normal_(layer.conv.bias)
    return layer


@pytest.mark.parametrize("arguments", [{}, {"smoothing": 0.0}, {"solver": "anderson"}])
def test_of_an_affine_layer_it_is_one_linear_system(arguments):
    layer, data = conv(**arguments), graph()
    out = layer(data.x, data.edge_index, data.edge_weight)
    p = dense(normalize(*_edges(data), data.num_nodes, add_self_loops=True))
    system = torch.eye(out.numel()) - 0.4 * torch.kron(p, layer.conv.lin.weight)
    right = data.x + 0.4 * layer.conv.bias
    expected = torch.linalg.solve(system, right.reshape(-1)).view_as(out)
    assert_close(out, expected, kind="accumulated")


def _edges(data):
    return data.edge_index, data.edge_weight


def test_gradient_is_that_of_many_steps():
    layer, data = conv(), graph()
    data.x.requires_grad_()
    wrt = [data.x, *layer.parameters()]
    z = data.x
    for _ in range(150):
        step = 0.4 * layer.conv(z, *_edges(data)) + data.x
        z = 0.5 * z + 0.5 * step
    out = layer(data.x, *_edges(data))
    assert_close(out, z, kind="accumulated")
    side = torch.randn_like(z)
    actual = torch.autograd.grad((out * side).sum(), wrt)
    expected = torch.autograd.grad((z * side).sum(), wrt)
    for got, wanted in zip(actual, expected, strict=True):
        assert_close(got, wanted, kind="accumulated")


@pytest.mark.parametrize(("a", "rho"), [(0.0, 0.8), (0.5, 0.8), (0.5, -0.8), (0.9, -0.5)])
def test_converges_at_the_rate_of_its_smoothing(a, rho):
    layer = PicardConv(Times([[rho]]), smoothing=a)
    x = torch.tensor([[1.0]], dtype=DOUBLE)
    found = layer.fixed_point(x, None)
    assert_close(found.value, x / (1 - rho), kind="accumulated")
    assert found.rate.item() == pytest.approx(abs(a + (1 - a) * rho), abs=1e-3)


def test_smoothing_brings_a_reflection_and_a_rotation_to_rest():
    x = torch.randn(4, 2, dtype=DOUBLE)
    for matrix in ([[-1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [-1.0, 0.0]]):
        expected = x @ torch.linalg.inv(torch.eye(2) - torch.tensor(matrix, dtype=DOUBLE))
        with pytest.raises(ConvergenceError, match=r"constant 1\); the map does not contract"):
            PicardConv(Times(matrix), smoothing=0.0, max_iterations=99)(x, None)
        assert_close(PicardConv(Times(matrix))(x, None), expected, kind="accumulated")


def test_what_expands_is_refused_with_its_constant():
    with pytest.raises(ConvergenceError, match=r"constant 1.5\); the map does not contract"):
        PicardConv(Times([[2.0]]))(torch.ones(1, 1, dtype=DOUBLE), None)
    with pytest.raises(ConvergenceError, match=r"constant 3\); the map does not contract"):
        PicardConv(Times([[1.0]]), smoothing=0.0, scale=3.0)(torch.ones(1, 1).double(), None)


def test_without_the_input_where_it_began_is_forgotten():
    layer, data = conv(add_input=False), graph()
    outs = [layer(x, *_edges(data)) for x in (data.x, 3 * torch.randn_like(data.x))]
    assert_close(outs[0], outs[1], kind="accumulated")
    assert_close(0.4 * layer.conv(outs[0], *_edges(data)), outs[0], kind="accumulated")


def test_any_layer_with_what_it_takes():
    data = graph("star")
    attr = torch.randn(data.edge_index.size(1), 2, dtype=DOUBLE)
    layer = PicardConv(GATConv(3, 3, edge_dim=2), scale=0.2).double()
    out = layer(data.x, data.edge_index, edge_attr=attr)
    image = layer.conv(out, data.edge_index, edge_attr=attr)
    assert_close(0.2 * image + data.x, out, kind="accumulated")


def test_dropout_has_no_fixed_point():
    data = graph()
    layer = conv(max_iterations=200)
    dropping = PicardConv(Dropping(layer.conv), scale=0.4, max_iterations=200)
    with pytest.raises(ConvergenceError, match="after 200 iterations"):
        dropping(data.x, data.edge_index)
    dropping.eval()
    assert_close(dropping(data.x, data.edge_index), layer(data.x, data.edge_index))


class Dropping(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index):
        return nn.functional.dropout(self.conv(x, edge_index), training=self.training)


def test_no_nodes_no_edges_and_one_node():
    layer, none = conv(), torch.zeros(2, 0, dtype=torch.long)
    assert layer(torch.zeros(0, 3).double(), none).shape == (0, 3)
    x = torch.randn(2, 3, dtype=DOUBLE)
    system = torch.eye(3) - 0.4 * layer.conv.lin.weight.T
    expected = (x + 0.4 * layer.conv.bias) @ torch.linalg.inv(system)
    assert_close(layer(x, none), expected, kind="accumulated")
    assert_close(layer(x[:1], none), expected[:1], kind="accumulated")


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="conv: got sizes 3 and 4, expected equal ones"):
        PicardConv(GCNConv(3, 4))
    with pytest.raises(TypeError, match="conv: got type"):
        PicardConv(GCNConv)
    with pytest.raises(ValueError, match="smoothing: got 1"):
        PicardConv(GCNConv(3, 3), smoothing=1)
    with pytest.raises(ValueError, match="unknown solver"):
        PicardConv(GCNConv(3, 3), solver="newton")
    with pytest.raises(ValueError, match="tolerance: got 0"):
        PicardConv(GCNConv(3, 3), tolerance=0)
    for columns in (4, 1):  # one would fit by broadcasting
        with pytest.raises(ValueError, match=rf"conv: returned shape \[2, {columns}\]"):
            PicardConv(GCNConv(-1, columns))(torch.randn(2, 3), torch.tensor([[0], [1]]))
