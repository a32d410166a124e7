"""Polynomials of an operator that says nothing but its products, beside those of its entries."""

from functools import partial

import pytest
import torch

from graphpoly.ops import LinearOperator, polynomial
from graphpoly.ops.linear_operator import operator_product
from graphpoly.testing import assert_close
from tests.ops.graphs import dense
from tests.ops.test_polynomial import problem


class Dense(LinearOperator):
    """A matrix, and how often it was multiplied."""

    def __init__(self, matrix):
        self.matrix, self.asked = matrix, 0

    @property
    def num_rows(self):
        return len(self.matrix)

    def product(self, x):
        self.asked += 1
        return self.matrix @ x

    def transposed_product(self, x):
        self.asked += 1
        return self.matrix.T @ x


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 0), (0, 0, 0), (30, 30, 300)])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("order", [0, 1, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_that_of_the_entries_in_value_and_gradient(shape, width, order, dtype):
    adj, x, theta, recurrence = problem(shape, order=order, dtype=dtype)
    theta, recurrence = theta[:, :width], recurrence[..., :width]
    found = []
    for operator in (adj, Dense(dense(adj).to(dtype))):
        leaves = [x.clone().requires_grad_(), theta.clone().requires_grad_()]
        out = polynomial(operator, *leaves, recurrence)
        out.square().sum().backward()
        found.append([out.detach(), *(leaf.grad for leaf in leaves)])
    for ours, expected in zip(found[1], found[0], strict=True):
        assert ours.dtype == dtype
        assert_close(ours, expected, kind="accumulated")
    assert operator.asked == 2 * order


def test_gradients():
    adj, x, theta, recurrence = problem((6, 6, 20), 2, order=3)
    operator = Dense(dense(adj))
    inputs = x.requires_grad_(), theta.requires_grad_()
    assert torch.autograd.gradcheck(lambda *t: polynomial(operator, *t, recurrence), inputs)


def test_coefficients_of_another_type_get_their_gradient_in_it():
    adj, x, theta, recurrence = problem((6, 6, 20), 2, order=3, dtype=torch.float32)
    theta = theta.double().requires_grad_()
    out = polynomial(Dense(dense(adj).float()), x, theta, recurrence.double())
    out.sum().backward()
    assert (out.dtype, theta.grad.dtype) == (torch.float32, torch.float64)


def test_what_is_refused():
    adj, x, theta, recurrence = problem((6, 6, 20), 2, order=3)
    operator = Dense(dense(adj))
    with pytest.raises(ValueError, match=r"x: got shape .5, 2., expected .6, F"):
        polynomial(operator, x[1:], theta, recurrence)
    with pytest.raises(ValueError, match="recurrence: it is not learned over Dense; detach it"):
        polynomial(operator, x, theta, recurrence.requires_grad_())


def test_products_have_gradients_and_these_have_some():
    operator = Dense(torch.randn(4, 4, dtype=torch.float64))
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    for transposed in (False, True):
        run = partial(operator_product, operator, transposed=transposed)
        assert_close(run(x), (operator.matrix.T if transposed else operator.matrix) @ x)
        assert torch.autograd.gradcheck(run, x)
        assert torch.autograd.gradgradcheck(run, x)
