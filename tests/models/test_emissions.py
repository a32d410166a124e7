"""Emissions against torch.distributions, whole and in part."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, Normal

from graphpoly.models.emissions import CategoricalEmission, GaussianEmission, make_emission
from graphpoly.testing.tolerances import assert_close


def everywhere(x):
    return torch.ones_like(x, dtype=torch.bool)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_features_are_independent_given_the_state(dtype):
    torch.manual_seed(0)
    emission = GaussianEmission(3, 4).to(dtype)
    torch.nn.init.normal_(emission.rho)
    x, there = torch.randn(5, 3, dtype=dtype), torch.rand(5, 3) < 0.6
    each = Normal(emission.means, emission.scales).log_prob(x.unsqueeze(1))
    assert_close(emission(x, everywhere(x)), each.sum(-1))
    assert_close(emission(x, there), (each * there.unsqueeze(1)).sum(-1))
    assert_close(emission(x, ~there) + emission(x, there), each.sum(-1))


def test_scales_begin_at_about_one():
    scales = GaussianEmission(3, 4).scales
    assert_close(scales, torch.full_like(scales, 1.001))


def test_blocks_of_categories_are_independent_given_the_state():
    torch.manual_seed(0)
    emission = CategoricalEmission(5, 4, (2, 3)).double()
    first, second = torch.randint(2, (6,)), torch.randint(3, (6,))
    x = torch.cat([torch.eye(2)[first], torch.eye(3)[second]], 1).double()
    expected = [
        Categorical(logits=logits).log_prob(value.unsqueeze(1))
        for logits, value in zip(emission.logits.split((2, 3), 1), (first, second), strict=True)
    ]
    assert_close(emission(x, everywhere(x)), expected[0] + expected[1])
    there = torch.tensor([True, True, False, False, False]).expand(6, 5)
    assert_close(emission(x, there), expected[0])
    assert_close(emission.mean.split((2, 3), 1)[1].sum(1), torch.ones(4).double())


def test_numbers_beyond_all_bounds_stay_finite():
    emission = GaussianEmission(2, 3)
    torch.nn.init.constant_(emission.rho, -1e4)  # softplus gives zero
    x = torch.tensor([[3e38, -3e38], [0.0, 1.0]], requires_grad=True)
    out = emission(x, everywhere(x))
    out.sum().backward()
    found = (out, x.grad, emission.means.grad, emission.rho.grad)
    assert all(bool(each.isfinite().all()) for each in found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("poisson", 3, 2), "emission"),
        (("gaussian", 3, 2, (1, 2)), "categories: got"),
        (("categorical", 3, 2, (2, 2)), r"categories: got \[2, 2\], expected sizes that sum to 3"),
        (("categorical", 3, 2, (3, 0)), "categories: got 0"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_emission(*arguments)
