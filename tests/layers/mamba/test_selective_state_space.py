"""A direction of Mamba against its definition, sequence by sequence."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from graphpoly.layers.mamba import BidirectionalMamba, SelectiveStateSpace
from graphpoly.testing import assert_close

PTR = torch.tensor([0, 3, 3, 4, 11, 13])


def made(reverse, kernel_size=4):
    torch.manual_seed(0)
    block = SelectiveStateSpace(5, expand=2, states=3, kernel_size=kernel_size, reverse=reverse)
    return block.double(), -torch.rand(10, 3).double(), torch.randn(13, 5).double()


def parts(x):
    return [x[first:last] for first, last in pairwise(PTR.tolist())]


@pytest.mark.parametrize("kernel_size", [1, 4, 20])
def test_convolution_is_that_of_each_sequence_padded_by_zeros(kernel_size):
    block, _, _ = made(False, kernel_size)
    x = torch.randn(13, 10).double()
    weight = block.kernel.flip(0).T.unsqueeze(1)
    for out, part in zip(parts(block.convolve(x, PTR)), parts(x), strict=True):
        padded = F.pad(part.T, (kernel_size - 1, 0)).unsqueeze(0)
        if part.size(0):
            expected = F.conv1d(padded, weight, block.bias, groups=10).squeeze(0).T
            assert_close(out, expected)


def test_equals_the_recurrence_written_out():
    block, rate, z = made(False)
    expected = []
    for part in parts(z):
        wide, gate = part @ block.lin_in.weight.T, F.silu(part @ block.lin_gate.weight.T)
        state = torch.zeros(10, 3).double()
        for t in range(part.size(0)):
            heard = sum(block.kernel[k] * wide[t - k] for k in range(min(4, t + 1)))
            u = F.silu(heard + block.bias)
            step, taken, read = (block.lin_state.weight @ u).split([1, 3, 3])
            delta = F.softplus(block.lin_step(step))
            state = (delta[:, None] * rate).exp() * state + torch.outer(delta * u, taken)
            y = state @ read + block.skip * u
            expected.append(block.lin_out.weight @ (y * gate[t]))
    assert_close(block(z, rate, PTR), torch.stack(expected))


def test_reverse_is_the_flip_of_what_the_flip_gives():
    back, rate, z = made(True)
    onward, _, _ = made(False)
    expected = torch.cat(
        [onward(part.flip(0), rate, torch.tensor([0, part.size(0)])).flip(0) for part in parts(z)]
    )
    assert_close(back(z, rate, PTR), expected)


def test_first_steps_lie_in_their_range_and_rates_are_whole():
    block = SelectiveStateSpace(64)
    step = F.softplus(block.lin_step.bias)
    assert step.min() >= 0.99e-3
    assert step.max() <= 0.101
    assert abs(step.log().mean() - torch.tensor(1e-2).log()) < 0.5
    assert_close(BidirectionalMamba(4).log_rate.exp(), torch.arange(1.0, 17).expand(8, 16))


def test_both_ways_with_equal_weights_know_no_direction():
    torch.manual_seed(1)
    block = BidirectionalMamba(5, states=3).double()
    x, whole = torch.randn(9, 5).double(), torch.tensor([0, 9])
    assert not torch.allclose(block(x.flip(0), whole).flip(0), block(x, whole))
    block.homeward.load_state_dict(block.onward.state_dict())
    assert_close(block(x.flip(0), whole).flip(0), block(x, whole))


def test_every_step_hears_of_every_other_of_its_sequence_and_of_no_other_sequence():
    torch.manual_seed(2)
    block = BidirectionalMamba(2, states=3).double()
    x = torch.randn(13, 2).double()
    heard = torch.autograd.functional.jacobian(lambda x: block(x, PTR), x)
    heard = heard.abs().amax((1, 3)) > 0
    sequence = torch.repeat_interleave(PTR.diff())
    assert torch.equal(heard, sequence.unsqueeze(1) == sequence)


def test_the_last_step_of_each_sequence_alone_is_what_all_steps_have_there():
    torch.manual_seed(0)
    block = BidirectionalMamba(5, expand=2, states=3).double()
    ptr = torch.tensor([0, 3, 4, 11, 13])
    x, seen = torch.randn(13, 5).double().requires_grad_(), torch.randn(4, 5).double()
    inputs = [x, *block.parameters()]

    def gradients(out):
        return torch.autograd.grad((out * seen).sum(), inputs)

    expected, found = block(x, ptr)[ptr[1:] - 1], block(x, ptr, last=True)
    assert_close(found, expected)
    for ours, theirs in zip(gradients(found), gradients(expected), strict=True):
        assert_close(ours, theirs)
    assert block(x[:0], ptr[:1], last=True).shape == (0, 5)
