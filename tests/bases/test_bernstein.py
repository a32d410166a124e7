import mpmath
import pytest
import torch
from scipy.special import comb

from graphpoly.bases import bernstein, chebyshev, chebyshev_nodes, evaluate
from graphpoly.layers import BernConv
from graphpoly.testing import assert_close

POINTS = torch.linspace(-1, 1, 101, dtype=torch.float64)


@pytest.mark.parametrize("order", [0, 1, 5, 10, 30])
def test_equals_the_definition(order):
    values = (evaluate(chebyshev(order), POINTS).squeeze(-1).T @ bernstein(order)).T
    for k in range(order + 1):
        wanted = comb(order, k) * (1 + POINTS) ** k * (1 - POINTS) ** (order - k) / 2**order
        assert_close(values[k], wanted)
    assert_close(values.sum(0), torch.ones_like(POINTS))


@pytest.mark.parametrize(("order", "expected"), [(10, 6.4e2), (20, 6.5e5), (30, 6.7e8)])
def test_condition_doubles_with_every_degree(order, expected):
    assert torch.linalg.cond(bernstein(order)).item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("order", [500, 501, 1030])  # around the change of formula; past float64
def test_large_orders(order):
    matrix = bernstein(order)
    nodes = chebyshev_nodes(order)[[0, order // 3, order // 2, order]]
    got = evaluate(chebyshev(order), nodes).squeeze(-1).T @ matrix
    assert_close(got.sum(1), torch.ones_like(nodes))
    with mpmath.workdps(40):
        for i, node in enumerate(nodes.tolist()):
            p = (1 + mpmath.mpf(node)) / 2
            for k in range(0, order + 1, order // 10):
                wanted = mpmath.binomial(order, k) * p**k * (1 - p) ** (order - k)
                assert abs(got[i, k].item() - float(wanted)) < 1e-10


def test_a_layer_of_a_large_order_is_the_identity_at_the_start():
    conv = BernConv(2, 2, K=1100, linear=False, bias=False).double()
    x = torch.randn(3, 2, dtype=torch.float64)
    out = conv(x, torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    assert_close(out, x)
