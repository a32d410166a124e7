import pytest
import torch

from graphpoly.layers.cooperative import gumbel_noise
from graphpoly.layers.cooperative.actions import choose


@pytest.mark.parametrize("temperature", [0.01, 1.0, 10.0])
def test_actions_are_drawn_with_their_probabilities_at_any_temperature(temperature):
    logits = torch.tensor([1.0, -0.5, 0.3, -2.0])
    noise = gumbel_noise(20_000, generator=torch.Generator().manual_seed(0))
    drawn = choose(logits.expand(20_000, 4), "sample", noise=noise, temperature=temperature)
    assert ((drawn == 0) | (drawn == 1)).all()
    assert (drawn.sum(1) == 1).all()
    assert (drawn.mean(0) - logits.softmax(0)).abs().max() < 0.01


def test_gradient_is_that_of_the_relaxation():
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    noise = gumbel_noise(5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = torch.randn(5, 4, dtype=torch.float64)
    for tau in (0.01, 0.5):
        hard = choose(logits, "sample", noise=noise, temperature=tau)
        soft = ((logits + noise) / tau).softmax(-1)
        gradients = [torch.autograd.grad((out * weights).sum(), logits)[0] for out in (hard, soft)]
        assert torch.equal(*gradients)
        assert gradients[0].isfinite().all()


def test_other_modes():
    logits = torch.randn(6, 2, 2, requires_grad=True)
    assert torch.equal(choose(logits, "expected"), logits.softmax(-1))
    likely = choose(logits, "argmax")
    assert torch.equal(likely.argmax(-1), logits.argmax(-1))
    assert likely.sum() == 12
    assert not likely.requires_grad


def test_noise_is_gumbel_and_comes_from_the_generator():
    before = torch.get_rng_state()
    first, again = (
        gumbel_noise(50_000, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())
    assert first.isfinite().all()
    assert abs(float(first.mean()) - 0.5772) < 0.01
    assert abs(float(first.var()) - torch.pi**2 / 6) < 0.03
