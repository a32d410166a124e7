import math

import pytest
import torch

from graphpoly.ops import orthonormalize
from graphpoly.testing import assert_close

DOUBLE = torch.float64


def polar(weight):
    """U V^T of the singular value decomposition."""
    left, _, right = torch.linalg.svd(weight, full_matrices=False)
    return left @ right


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(1433, 16), (16, 1433), (24, 24), (7, 1), (1, 7), (1, 1)])
def test_equals_the_polar_factor(shape, order):
    weight = 1e3 * torch.randn(shape, dtype=DOUBLE)
    found = orthonormalize(weight, iterations=25 if order > 1 else 45, order=order)
    values = torch.linalg.svdvals(found)
    assert (values - 1).abs().max() < 1e-12
    assert_close(found, polar(weight), kind="accumulated")


def test_small_singular_values_are_raised_too():
    left, right = (torch.linalg.qr(torch.randn(20, 20, dtype=DOUBLE))[0] for _ in range(2))
    weight = left * torch.logspace(0, -4, 20, dtype=DOUBLE) @ right
    assert (torch.linalg.svdvals(orthonormalize(weight)) - 1).abs().max() < 1e-6
    assert_close(orthonormalize(weight), left @ right, kind="accumulated")


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_step_is_the_series_of_the_inverse_root_and_never_goes_above_one(order):
    values = torch.tensor([1.0, 0.7, 0.2, 1e-3], dtype=DOUBLE)
    weight = torch.diag(values)  # divided by its largest entry, which is 1
    series = sum(
        math.prod((1 / 2 + j) / (j + 1) for j in range(k)) * (1 - values**2) ** k
        for k in range(order + 1)
    )
    found = orthonormalize(weight, iterations=1, order=order)
    assert_close(found, torch.diag(values * series))
    assert (found.diagonal() >= values).all()
    for iterations in range(1, 12):
        wide = orthonormalize(torch.randn(5, 9), iterations=iterations, order=order)
        assert torch.linalg.svdvals(wide).max() <= 1 + 1e-6


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("iterations", [2, 25])
def test_the_gradient_is_exact_even_where_the_iteration_is_not_done(shape, iterations):
    weight = torch.randn(shape, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: orthonormalize(w, iterations=iterations), (weight,))


def test_length_does_not_matter_and_nothing_overflows():
    weight = torch.randn(6, 4)
    expected = orthonormalize(weight)
    for scale in (1e-30, 1e30):
        assert_close(orthonormalize(scale * weight), expected)


def test_what_is_zero_stays_zero():
    weight = torch.zeros(4, 3, requires_grad=True)
    found = orthonormalize(weight)
    found.sum().backward()
    assert not found.any()
    assert weight.grad.isfinite().all()
    rank_one = orthonormalize(torch.ones(4, 3, dtype=DOUBLE))
    assert_close(rank_one, torch.full((4, 3), 12**-0.5), kind="accumulated")
    assert orthonormalize(torch.empty(0, 3)).shape == (0, 3)


def test_autocast_does_not_narrow_it():
    weight = torch.randn(8, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(orthonormalize(weight), orthonormalize(weight.clone()))
        assert (torch.linalg.svdvals(orthonormalize(weight)) - 1).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weight": torch.ones(2, 3, 4)}, ValueError, r"weight: got shape \[2, 3, 4\]"),
        ({"weight": torch.ones(2, 3, dtype=torch.int64)}, TypeError, "weight: got dtype"),
        ({"iterations": 0}, ValueError, "iterations: got 0"),
        ({"order": 0}, ValueError, "order: got 0"),
        ({"order": 1.5}, TypeError, "order: got 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        orthonormalize(**{"weight": torch.ones(2, 3), **arguments})
