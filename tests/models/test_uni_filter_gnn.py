import torch

from graphpoly.models import UniFilterGNN
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])


def test_equals_the_composition_of_its_parts():
    net = UniFilterGNN(5, 6, 3, K=2, homophily=0.3, tau=0.8).eval()
    x = torch.randn(5, 5)
    first, second = (linear.weight for linear in net.maps)
    filtered = net.filter(x, EDGES)
    assert_close(net(x, EDGES), (filtered @ first.T).relu() @ second.T)
    assert net.num_hops == 2
    assert net.filter.theta.shape == (3, 1)
    assert (net.filter.homophily, net.filter.tau) == (0.3, 0.8)


def test_precomputed_vectors_train_alike():
    x = torch.randn(5, 5)
    gradients = []
    for precomputed in (False, True):
        torch.manual_seed(3)
        net = UniFilterGNN(5, 6, 3, K=2, precomputed=precomputed).eval()
        net(x, EDGES)
        net(x, EDGES).square().sum().backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    for name, gradient in gradients[0].items():
        assert_close(gradients[1][name], gradient, what=name)


def test_dropout_is_where_it_is_declared():
    net = UniFilterGNN(5, 6, 3, K=2, dropout=0.0, filter_dropout=0.0).train()
    x = torch.randn(5, 5)
    assert torch.equal(net(x, EDGES), net(x, EDGES))
    net.filter_dropout = 1.0
    assert_close(net(x, EDGES), torch.zeros(5, 3))  # the maps have no bias
    net.filter_dropout, net.dropout = 0.0, 1.0
    assert_close(net(x, EDGES), torch.zeros(5, 3))


def test_maps_of_one_size_add_their_input():
    net = UniFilterGNN(4, 4, 4, K=1, num_layers=2).eval()
    x = torch.randn(5, 4)
    first, second = (linear.weight for linear in net.maps)
    hidden = net.filter(x, EDGES)
    hidden = (hidden @ first.T + hidden).relu()
    assert_close(net(x, EDGES), hidden @ second.T + hidden)


def test_maps_start_as_published():
    net = UniFilterGNN(400, 16, 100, K=1)
    for linear, bound in zip(net.maps, (16**-0.5, 100**-0.5), strict=True):
        assert linear.weight.abs().max() <= bound
        assert linear.weight.abs().max() > 0.98 * bound


def test_norm_stands_behind_all_maps_but_the_last():
    net = UniFilterGNN(5, 6, 3, K=2, norm=True)
    assert [linear.norm is None for linear in net.maps] == [False, True]
    assert "norm=True" in repr(net)
