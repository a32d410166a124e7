"""take_rows against indexing, and bit for bit against itself on several threads."""

from __future__ import annotations

import pytest
import torch

from graphpoly.ops.take_rows import take_rows


@pytest.mark.parametrize("index", [[1, 1, 0], [[2, 2], [0, 1]], [], [[], []], 2])
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2), (3, 0)])
def test_is_the_index(index, dtype, shape):
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    index = torch.tensor(index, dtype=dtype)
    assert torch.equal(take_rows(x, index), x[index])
    assert torch.autograd.gradcheck(lambda x: take_rows(x, index), x)
    assert torch.autograd.gradgradcheck(lambda x: take_rows(x, index), x)


def test_two_threads_give_the_same_gradient_each_time():
    torch.manual_seed(0)
    x, index = torch.randn(200, 16, requires_grad=True), torch.randint(200, (9000,))
    weight, threads = torch.randn(9000, 16), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = [torch.autograd.grad((take_rows(x, index) * weight).sum(), x)[0] for _ in range(20)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found)
