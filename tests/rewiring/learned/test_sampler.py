import pytest
import torch

from graphpoly.rewiring.learned import SubsetSampler, subset_marginals, top_subset
from graphpoly.rewiring.learned.sampler import ESTIMATORS
from graphpoly.testing import assert_close


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_exactly_k_ones_and_a_gradient(estimator):
    sampler = SubsetSampler(3, estimator=estimator)
    theta = torch.zeros(50, 9, requires_grad=True)  # everything is tied
    mask = torch.ones(50, 9, dtype=torch.bool)
    mask[0, 1:] = False
    chosen = sampler(theta, mask)
    assert set(chosen.detach().unique().tolist()) == {0.0, 1.0}
    assert chosen.detach().sum(1).tolist() == [1.0, *[3.0] * 49]
    (grad,) = torch.autograd.grad((chosen * torch.arange(9.0)).sum(), theta)
    assert grad.isfinite().all()
    assert grad[1:].abs().sum() > 0
    sampler.eval()
    assert torch.equal(sampler(theta, mask), sampler(theta, mask))
    with torch.no_grad():
        assert torch.equal(sampler(theta, mask), top_subset(theta, 3, mask))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradients_within_torch_func_are_those_of_backward(estimator):
    sampler = SubsetSampler(3, estimator=estimator)
    theta = torch.randn(4, 7, dtype=torch.float64)
    mask = torch.arange(7) < torch.tensor([7, 5, 3, 2]).unsqueeze(1)

    def loss(theta):
        torch.manual_seed(0)
        return (sampler(theta, mask) * torch.arange(7.0).cos()).sum()

    leaf = theta.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf), leaf)
    assert expected.abs().sum() > 0
    assert_close(torch.func.grad(loss)(theta), expected)


def test_the_gradient_of_simple_is_that_of_the_marginals():
    theta = torch.randn(4, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 7, dtype=torch.float64)
    (found,) = torch.autograd.grad((SubsetSampler(3)(theta) * weight).sum(), theta)
    (expected,) = torch.autograd.grad((subset_marginals(theta, 3) * weight).sum(), theta)
    assert_close(found, expected)


def test_the_gradient_of_imle_moves_to_the_better_subset():
    """With no noise to speak of it is the difference of two largest subsets."""
    sampler = SubsetSampler(2, estimator="imle", temperature=1e-6, beta=10.0)
    theta = torch.tensor([4.0, 3.0, 2.0, 1.0], requires_grad=True)
    chosen = sampler(theta)
    loss_gradient = torch.tensor([0.0, 1.0, 0.0, -1.0])
    (found,) = torch.autograd.grad((chosen * loss_gradient).sum(), theta)
    assert found.tolist() == [0.0, 1.0, 0.0, -1.0]


def test_straight_through_and_gumbel():
    theta = torch.randn(2, 5, requires_grad=True)
    weight = torch.randn(2, 5)
    chosen = SubsetSampler(2, estimator="straight_through")(theta)
    (found,) = torch.autograd.grad((chosen * weight).sum(), theta)
    assert_close(found, weight)
    # at a low temperature the relaxation is the draw itself: no gradient is left
    cold = SubsetSampler(2, estimator="gumbel", temperature=1e-3)(theta)
    (found,) = torch.autograd.grad((cold * weight).sum(), theta)
    assert found.abs().max() < 1e-2
    warm = SubsetSampler(2, estimator="gumbel", temperature=2.0)(theta)
    (found,) = torch.autograd.grad((warm * weight).sum(), theta)
    assert found.abs().max() > 1e-2


def test_refusals():
    for arguments, message in (
        ({"k": -1}, "k: got -1"),
        ({"k": 1, "estimator": "simpel"}, "did you mean 'simple'"),
        ({"k": 1, "temperature": 0.0}, "temperature: got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            SubsetSampler(**arguments)
