import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import APPNP

from graphpoly.models import GPRGNN, TFGNN, BernNet, ChebNetII, LegendreNet
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
MODELS = [BernNet, ChebNetII, GPRGNN, LegendreNet, TFGNN]


@pytest.mark.parametrize("model", MODELS)
def test_equals_the_composition_of_its_parts(model):
    net = model(5, 6, 3, K=4).eval()
    with torch.no_grad():
        net.filter.theta.normal_()
    x = torch.randn(5, 5)
    hidden = F.linear(x, net.lin1.weight, net.lin1.bias).relu()
    expected = net.filter(F.linear(hidden, net.lin2.weight, net.lin2.bias), EDGES)
    assert_close(net(x, EDGES), expected)
    assert net.num_hops == 4
    assert net.filter.lin is None
    assert net.filter.bias is None


@pytest.mark.parametrize("model", MODELS)
def test_one_filter_for_all_classes_unless_told_otherwise(model):
    assert model(5, 6, 3, K=4).filter.theta.size(1) == 1
    assert model(5, 6, 3, K=4, shared=False).filter.theta.size(1) == 3


@pytest.mark.parametrize("model", MODELS)
def test_dropout_is_where_it_is_declared(model):
    net = model(5, 6, 3, K=2, dropout=0.0, filter_dropout=0.0).train()
    x = torch.randn(5, 5)
    assert torch.equal(net(x, EDGES), net(x, EDGES))
    net.filter_dropout = 1.0
    assert torch.equal(net(x, EDGES), torch.zeros(5, 3))
    net.filter_dropout, net.dropout = 0.0, 1.0
    assert torch.equal(net.encode(x), net.lin2.bias.expand(5, 3))


@pytest.mark.parametrize("model", [BernNet, ChebNetII, LegendreNet])
def test_starts_as_the_perceptron_alone(model):
    net = model(5, 6, 3).eval()
    x = torch.randn(5, 5)
    assert_close(net(x, EDGES), net.lin2(net.lin1(x).relu()))


def test_gpr_gnn_starts_as_appnp_behind_a_perceptron():
    net = GPRGNN(5, 6, 3, K=10, alpha=0.3).eval()
    x = torch.randn(5, 5)
    expected = APPNP(K=10, alpha=0.3)(net.lin2(net.lin1(x).relu()), EDGES)
    assert_close(net(x, EDGES), expected)


@pytest.mark.parametrize("model", MODELS)
def test_learns_a_filter_that_is_neither_low_nor_high_pass(model):
    """Regression on a ring: the response wanted is 1 in the middle of the spectrum."""
    edges = torch.stack([torch.arange(60), torch.arange(60).roll(1)])
    edges = torch.cat([edges, edges.flip(0)], 1)
    net = model(1, 4, 1, K=6, dropout=0.0, filter_dropout=0.0)
    points = torch.linspace(-1, 1, 41, dtype=torch.float64)
    wanted = torch.exp(-6 * points**2)
    optimizer = torch.optim.Adam(net.filter.parameters(), 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss = (net.filter.response(points).squeeze(1) - wanted).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.02
    x = torch.randn(60, 1)
    out = net.filter(net.filter(x, edges), edges)
    angle = 2 * torch.pi * torch.fft.rfftfreq(60, dtype=torch.float64)
    response = net.filter.response(angle.cos()).squeeze(1)
    if not net.filter.self_loops:
        spectrum = torch.fft.rfft(x.squeeze(1).double()) * response**2
        assert_close(out.squeeze(1), torch.fft.irfft(spectrum, 60).float(), kind="accumulated")
