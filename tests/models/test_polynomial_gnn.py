import pytest
import torch
import torch.nn.functional as F

from graphpoly.models import FavardGNN, OptBasisGNN
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])


@pytest.mark.parametrize("model", [FavardGNN, OptBasisGNN])
def test_equals_the_composition_of_its_parts(model):
    net = model(5, 6, 3, K=4).eval()
    x = torch.randn(5, 5)
    hidden = F.linear(x, net.lin1.weight, net.lin1.bias).relu()
    expected = F.linear(net.filter(hidden, EDGES), net.lin2.weight, net.lin2.bias)
    assert_close(net(x, EDGES), expected)
    assert net.num_hops == 4


@pytest.mark.parametrize("model", [FavardGNN, OptBasisGNN])
def test_dropout_is_where_it_is_declared(model):
    net = model(5, 6, 3, K=2, dropout=0.0, filter_dropout=0.0).train()
    x = torch.randn(5, 5)
    assert torch.equal(net(x, EDGES), net(x, EDGES))
    net.filter_dropout = 1.0
    assert torch.equal(net.encode(x), torch.zeros(5, 6))
    net.dropout = 1.0
    assert torch.equal(net(x, EDGES), net.lin2.bias.expand(5, 3))


@pytest.mark.parametrize("model", [FavardGNN, OptBasisGNN])
def test_learns_a_high_pass_label(model):
    """The label is whether a node differs from its neighbours: no low-pass filter can say."""
    edges = torch.stack([torch.arange(60), torch.arange(60).roll(1)])
    edges = torch.cat([edges, edges.flip(0)], 1)
    x = torch.randn(60, 1)
    y = (x.squeeze() > (x.roll(1, 0) + x.roll(-1, 0)).squeeze() / 2).long()
    net = model(1, 16, 2, K=3, dropout=0.0, filter_dropout=0.0)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x, edges), y)
        loss.backward()
        optimizer.step()
    assert (net.eval()(x, edges).argmax(1) == y).float().mean() > 0.95
