"""Dropout against its definition, its distribution, and PyTorch's rules."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from graphpoly.ops import dropout
from graphpoly.ops.dropout import dropout_reference

STORED = (torch.float32, torch.float64, torch.bfloat16)
# of parts of vectors, of one and of several, of more than one block
SHAPES = ((0,), (1,), (3,), (16,), (33,), (5, 7), (3, 5, 7), (40_001,))


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.999, 1.0])
def test_it_is_its_definition_to_the_last_bit(p, dtype):
    for shape in SHAPES:
        x = torch.randn(shape).to(dtype)
        place = torch.randint(2**62, shape)
        for seed in (0, -7, 2**62 + 12345):
            expected = dropout_reference(x, torch.tensor(seed), p, None)
            assert torch.equal(dropout(x, p, seed=seed), expected)
            expected = dropout_reference(x, torch.tensor(seed), p, place)
            assert torch.equal(dropout(x, p, seed=seed, place=place), expected)


def test_bits_are_those_of_the_place():
    x = torch.randn(60, 50)
    whole = dropout(x, 0.3, seed=5)
    place = torch.arange(x.numel()).view(x.shape)
    assert torch.equal(dropout(x.T, 0.3, seed=5, place=place.T), whole.T)
    assert torch.equal(dropout(x[7:, ::3], 0.3, seed=5, place=place[7:, ::3]), whole[7:, ::3])
    turned = x.T.contiguous().T
    assert torch.equal(dropout(turned, 0.3, seed=5), whole)
    upper = dropout(x, 0.3, seed=5, place=place + (1 << 32))
    assert not torch.equal(upper, whole)


def test_threads_do_not_matter():
    x, threads = torch.randn(300, 301), torch.get_num_threads()
    one = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            one.append(dropout(x, 0.4, seed=9))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one[0], other) for other in one)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.8])
def test_drawn_as_a_fair_coin_draws(p):
    """Chi-square of groups along the places, across them, of neighbours and of two seeds."""
    size, group = 1 << 16, 64
    first, second = (dropout(torch.ones(size), p, seed=seed) != 0 for seed in (0, 1))
    differ = 2 * p * (1 - p)
    for drawn, share in (
        (first.view(-1, group), 1 - p),
        (first.view(group, -1).T, 1 - p),
        ((first[::2] != first[1::2]).view(-1, group), differ),
        ((first[: size // 2] != first[size // 2 :]).view(-1, group), differ),
        ((first != second).view(-1, group), differ),
    ):
        count = drawn.sum(1).double()
        chi = float(((count - group * share) ** 2).sum() / (group * share * (1 - share)))
        assert abs(chi - len(count)) < 4 * math.sqrt(2 * len(count))
        assert abs(float(count.mean()) / group - share) < 4 * math.sqrt(share / size)


def test_seeds_come_from_the_default_generator():
    x = torch.randn(50, 50)
    torch.manual_seed(3)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), second)


def test_gradients_are_the_mask():
    x = torch.randn(40, 9, dtype=torch.float64, requires_grad=True)
    seed = torch.tensor(4)

    def run(x):
        return dropout(x, 0.4, seed=seed)

    assert torch.autograd.gradcheck(run, x)
    assert torch.autograd.gradgradcheck(run, x)
    (grad,) = torch.autograd.grad(run(x).sum(), x)
    assert torch.equal(grad, dropout(torch.ones_like(x), 0.4, seed=seed))


def test_nothing_is_drawn_where_nothing_is_dropped():
    x = torch.randn(5, 5)
    state = torch.get_rng_state()
    assert dropout(x, 0.0) is x
    assert dropout(x, 0.5, training=False) is x
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_dropped_is_zero():
    x = torch.tensor([math.inf, math.nan, 1.0]).repeat(50)
    assert dropout(x, 1.0, seed=1).count_nonzero() == 0
    dropped = dropout(torch.ones_like(x), 0.5, seed=1) == 0
    assert torch.equal(dropout(x, 0.5, seed=1)[dropped], torch.zeros(int(dropped.sum())))


def test_others_are_left_to_pytorch():
    half = torch.randn(30, dtype=torch.float16)
    for run in (lambda f: f(half), lambda f: torch.vmap(f, randomness="different")(half[None])):
        torch.manual_seed(0)
        found = run(dropout)
        torch.manual_seed(0)
        assert torch.equal(found, run(F.dropout))
    assert dropout(half, 0.5, seed=1).dtype == torch.float16


def test_compiled_is_pytorchs():
    compiled = torch.compile(lambda x: dropout(x, 0.5), fullgraph=True, backend="eager")
    x = torch.randn(30)
    torch.manual_seed(0)
    found = compiled(x)
    torch.manual_seed(0)
    assert torch.equal(found, F.dropout(x, 0.5))


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_no_probability(p):
    with pytest.raises(ValueError, match="p: got"):
        dropout(torch.ones(3), p)


def test_other_mistakes():
    for wrong in (torch.arange(3), torch.ones(3, dtype=torch.complex64), torch.ones(3).bool()):
        with pytest.raises(TypeError, match="floating-point"):
            dropout(wrong)
    for place in (torch.arange(4), torch.zeros(3, dtype=torch.int32)):
        with pytest.raises(ValueError, match="place: got"):
            dropout(torch.ones(3), place=place)
    for seed in (torch.arange(2), torch.ones(1), 2**64):
        with pytest.raises(ValueError, match="seed: got"):
            dropout(torch.ones(3), seed=seed)
