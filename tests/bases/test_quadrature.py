import numpy as np
import pytest
import torch

from graphpoly.bases import chebyshev, gauss, golub_welsch, jacobi, monomial
from graphpoly.testing import assert_close


def test_legendre_equals_numpy():
    k = torch.arange(1.0, 20.0, dtype=torch.float64)
    nodes, weights = golub_welsch(torch.zeros(20), k / (4 * k**2 - 1).sqrt(), mass=2.0)
    expected = np.polynomial.legendre.leggauss(20)
    assert_close(nodes, torch.from_numpy(expected[0]))
    assert_close(weights, torch.from_numpy(expected[1]))


def test_chebyshev_has_equal_weights_channel_by_channel():
    order = 12
    off = torch.full((order, 2), 0.5, dtype=torch.float64)
    off[0] = 0.5**0.5
    mass = torch.tensor([1.0, 3.0], dtype=torch.float64)
    nodes, weights = golub_welsch(torch.zeros(order + 1, 2), off, mass=mass)
    angle = (torch.arange(order, -1, -1, dtype=torch.float64) + 0.5) * torch.pi / (order + 1)
    assert_close(nodes, angle.cos().unsqueeze(1).expand(-1, 2))
    assert_close(weights, (mass / (order + 1)).expand(order + 1, 2))


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_of_one_node_it_is_the_mean(channels):
    mean = torch.linspace(-0.5, 0.5, channels, dtype=torch.float64)
    nodes, weights = golub_welsch(mean.unsqueeze(0), torch.empty(0, channels), mass=2.0)
    assert_close(nodes, mean.unsqueeze(0))
    assert_close(weights, torch.full((1, channels), 2.0, dtype=torch.float64))


def test_gauss_of_order_one_is_the_midpoint_rule():
    for node, family in ((0.0, chebyshev(1)), (1 / 3, jacobi(1, 0.0, 1.0))):
        nodes, weights = gauss(family, mass=2.0)
        assert_close(nodes, torch.full((1, 1), node, dtype=torch.float64))
        assert_close(weights, torch.full((1, 1), 2.0, dtype=torch.float64))
    nodes, weights = golub_welsch(torch.tensor([0.25]), torch.empty(0))
    assert (nodes.tolist(), weights.tolist()) == ([0.25], [1.0])


def test_gauss_reads_any_normalisation():
    for kind, mass in ((1, torch.pi), (2, torch.pi / 2)):
        nodes, weights = gauss(chebyshev(15, kind=kind), mass=mass)
        if kind == 1:
            expected = np.polynomial.chebyshev.chebgauss(15)
            assert_close(nodes.squeeze(-1), torch.from_numpy(expected[0]).sort().values)
            assert_close(weights.squeeze(-1), torch.from_numpy(expected[1]))
        else:
            angle = torch.arange(15, 0, -1, dtype=torch.float64) * torch.pi / 16
            assert_close(nodes.squeeze(-1), angle.cos())
            assert_close(weights.squeeze(-1), torch.pi / 16 * angle.sin() ** 2)


def test_a_family_that_is_not_orthogonal_is_refused():
    with pytest.raises(ValueError, match="orthogonal family"):
        gauss(monomial(4))
