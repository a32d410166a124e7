"""RNIGNN against dense matrices, and what noise in the features gives and takes."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ks_2samp

from graphpoly.models import RNIGNN
from graphpoly.testing.tolerances import tolerance

HEXAGON = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
TRIANGLES = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])


def both_ways(edges):
    return torch.cat([edges, edges.flip(0)], 1)


def dense(edges, size, weight=None):
    weight = torch.ones(edges.size(1)) if weight is None else weight
    return torch.zeros(size, size).index_put((edges[1], edges[0]), weight, accumulate=True)


@pytest.mark.parametrize("reduce", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_without_noise_it_is_the_product_of_dense_matrices(reduce, weighted):
    torch.manual_seed(0)
    size, edges = 7, torch.randint(6, (2, 12))  # node 6 has no neighbour
    weight = torch.rand(12) + 0.5 if weighted else None
    net = RNIGNN(3, 8, 2, num_layers=3, ratio=0.0, reduce=reduce, pool="max").eval()
    x = torch.randn(size, 3)
    adj = dense(edges, size, weight)
    count = dense(edges, size).sum(1, keepdim=True).clamp(min=1)
    h = x
    for conv in (*net.encoder, *net.convs):
        heard = adj @ h @ conv.lin_neighbors.weight.T
        heard = heard / count if reduce == "mean" else heard
        h = (h @ conv.lin_self.weight.T + conv.lin_self.bias + heard).tanh()
    expected = net.head(h.max(0, keepdim=True).values)
    torch.testing.assert_close(
        net(x, edges, weight), expected, **tolerance(torch.float32)._asdict()
    )


def test_noise_alone_does_not_read_the_features():
    net = RNIGNN(3, 8, 2, num_layers=2, ratio=1.0, pool="max", fixed=True).eval()
    assert len(net.encoder) == 0
    edges = both_ways(HEXAGON)
    assert torch.equal(net(torch.zeros(6, 3), edges), net(torch.ones(6, 3), edges))


@pytest.mark.parametrize(("ratio", "columns"), [(0.125, 8), (0.5, 32), (0.99, 63), (1.0, 64)])
def test_the_share_of_noise(ratio, columns):
    net = RNIGNN(2, 64, 2, ratio=ratio)
    assert net.noise.dim == columns
    assert [conv.lin_self.in_features for conv in net.convs] == [64] * 8


def draws(net, x, edges, times):
    """The outputs for so many copies of a graph, each with noise of its own."""
    size = x.size(0)
    copies = torch.cat([edges + size * i for i in range(times)], 1)
    with torch.no_grad():
        return net(x.repeat(times, 1), copies, batch=torch.arange(size * times) // size).view(-1)


@pytest.mark.parametrize(("ratio", "parted"), [(0.0, False), (0.5, True)])
def test_noise_parts_what_refinement_cannot(ratio, parted):
    torch.manual_seed(1)
    net = RNIGNN(1, 16, 1, num_layers=5, ratio=ratio, pool="max").double().eval()
    x = torch.ones(6, 1).double()
    one, other = (draws(net, x, both_ways(edges), 1500) for edges in (HEXAGON, TRIANGLES))
    if parted:
        assert ks_2samp(one, other).pvalue < 1e-6
    else:
        torch.testing.assert_close(one, other)
        assert one.std() < 1e-12


def test_its_mean_does_not_hang_on_the_order_of_the_nodes():
    torch.manual_seed(2)
    net = RNIGNN(2, 16, 1, num_layers=2, ratio=0.5, pool="max").double().eval()
    x, edges = torch.rand(6, 2).double(), both_ways(torch.tensor([[0, 1, 2, 2], [1, 2, 3, 4]]))
    order = torch.randperm(6)
    place = order.argsort()
    plain, moved = draws(net, x, edges, 3000), draws(net, x[order], place[edges], 3000)
    spread = (plain.var() / 3000 + moved.var() / 3000).sqrt()
    assert (plain.mean() - moved.mean()).abs() < 4 * spread
    assert plain.var() > 0


def test_fixed_noise_is_that_of_its_seed():
    x, edges = torch.ones(6, 1), both_ways(HEXAGON)
    net = RNIGNN(1, 16, 1, num_layers=2, ratio=0.5, pool="max", fixed=True)
    net.eval()
    assert torch.equal(net(x, edges), net(x, edges))
    net.train()
    assert not torch.equal(net(x, edges), net(x, edges))


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("train", [True, False])
def test_noise_comes_from_the_generator_that_is_given(train, fixed):
    x, edges = torch.ones(6, 1), both_ways(HEXAGON)
    net = RNIGNN(1, 16, 1, num_layers=2, ratio=0.5, dropout=0.0, fixed=fixed).train(train)
    before = torch.get_rng_state()
    one, same, other = (
        net(x, edges, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ratio": 1.5}, "ratio: got 1.5"),
        ({"ratio": -0.1}, "ratio: got -0.1"),
        ({"reduce": "max"}, "reduce"),
        ({"distribution": "cauchy"}, "distribution"),
        ({"pool": "sum"}, "pool"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        RNIGNN(2, 8, 2, **wrong)
