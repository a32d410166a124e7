"""Every basis far past the order where binomials, powers of two and factorials leave float64."""

import math

import mpmath
import pytest
import torch

from graphpoly.bases import (
    bernstein,
    chebyshev,
    chebyshev_interpolation,
    chebyshev_nodes,
    connection,
    convert,
    evaluate,
    favard,
    gauss,
    jacobi,
    legendre,
    monomial,
    optimal,
    substitute,
    trigonometric,
    universal,
)
from graphpoly.testing import assert_close

K = 3000
POINTS = torch.cos(torch.linspace(0.1, 3.0, 5, dtype=torch.float64))
DEGREES = [5, 1023, 1030, 2999, 3000]


def values(recurrence, points=POINTS, initial=None):
    return evaluate(recurrence, points, initial=initial).squeeze(-1)


def oracle(function, *parameters):
    """Of mpmath, at some degrees and all points."""

    def wanted(k):
        return torch.tensor(
            [float(function(k, *parameters, mpmath.mpf(x))) for x in POINTS.tolist()],
            dtype=torch.float64,
        )

    return wanted


def first_kind(k, points=POINTS):
    return torch.cos(k * torch.arccos(points))


def second_kind(k, points=POINTS):
    angles = torch.arccos(points)
    return torch.sin((k + 1) * angles) / torch.sin(angles)


def ones(*shape):
    return torch.ones(*shape, dtype=torch.float64)


