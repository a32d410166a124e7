import pytest
import torch

from graphpoly.ops import householder, householder_transport
from graphpoly.ops.householder import householder_transport_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE


def params(count, size, *, dtype=torch.float64, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    shape = (count, size * (size - 1) // 2)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_is_the_product_of_its_reflections(size):
    drawn = params(5, size)
    for row, matrix in zip(drawn, householder(drawn, size), strict=True):
        expected, first = torch.eye(size, dtype=torch.float64), 0
        for j in range(size - 1):
            vector = torch.zeros(size, dtype=torch.float64)
            vector[j] = 1
            vector[j + 1 :] = row[first : first + size - 1 - j]
            first += size - 1 - j
            outer = torch.outer(vector, vector) / (vector @ vector)
            expected = expected @ (torch.eye(size, dtype=torch.float64) - 2 * outer)
        assert_close(matrix, expected)
        assert_close(torch.linalg.det(matrix), (-1.0) ** (size - 1))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [0, 1, 17, 2500])
def test_transport_and_its_gradient_are_the_reference(size, dtype, count):
    a = params(count, size, dtype=dtype, seed=1).requires_grad_()
    b = params(count, size, dtype=dtype, seed=2).requires_grad_()
    seed = torch.randn(count, size, size, dtype=dtype)
    found = householder_transport(a, b, size)
    expected = householder_transport_reference(a, b, size)
    assert_close(found, expected, kind="accumulated")
    assert_close(found, householder(a, size).mT @ householder(b, size), kind="accumulated")
    if size > 1:
        one = torch.autograd.grad(found, (a, b), seed)
        other = torch.autograd.grad(expected, (a, b), seed)
        for left, right in zip(one, other, strict=True):
            scale = right.abs().amax().clamp(min=1) if count else 1
            assert_close(left / scale, right / scale, kind="accumulated")


@pytest.mark.parametrize("size", [2, 3, 5])
def test_gradients(size):
    a, b = (params(2, size, seed=seed).requires_grad_() for seed in (1, 2))

    def function(a, b):
        return householder_transport(a, b, size)

    assert torch.autograd.gradcheck(function, (a, b))
    assert torch.autograd.gradgradcheck(function, (a, b))


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"expected twice \[E, 3\] for size 3"):
        householder_transport(torch.ones(2, 2), torch.ones(2, 2), 3)
