import pytest
import torch

from graphpoly.ops import matrix_root, sylvester
from graphpoly.testing import assert_close
from tests.conftest import DEVICE


def positive(count=4, size=3, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    factor = torch.randn(count, size, size, dtype=torch.float64, generator=generator)
    return factor @ factor.mT + torch.eye(size, dtype=torch.float64)


def repeated():
    """The identity, a double eigenvalue, and a rotated triple one."""
    turn, _ = torch.linalg.qr(positive(1)[0])
    values = torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 5.0], [3.0, 3.0, 3.0]], dtype=torch.float64)
    return turn @ torch.diag_embed(values) @ turn.mT


@pytest.mark.parametrize("matrix", [positive(), repeated(), torch.zeros(0, 2, 2)])
def test_squares_to_the_matrix(matrix):
    root = matrix_root(matrix)
    assert_close(root @ root, matrix, kind="accumulated")
    assert_close(root, root.mT)


def test_sylvester_solves_its_equation():
    root, right = positive(), torch.randn(4, 3, 3, dtype=torch.float64)
    solution = sylvester(root, right)
    assert_close(root @ solution + solution @ root, right, kind="accumulated")


@pytest.mark.parametrize("matrix", [positive(), repeated()], ids=["distinct", "repeated"])
def test_gradients_whatever_the_eigenvalues(matrix):
    matrix = matrix.requires_grad_()
    right = torch.randn(matrix.shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(matrix_root, (matrix,))
    assert torch.autograd.gradgradcheck(matrix_root, (matrix,))
    assert torch.autograd.gradcheck(sylvester, (matrix, right))
    assert torch.autograd.gradgradcheck(sylvester, (matrix, right))
