import pytest
import torch

from graphpoly.ops import restriction_products
from graphpoly.ops.restriction_products import restriction_products_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE


def maps(count, size, *, dtype=torch.float64, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    drawn = torch.randn(count, size, size, generator=generator, dtype=torch.float64)
    return drawn.to(dtype).requires_grad_()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [0, 1, 17, 2500])
def test_products_and_gradients_are_the_reference(size, dtype, count):
    target, source = (maps(count, size, dtype=dtype, seed=seed) for seed in (1, 2))
    seeds = torch.randn(2, count, size, size, dtype=dtype).unbind()
    found = restriction_products(target, source)
    expected = restriction_products_reference(target, source)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, kind="accumulated")
    assert torch.equal(found[0], found[0].mT) or size > 8
    ours = torch.autograd.grad(found, (target, source), seeds)
    theirs = torch.autograd.grad(expected, (target, source), seeds)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other, kind="accumulated")


def test_strided_maps_and_one_gradient_alone():
    target, source = (maps(40, 4, seed=seed) for seed in (1, 2))
    found = restriction_products(target.mT, source.mT)
    assert_close(found[0], target @ target.mT)
    assert_close(found[1], target @ source.mT)
    ours = torch.autograd.grad(found[1].sum(), (target, source))
    theirs = torch.autograd.grad((target @ source.mT).sum(), (target, source))
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_gradients(size):
    drawn = tuple(maps(2, size, seed=seed) for seed in (1, 2))
    assert torch.autograd.gradcheck(restriction_products, drawn)
    assert torch.autograd.gradgradcheck(restriction_products, drawn)


@pytest.mark.parametrize("shapes", [((2, 2), (2, 2)), ((4, 2, 3),) * 2, ((4, 2, 2), (3, 2, 2))])
def test_shapes_must_fit(shapes):
    with pytest.raises(ValueError, match=r"expected twice \[E, d, d\]"):
        restriction_products(*(torch.ones(shape) for shape in shapes))
