from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from graphpoly.kernels import arc_cosine
from graphpoly.kernels.arc_cosine import rectify
from graphpoly.testing import assert_close


@pytest.mark.parametrize("correlation", [-0.99, -0.4, 0.0, 0.3, 0.9, 1 - 1e-6])
def test_closed_forms_are_gaussian_means(correlation: float) -> None:
    # over the angle of (a, b) alone: the radius gives E[r^2] = 2
    angle = math.acos(correlation)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    # both are positive where phi is within pi/2 of 0 and of the angle
    low, high = angle - math.pi / 2, math.pi / 2
    phi = low + (high - low) * (nodes + 1) / 2
    product = np.cos(phi) * np.cos(phi - angle)
    share = (high - low) / (2 * math.pi)
    mean = share * float(weights @ product) / 2 * 2
    zeroth, first = arc_cosine(torch.tensor([correlation], dtype=torch.float64))
    assert_close(zeroth, [2 * share])
    assert_close(first, [2 * mean])


def test_the_derivative_of_the_first_is_the_zeroth() -> None:
    c = torch.linspace(-0.999, 0.999, 50, dtype=torch.float64)
    step = 1e-6
    slope = (arc_cosine(c + step)[1] - arc_cosine(c - step)[1]) / (2 * step)
    assert (slope - arc_cosine(c)[0]).abs().max() < 1e-7  # of a difference quotient


def test_a_little_beyond_the_bounds_is_the_bound() -> None:
    c = torch.tensor([1 + 1e-15, 1 - 1e-15, -1 - 1e-15, -1 + 1e-15], dtype=torch.float64)
    zeroth, first = arc_cosine(c)
    assert zeroth.tolist() == first.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("layers", [1, 3])
def test_layers_are_applied_in_place_one_after_another(layers: int) -> None:
    x = torch.randn(400, 5, dtype=torch.float64)  # more than one slab
    y = torch.randn(200, 5, dtype=torch.float64)
    x[3] = 0
    left, right = x.norm(dim=1), y.norm(dim=1)
    sigma, theta = x @ y.T, 2 * x @ y.T
    expected, tangent = sigma.clone(), theta.clone()
    for _ in range(layers):
        angle = torch.acos(expected / torch.outer(left, right))
        expected = (
            torch.outer(left, right) / math.pi * (angle.sin() + (math.pi - angle) * angle.cos())
        )
        tangent = tangent * (1 - angle / math.pi) + expected
    expected[3] = tangent[3] = 0
    turned = sigma.T.contiguous(), theta.T.contiguous()
    found = rectify(sigma, theta, left, right, layers)
    assert found[0] is sigma
    assert found[1] is theta
    assert_close(sigma, expected)
    assert_close(theta, tangent)
    rectify(turned[0].T, turned[1].T, left, right, layers)  # column by column in memory
    assert torch.equal(turned[0].T, sigma)
    assert torch.equal(turned[1].T, theta)
