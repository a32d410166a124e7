"""head_scores against the sum of products, on all widths that registers may be cut into."""

import itertools

import pytest
import torch

from graphpoly.ops import backends
from graphpoly.ops.head_scores import head_scores, head_scores_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE


def drawn(*shape, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [0, 1, 127, 300])
def test_values_and_gradients(rows, dtype):
    kind = "accumulated" if dtype == torch.float32 else "exact"
    for heads, channels, two in itertools.product((1, 4), (1, 2, 7, 16, 35), (False, True)):
        inputs = [drawn(rows, heads, channels, dtype=dtype), drawn(heads, channels, dtype=dtype)]
        inputs += [drawn(heads, channels, dtype=dtype) * 2] if two else [None]
        wide = [t if t is None else t.detach().double().requires_grad_() for t in inputs]
        leaves = [t if t is None else t.detach().requires_grad_() for t in inputs]
        found, expected = head_scores(*leaves), head_scores_reference(*wide)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other.to(dtype), kind=kind)
        grads, wanted = (
            torch.autograd.grad(
                (out[0].sin() + (out[1].cos() if two else 0)).sum(),
                [t for t in given if t is not None],
            )
            for out, given in ((found, leaves), (expected, wide))
        )
        for one, other in zip(grads, wanted, strict=True):
            size = max(float(other.abs().max()), 1e-3) if other.numel() else 1
            assert_close(one / size, (other / size).to(dtype), kind=kind)


def test_gradients_of_first_and_second_order():
    inputs = [drawn(3, 2, 3), drawn(2, 3), drawn(2, 3) * 2]
    assert torch.autograd.gradcheck(head_scores, inputs)
    assert torch.autograd.gradgradcheck(head_scores, inputs)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_threads_do_not_change_a_bit():
    inputs = [drawn(2000, 4, 16, dtype=torch.float32), drawn(4, 16, dtype=torch.float32)]
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out, _ = head_scores(*inputs)
            found.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
