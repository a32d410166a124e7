import pytest
import torch

from graphpoly.errors import ConvergenceError
from graphpoly.ops import CSR, resolvent, to_csr
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import dense

SOLVERS = ["dense", "sparse"]


def symmetric(sizes=(6, 1, 9, 2), seed=0, scale=1.0):
    """Blocks on the diagonal: the operator, and the block of each row."""
    generator = torch.Generator(DEVICE).manual_seed(seed)
    pairs, start = [], 0
    for size in sizes:
        pairs.append(start + torch.randint(0, size, (2, 3 * size), generator=generator))
        start += size
    edges = torch.cat(pairs, 1)
    weight = scale * torch.randn(edges.size(1), generator=generator, dtype=torch.float64)
    edges, weight = torch.cat([edges, edges.flip(0)], 1), torch.cat([weight, weight])
    block = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    return to_csr(edges, weight, start), block


@pytest.mark.parametrize("solver", SOLVERS)
def test_equals_the_eigendecomposition(solver):
    adj, block = symmetric()
    x = torch.randn(18, 3, dtype=torch.float64)
    real, imag, residual = resolvent(adj, x, solver=solver, block=block, num_blocks=4)
    values, vectors = torch.linalg.eigh(dense(adj))
    response = 1 / (1j - values)
    expected = vectors.cdouble() @ (response.unsqueeze(1) * (vectors.T @ x).cdouble())
    assert_close(real, expected.real)
    assert_close(imag, expected.imag)
    assert residual < 1e-11


@pytest.mark.parametrize("solver", SOLVERS)
def test_is_the_inverse_of_i_minus_h_and_bounded_by_one(solver):
    adj, block = symmetric(scale=5.0)
    real, imag, _ = resolvent(
        adj, torch.eye(18, dtype=torch.float64), solver=solver, block=block, num_blocks=4
    )
    inverse = torch.complex(real, imag)
    shifted = 1j * torch.eye(18) - dense(adj)
    assert_close((shifted @ inverse).abs(), torch.eye(18), kind="accumulated")
    assert torch.linalg.matrix_norm(inverse, 2) <= 1 + 1e-9


def test_is_a_polynomial_in_the_matrix():
    """Cayley and Hamilton: the interpolation of 1 / (i - z) at the eigenvalues gives it, too."""
    adj, _ = symmetric((6,), scale=0.5)
    values = torch.linalg.eigvalsh(dense(adj)).cdouble()
    powers = torch.linalg.vander(values)
    coefficients = torch.linalg.solve(powers, 1 / (1j - values))
    matrix = dense(adj).cdouble()
    total = sum(c * torch.linalg.matrix_power(matrix, k) for k, c in enumerate(coefficients))
    real, imag, _ = resolvent(adj, torch.eye(6, dtype=torch.float64))
    assert_close(real, total.real, kind="accumulated")
    assert_close(imag, total.imag, kind="accumulated")


@pytest.mark.parametrize("solver", SOLVERS)
def test_blocks_do_not_see_each_other(solver):
    adj, block = symmetric()
    x = torch.randn(18, 2, dtype=torch.float64)
    real, imag, _ = resolvent(adj, x, solver=solver, block=block, num_blocks=4)
    mine = block == 2
    lone = dense(adj)[mine][:, mine]
    index = lone.nonzero().T
    alone = resolvent(
        to_csr(index, lone[index[0], index[1]], int(mine.sum())), x[mine], solver=solver
    )
    assert_close(real[mine], alone[0])
    assert_close(imag[mine], alone[1])


@pytest.mark.parametrize("solver", SOLVERS)
def test_gradient_is_that_of_the_dense_inverse_and_can_be_differentiated(solver):
    adj, block = symmetric((4, 3))
    half = adj.num_entries // 2
    order = adj.perm.long()

    def function(weight, x):
        symmetric_weight = torch.cat([weight, weight])[order]
        operator = adj.with_weight(symmetric_weight)
        real, imag, _ = resolvent(operator, x, solver=solver, block=block, num_blocks=2)
        return torch.cat([real, imag])

    weight = torch.randn(half, dtype=torch.float64, requires_grad=True)
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (weight, x))
    assert torch.autograd.gradgradcheck(function, (weight, x), atol=1e-4)


def test_dense_and_sparse_agree_in_value_and_gradient():
    results = []
    for solver in SOLVERS:
        adj, block = symmetric((30, 20, 7), seed=3)
        weight = adj.weight.clone().requires_grad_()
        x = torch.linspace(-1, 1, 57, dtype=torch.float64).view(-1, 1).requires_grad_()
        real, imag, _ = resolvent(
            adj.with_weight(weight), x, solver=solver, block=block, num_blocks=3
        )
        (real * imag).sum().backward()
        results.append((real, imag, weight.grad, x.grad))
    for one, other in zip(*results, strict=True):
        assert_close(one, other, kind="accumulated")


def test_sparse_solver_stops_with_an_error_that_says_how_far_it_came():
    adj, block = symmetric(scale=5.0)
    with pytest.raises(ConvergenceError, match=r"of 4 blocks have not converged to 1e-12 after 2"):
        resolvent(
            adj,
            torch.ones(18, 1, dtype=torch.float64),
            solver="sparse",
            block=block,
            num_blocks=4,
            max_iterations=2,
        )


@pytest.mark.parametrize("solver", SOLVERS)
def test_blocks_without_rows_take_no_memory(solver):
    adj, block = symmetric()
    x = torch.randn(18, 3, dtype=torch.float64)
    found = []
    for numbers, num_blocks in (([0, 1, 2, 3], 4), ([7, 2**31 - 1, 0, 10**6], 2**31)):
        some = x.clone().requires_grad_()
        of_row = torch.tensor(numbers)[block]
        out = resolvent(adj, some, solver=solver, block=of_row, num_blocks=num_blocks)
        found.append((*out, *torch.autograd.grad(out[0].sum() + out[1].square().sum(), some)))
    for few, many in zip(*found, strict=True):
        assert_close(many, few)


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_operator_zero_vector_and_no_rows(solver):
    none = to_csr(torch.empty(2, 0, dtype=torch.long), num_nodes=3)
    x = torch.tensor([[1.0], [0.0], [-2.0]])
    real, imag, _ = resolvent(none, x, solver=solver)
    assert torch.equal(real, torch.zeros(3, 1))
    assert torch.equal(imag, -x)
    empty = CSR(none.rowptr[:1], none.col, None, None, 0, None)
    assert resolvent(empty, torch.empty(0, 2), solver=solver)[0].shape == (0, 2)


def test_half_a_solver_is_named():
    adj, _ = symmetric((3,))
    with pytest.raises(ValueError, match="did you mean 'dense'"):
        resolvent(adj, torch.ones(3, 1), solver="dens")
    with pytest.raises(ValueError, match="x: got shape"):
        resolvent(adj, torch.ones(4, 1))
