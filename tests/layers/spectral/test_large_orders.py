"""Every polynomial layer at K = 3000: finite, and the filter that theory names."""

import copy

import pytest
import torch

from graphpoly.bases import chebyshev_nodes
from graphpoly.layers import (
    BernConv,
    ChebIIConv,
    FavardConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    OptBasisConv,
    TFGConv,
    UniFilterConv,
)
from graphpoly.testing import assert_close

K = 3000
N = 9
STEP = torch.arange(N)
RING = torch.cat([torch.stack([STEP, (STEP + 1) % N]), torch.stack([(STEP + 1) % N, STEP])], 1)
DEGREE = torch.arange(K + 1, dtype=torch.float64).unsqueeze(1)
T = 0.8  # of generating functions: T ** K has left float64


def spectrum(add_self_loops):
    matrix = torch.zeros(N, N, dtype=torch.float64)
    matrix[RING[0], RING[1]] = 1
    matrix += add_self_loops * torch.eye(N, dtype=torch.float64)
    return torch.linalg.eigh(matrix / matrix.sum(0))


def waves(conv, points):
    frequencies = conv.omega * torch.pi * DEGREE[: conv.num_frequencies + 1, 0]
    turns = frequencies * -points.unsqueeze(1)
    columns = torch.cat([turns[:, :1] * 0 + 1, torch.sin(turns[:, 1:]), torch.cos(turns[:, 1:])], 1)
    return columns @ conv.theta[:, 0].detach()


def jacobi_sum(t, a, b):
    """Sum of t^k P_k."""

    def response(conv, points):
        r = (1 - 2 * points * t + t**2).sqrt()
        return 2 ** (a + b) / (r * (1 - t + r) ** a * (1 + t + r) ** b)

    return response


# the layer, its coefficients (None: the start), and the response
CASES = {
    "BernConv": (
        BernConv(1, 1, K=K, linear=False, bias=False),
        (DEGREE / K) ** 2,
        lambda _, x: ((1 - x) / 2) ** 2 + (1 - x) * (1 + x) / (4 * K),
    ),
    "ChebIIConv": (
        ChebIIConv(1, 1, K=K, linear=False, bias=False),
        (1 + chebyshev_nodes(K).unsqueeze(1)) ** 3,
        lambda _, x: (1 - x) ** 3,
    ),
    "JacobiConv": (
        JacobiConv(1, 1, K=K, a=1.0, b=0.5, linear=False, bias=False),
        None,
        jacobi_sum(torch.tanh(torch.ones((), dtype=torch.float64)), 1.0, 0.5),
    ),
    "JacobiConv of powers": (
        JacobiConv(1, 1, K=K, a=-0.5, b=2.0, decomposed=False, linear=False, bias=False),
        T**DEGREE,
        jacobi_sum(T, -0.5, 2.0),
    ),
    "LegendreConv": (
        LegendreConv(1, 1, K=K, linear=False, bias=False),
        T**DEGREE,
        jacobi_sum(T, 0.0, 0.0),
    ),
    "TFGConv": (TFGConv(1, 1, K=K, omega=100.0, linear=False, bias=False), None, waves),
    "GPRConv ppr": (
        GPRConv(1, 1, K=K, linear=False, bias=False),
        None,
        lambda _, x: 0.1 / (1 - 0.9 * x),
    ),
    "GPRConv nppr": (
        GPRConv(1, 1, K=K, init="nppr", alpha=0.5, linear=False, bias=False),
        None,
        lambda _, x: 0.5 / (1 - 0.5 * x),
    ),
    "GPRConv nppr of growing powers": (
        GPRConv(1, 1, K=K, init="nppr", alpha=2.0, linear=False, bias=False),
        None,
        lambda _, x: x**K / 2 / (1 - 0.5 / x),
    ),
    "GPRConv sgc": (
        GPRConv(1, 1, K=K, init="sgc", linear=False, bias=False),
        None,
        lambda _, x: x**K,
    ),
    "FavardConv": (
        FavardConv(1, 1, K=K, linear=False, bias=False),
        T**DEGREE,
        lambda _, x: 1 / (1 - x * T + T**2),
    ),
    "UniFilterConv of powers": (
        UniFilterConv(1, 1, K=K, tau=1.0, linear=False, bias=False),
        T**DEGREE,
        lambda _, x: 1 / (1 - T * x),
    ),
    "UniFilterConv of equal vectors": (
        UniFilterConv(1, 1, K=K, tau=0.0, homophily=1.0, linear=False, bias=False),
        None,
        lambda conv, x: torch.ones_like(x) / signal(conv.theta.dtype).norm(),
    ),
}


def signal(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, 1, dtype=torch.float64, generator=generator).to(dtype)


@pytest.mark.parametrize("name", CASES)
def test_the_filter(name):
    conv, theta, wanted = CASES[name]
    conv = copy.deepcopy(conv).double()
    conv.reset_parameters()  # in float64
    if theta is not None:
        conv.theta.data.copy_(theta)
    x = signal()
    points, vectors = spectrum(conv.self_loops)
    expected = wanted(conv, points).unsqueeze(1)
    data = (x, RING) if isinstance(conv, UniFilterConv) else ()
    assert_close(conv.response(points, *data), expected, kind="accumulated")
    out = conv(x, RING)
    assert_close(out, vectors @ (expected * (vectors.T @ x)), kind="accumulated")


@pytest.mark.parametrize("name", CASES)
def test_float32_is_finite_with_all_gradients(name):
    conv = copy.deepcopy(CASES[name][0])
    x = signal(torch.float32).requires_grad_()
    out = conv(x, RING)
    out.sum().backward()
    for value in (out, x.grad, *(parameter.grad for parameter in conv.parameters())):
        assert value.isfinite().all()


def test_random_powers_sum_to_one():
    theta = GPRConv(1, 2, K=K, init="random").theta.detach()
    assert_close(theta.abs().sum(0), torch.ones(2))


def test_the_optimal_basis_reaches_any_filter():
    conv = OptBasisConv(1, 1, K=K, linear=False, bias=False).double()
    points, vectors = spectrum(False)
    x = signal()
    target = vectors @ ((vectors.T @ x) / (2 - points).unsqueeze(1))
    conv.fit(x, RING, target)
    assert_close(conv(x, RING), target, kind="accumulated")
