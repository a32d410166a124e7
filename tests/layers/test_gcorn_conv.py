import pytest
import torch
from torch_geometric.nn import GCNConv

from graphpoly.layers import GCORNConv
from graphpoly.testing import assert_close, graph_zoo
from tests.ops.graphs import dense

DOUBLE = torch.float64


def zoo(**options):
    return graph_zoo(num_features=3, dtype=DOUBLE, **options)


def polar(weight):
    left, _, right = torch.linalg.svd(weight, full_matrices=False)
    return left @ right


@pytest.mark.parametrize(("width", "bias"), [(2, True), (3, False), (5, True)])
def test_is_the_graph_convolution_with_the_polar_factor(width, bias):
    conv, gcn = GCORNConv(3, width, bias=bias).double(), GCNConv(3, width, bias=bias).double()
    conv.load_state_dict(gcn.state_dict())
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(torch.randn_like(parameter))
    gcn.load_state_dict(conv.state_dict())
    with torch.no_grad():
        gcn.lin.weight.copy_(polar(gcn.lin.weight))
    for name, data in zoo(weighted=True).items():
        expected = gcn(data.x, data.edge_index, data.edge_weight)
        out = conv(data.x, data.edge_index, data.edge_weight)
        assert_close(out, expected, kind="accumulated", what=name)


def test_no_pair_of_inputs_is_driven_farther_apart_and_one_is_not_brought_nearer():
    """A thousand pairs, and the one that the matrix of the linear map has for its largest value."""
    data = zoo(names=["erdos_renyi"])["erdos_renyi"]
    conv = GCORNConv(3, 4).double()
    p = dense(conv.operator(data.x, data.edge_index))
    assert torch.linalg.matrix_norm(p, 2).item() == pytest.approx(1)
    x, y = torch.randn(2, 1000, *data.x.shape, dtype=DOUBLE)
    moved = p @ (x - y) @ conv.lin.orthonormal_weight.T
    assert_close(
        moved[0], conv(x[0], data.edge_index) - conv(y[0], data.edge_index), kind="accumulated"
    )
    assert (moved.flatten(1).norm(dim=1) <= (x - y).flatten(1).norm(dim=1) + 1e-12).all()
    reach = (p.abs() @ (x - y).norm(dim=2, keepdim=True)).squeeze(2)
    assert (moved.norm(dim=2) <= reach + 1e-12).all()
    degree = torch.bincount(data.edge_index[1], minlength=data.num_nodes).double() + 1
    worst = degree.sqrt().unsqueeze(1) * torch.tensor([[1.0, 0.0, 0.0]], dtype=DOUBLE)
    least = conv(data.x + worst, data.edge_index) - conv(data.x, data.edge_index)
    assert least.norm().item() == pytest.approx(worst.norm().item())


def test_gradients():
    data = zoo(names=["directed"], weighted=True)["directed"]
    conv = GCORNConv(3, 2, iterations=12).double()
    weight = torch.randn(2, 3, dtype=DOUBLE, requires_grad=True)
    x, edge_weight = data.x.requires_grad_(), data.edge_weight.requires_grad_()

    def run(weight, x, edge_weight):
        given = {"lin.weight": weight}
        return torch.func.functional_call(conv, given, (x, data.edge_index, edge_weight))

    assert torch.autograd.gradcheck(run, (weight, x, edge_weight))


def test_a_lazy_size_starts_orthonormal_and_the_iterations_are_handed_on():
    data = zoo(names=["path"])["path"]
    conv = GCORNConv(-1, 2, iterations=7, order=3, bias=False).double()
    conv(data.x, data.edge_index)
    assert_close(conv.lin.weight @ conv.lin.weight.T, torch.eye(2), kind="accumulated")
    assert (conv.lin.iterations, conv.lin.order) == (7, 3)
    assert repr(conv) == "GCORNConv(-1, 2, iterations=7, order=3, bias=False)"
    with pytest.raises(ValueError, match="iterations: got 0"):
        GCORNConv(3, 2, iterations=0)
