import itertools
import math

import pytest
import torch

from graphpoly.rewiring.learned import sample_subsets, subset_marginals
from graphpoly.testing import assert_close


def enumerate_all(theta, k):
    """Subsets and their probabilities."""
    n = theta.numel()
    every = torch.tensor(
        [[int(i in some) for i in range(n)] for some in itertools.combinations(range(n), k)]
    ).double()
    return every, torch.softmax(every @ theta, 0)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (3, 2), (6, 3), (8, 3), (9, 1), (7, 7), (5, 0)])
def test_marginals_are_those_of_an_enumeration(n, k):
    for seed in range(5):
        theta = 3 * torch.randn(n, generator=torch.Generator().manual_seed(seed)).double()
        every, chance = enumerate_all(theta, k)
        found = subset_marginals(theta, k)
        assert (found - chance @ every).abs().max() < 1e-12
        assert found.sum().item() == pytest.approx(k, abs=1e-12)
    found = subset_marginals(theta.float(), k)
    assert found.dtype == torch.float32
    assert (found - (chance @ every)).abs().max() < 1e-6


def test_closed_form():
    theta = torch.tensor([math.log(2), 0, 0], dtype=torch.float64)
    assert_close(subset_marginals(theta, 2), torch.tensor([0.8, 0.6, 0.6], dtype=torch.float64))


def test_gradient_is_the_covariance_and_finite_differences():
    for n, k in ((6, 3), (5, 1), (4, 4)):
        theta = torch.randn(n, dtype=torch.float64, requires_grad=True)
        every, chance = enumerate_all(theta.detach(), k)
        mean = chance @ every
        covariance = (every.T * chance) @ every - torch.outer(mean, mean)
        found = torch.autograd.functional.jacobian(lambda t, k=k: subset_marginals(t, k), theta)
        assert (found - covariance).abs().max() < 1e-12
    theta = torch.randn(3, 7, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1] * 7, [1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0, 0]]).bool()
    assert torch.autograd.gradcheck(lambda t: subset_marginals(t, 3, mask), theta)


def test_masks_are_other_rows():
    """A row of which some elements are not there is a shorter row."""
    theta = torch.randn(4, 8, dtype=torch.float64)
    mask = torch.rand(4, 8) < 0.6
    mask[3] = False
    found = subset_marginals(theta, 3, mask)
    for row in range(4):
        there = mask[row]
        k = min(3, int(there.sum()))
        expected = torch.zeros(8).double()
        if there.any():
            every, chance = enumerate_all(theta[row, there], k)
            expected[there] = chance @ every
        assert (found[row] - expected).abs().max() < 1e-12
    drawn = sample_subsets(theta, 3, mask)
    assert torch.equal(drawn.sum(1), mask.sum(1).clamp(max=3).double())
    assert not drawn[~mask].any()


def test_samples_follow_the_law():
    """Chi-square over all subsets of 6 elements."""
    theta = torch.tensor([1.0, -0.5, 0.3, 2.0, -1.0, 0.0], dtype=torch.float64)
    every, chance = enumerate_all(theta, 3)
    draws = 40000
    drawn = sample_subsets(theta.expand(draws, 6), 3, generator=torch.Generator().manual_seed(1))
    place = {tuple(row): i for i, row in enumerate(every.int().tolist())}
    count = torch.bincount(
        torch.tensor([place[tuple(row)] for row in drawn.int().tolist()]), minlength=20
    )
    expected = draws * chance
    chi = ((count - expected).square() / expected).sum().item()
    assert chi < 50  # 19 degrees of freedom: p > 1e-4


def test_large_and_extreme():
    theta = torch.randn(4, 300, dtype=torch.float64) * 50
    theta[0] = 0
    theta.requires_grad_()
    found = subset_marginals(theta, 40)
    assert_close(
        found[0].detach(), torch.full((300,), 40 / 300, dtype=torch.float64), kind="accumulated"
    )
    assert_close(found.sum(1), torch.full((4,), 40.0, dtype=torch.float64), kind="accumulated")
    (grad,) = torch.autograd.grad(found.square().sum(), theta)
    assert grad.isfinite().all()
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()


def test_refusals():
    with pytest.raises(ValueError, match="k: got -1"):
        subset_marginals(torch.randn(3), -1)
    with pytest.raises(ValueError, match="theta: got torch"):
        subset_marginals(torch.arange(3), 1)
    with pytest.raises(ValueError, match="mask: got"):
        subset_marginals(torch.randn(3), 1, torch.ones(2))
