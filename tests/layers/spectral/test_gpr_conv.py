import pytest
import torch
from torch_geometric.nn import APPNP, SGConv

from graphpoly.layers import GPRConv
from graphpoly.testing import assert_close, graph_zoo


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
def test_personalised_pagerank_is_appnp(alpha):
    for name, data in graph_zoo(weighted=True, num_features=4).items():
        conv = GPRConv(4, 4, K=10, init="ppr", alpha=alpha, linear=False, bias=False)
        peer = APPNP(K=10, alpha=alpha)
        expected = peer(data.x, data.edge_index, data.edge_weight)
        got = conv(data.x, data.edge_index, data.edge_weight)
        assert (got - expected).abs().max() <= 1e-6, name


def test_one_power_is_sgc():
    for name, data in graph_zoo(weighted=True, num_features=4).items():
        conv, peer = GPRConv(4, 3, K=3, init="sgc"), SGConv(4, 3, K=3)
        with torch.no_grad():
            conv.lin.weight.copy_(peer.lin.weight)
            conv.bias.copy_(peer.lin.bias.normal_())
        expected = peer(data.x, data.edge_index, data.edge_weight)
        got = conv(data.x, data.edge_index, data.edge_weight)
        assert (got - expected).abs().max() <= 1e-6, name


def test_starts_are_those_of_the_paper():
    def start(**kwargs):
        return GPRConv(2, 2, K=3, **kwargs).theta.detach()[:, 0]

    assert_close(start(init="ppr", alpha=0.2), torch.tensor([0.2, 0.16, 0.128, 0.512]))
    assert_close(start(init="ppr", alpha=0.0), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    assert_close(start(init="nppr", alpha=-0.5), torch.tensor([8.0, -4.0, 2.0, -1.0]) / 15)
    assert_close(start(init="sgc"), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    drawn = GPRConv(2, 3, K=3, init="random")
    assert_close(drawn.theta.abs().sum(0), torch.ones(3))
    assert drawn.theta.min() < 0 < drawn.theta.max()
    with pytest.raises(ValueError, match="unknown init 'prp'; did you mean 'ppr'"):
        GPRConv(2, 2, init="prp")


def test_reset_goes_back_to_the_start_that_was_asked_for():
    conv = GPRConv(2, 2, K=3, init="nppr", alpha=0.5)
    start = conv.theta.detach().clone()
    with torch.no_grad():
        conv.theta.normal_()
    conv.reset_parameters()
    assert torch.equal(conv.theta, start)


def test_self_loops_are_the_default_and_printed_when_left_out():
    assert GPRConv(2, 2).self_loops
    assert repr(GPRConv(2, 2, add_self_loops=False)) == "GPRConv(2, 2, K=10, add_self_loops=False)"