FAMILIES = {
    "chebyshev": (chebyshev(K), first_kind),
    "chebyshev of the second kind": (chebyshev(K, kind=2), second_kind),
    "turned chebyshev": (substitute(chebyshev(K), -1.0), lambda k: first_kind(k, -POINTS)),
    "legendre": (legendre(K), oracle(mpmath.legendre)),
    "jacobi": (jacobi(K, 1.0, 0.5), oracle(mpmath.jacobi, 1, 0.5)),
    "jacobi of negative exponents": (jacobi(K, -0.5, 2.0), oracle(mpmath.jacobi, -0.5, 2)),
    "monomial": (monomial(K), lambda k: POINTS**k),
    "favard": (
        favard(0 * ones(K, 1), ones(K + 1, 1))[0],
        lambda k: second_kind(k, POINTS / 2),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_families_with_a_recurrence(name):
    recurrence, wanted = FAMILIES[name]
    got = values(recurrence)
    for k in DEGREES:
        assert_close(got[k], wanted(k), kind="accumulated")


@pytest.mark.parametrize(
    ("recurrence", "wanted"),
    [
        (chebyshev(K), 1),
        (chebyshev(K, kind=2), K + 1),
        (legendre(K), 1),
        (jacobi(K, 1.0, 0.5), K + 1),
        (jacobi(K, -0.5, 2.0), float(mpmath.binomial(K - mpmath.mpf(0.5), K))),
        (monomial(K), 1),
        (favard(0 * ones(K, 1), ones(K + 1, 1))[0], second_kind(K, ones(1) / 2).item()),
    ],
    ids=[name for name in FAMILIES if "turned" not in name],
)
def test_families_at_the_end_of_the_interval(recurrence, wanted):
    assert_close(values(recurrence, ones(1))[-1], wanted * ones(1), kind="accumulated")


def test_interpolation():
    matrix = chebyshev_interpolation(K)
    steps = torch.arange(K + 1)
    odd = 2 * (K - steps) + 1  # the nodes are -cos((j + 1/2) pi / (K + 1))
    for k in (1, 1500, K):
        with mpmath.workdps(30):
            for j in (0, 1, 1500, K):
                wanted = 2 * mpmath.cos(k * odd[j].item() * mpmath.pi / (2 * K + 2)) / (K + 1)
                assert matrix[k, j].item() == pytest.approx(float(wanted), rel=0, abs=1e-15)
    seventh = matrix @ torch.cos(7 * torch.arccos(chebyshev_nodes(K)))
    assert_close(seventh, torch.eye(K + 1, dtype=torch.float64)[7])


def test_bernstein():
    matrix = bernstein(K)
    some = chebyshev_nodes(K)[[0, K // 3, K // 2, K]]
    got = values(chebyshev(K), some).T @ matrix
    assert_close(got.sum(1), ones(4))
    assert_close(got @ torch.linspace(-1, 1, K + 1, dtype=torch.float64), some)  # lines are kept
    with mpmath.workdps(40):
        for i, node in enumerate(some.tolist()):
            p = (1 + mpmath.mpf(node)) / 2
            for k in {0, round(K * float(p)), K // 3, K // 2, K - 1, K}:
                wanted = mpmath.binomial(K, k) * p**k * (1 - p) ** (K - k)
                assert got[i, k].item() == pytest.approx(float(wanted), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("omega", [0.3, 300.0])  # 3 * 300 pi = 2827 needs nearly all degrees
def test_trigonometric(omega):
    got = trigonometric(K, 3, omega).T @ values(chebyshev(K))
    turns = omega * torch.pi * torch.arange(1.0, 4.0).double().unsqueeze(1) * POINTS
    wanted = torch.cat([ones(1, 5), torch.sin(turns), torch.cos(turns)])
    assert_close(got, wanted)


@pytest.mark.parametrize("cosine", [0.0, 0.3, 1.0])
def test_universal(cosine):
    rows = universal(K, cosine)
    some = [0, 1, K // 2, K]
    wanted = torch.full((4, K + 1), cosine, dtype=torch.float64)
    wanted[range(4), some] = 1
    assert_close(rows[some] @ rows.T, wanted)


def test_optimal():
    # sqrt(beta) = 1 and gamma = 0 beside and on the diagonal: U_k(x / 2), as in favard
    order = 600
    hessenberg = torch.zeros(order, order + 1, 1, dtype=torch.float64)
    hessenberg.diagonal(1).fill_(1)
    hessenberg.diagonal(-1).fill_(1)
    got = optimal(hessenberg, ones(1), POINTS).squeeze(-1)
    for k in (5, order - 1, order):
        assert_close(got[k], second_kind(k, POINTS / 2), kind="accumulated")


def test_optimal_past_a_breakdown():
    hessenberg = torch.zeros(K, K + 1, 2, dtype=torch.float64)
    hessenberg[0, 1] = hessenberg[1, 0] = 1
    hessenberg[1, 2, 0] = 1  # the other channel ends one step before
    got = optimal(hessenberg, ones(2), POINTS)
    assert_close(got[2], torch.stack([second_kind(2, POINTS / 2), 0 * POINTS], 1))
    assert got.shape == (K + 1, 5, 2)
    assert not got[3:].any()


def test_conversion():
    powers = connection(monomial(K), chebyshev(K)).squeeze(-1)
    assert_close(powers.sum(0), ones(K + 1))  # at x = 1, where all polynomials are 1
    assert powers[0, 1000].item() == pytest.approx(math.comb(1000, 500) / 2**1000, rel=1e-10)
    found = connection(legendre(K), chebyshev(K)).squeeze(-1)
    got = found[:, DEGREES].T @ values(chebyshev(K))
    assert_close(got, values(legendre(K))[DEGREES], kind="accumulated")


@pytest.mark.parametrize("order", [810, K])
def test_conversion_to_coefficients_beyond_float64(order):
    with pytest.raises(ValueError, match=f"target: coefficients of degree {order}"):
        connection(chebyshev(order), monomial(order))
    with pytest.raises(ValueError, match=f"target: coefficients of degree {order}"):
        convert(ones(order + 1), chebyshev(order), monomial(order))


def test_conversion_to_coefficients_within_float64():
    assert connection(chebyshev(809), monomial(809)).isfinite().all()


def test_quadrature():
    order = 1000
    nodes, weights = gauss(chebyshev(order), mass=torch.pi)
    assert_close(nodes.flatten(), chebyshev_nodes(order - 1))
    assert_close(weights.flatten(), torch.pi / order * ones(order))
