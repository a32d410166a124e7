r"""The resolvent of a symmetric operator at the imaginary unit, applied to vectors.

.. math::
    (i I - H)^{-1} x = -H s - i\, s, \qquad (I + H^2)\, s = x

For a real symmetric H everything is real: s solves a positive definite system whose eigenvalues
:math:`1 + \lambda^2` are at least 1. A pole :math:`z = a + i b` is that of the operator
:math:`(H - a I) / b`.

Two solvers give the same s. The dense one factorises :math:`i I - H` itself, block by block, blocks
of about the same size together. The sparse one runs conjugate gradients with two sparse products an
iteration; each block has step lengths of its own, so that no block sees which others it was solved
with.

The gradient is implicit, whatever the solver. With :math:`t = (I + H^2)^{-1} \bar s`

.. math::
    \bar x = t, \qquad \bar H_{ij} = -\langle t_i, (H s)_j \rangle - \langle (H t)_i, s_j \rangle:

one more solve, no matter how many iterations the first one took.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import ConvergenceError, unknown
from graphpoly.ops.adjacency import CSR
from graphpoly.ops.batching import nodes_of_each, places
from graphpoly.ops.coo_to_csr import entry_rows
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import as_size, check_batch
from graphpoly.ops.library import direct, implement

__all__ = ["resolvent", "resolvent_solve_reference"]

SOLVERS = ("dense", "sparse")
_TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-7}
# numbers that one call of the dense solver may hold in a matrix
_DENSE_BUDGET = 2**22


def resolvent(
    adj: CSR,
    x: Tensor,
    *,
    solver: str = "dense",
    block: Tensor | None = None,
    num_blocks: int = 1,
    tolerance: float | None = None,
    max_iterations: int = 1000,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the real and imaginary part of :math:`(i I - H)^{-1} x`.

    Args:
        adj: H, square with N rows and symmetric. Symmetry is not checked, and the gradient of a
            value is that along symmetric changes.
        x: ``[N, F]``; computed in float64.
        solver: ``"dense"`` or ``"sparse"``.
        block: Block of each row, ``[N]`` in any order: no entry may join two blocks.
        num_blocks: Number of blocks.
        tolerance: Of the sparse solver: largest :math:`\|x - (I + H^2) s\| / \|x\|` of a block;
            default 1e-7 for float32 and 1e-12 for float64.
        max_iterations: Of the sparse solver.

    Returns:
        Two tensors ``[N, F]`` of the dtype of ``x``, and the residual of the worst block.

    Raises:
        ConvergenceError: If the sparse solver needs more iterations.
        ValueError: If ``solver`` is unknown or shapes do not fit.

    Complexity: dense O(B n^3) time for B blocks of n rows, and O(n^2) memory for as many blocks at
    a time as fit; sparse O(E F) for an iteration, of which about
    :math:`\tfrac12 \|H\| \log(2 / \mathrm{tolerance})` are needed, and O(N F) memory.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> edge = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)  # eigenvalues 1 and -1
    >>> real, imag, _ = resolvent(edge, torch.eye(2))
    >>> (real + 0.0).tolist(), imag.diagonal().tolist()
    ([[0.0, -0.5], [-0.5, 0.0]], [-0.5, -0.5])
    """
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    if adj.num_rows != adj.num_cols or x.dim() != 2 or x.size(0) != adj.num_rows:
        raise ValueError(
            f"x: got shape {tuple(x.shape)} for an operator of {adj.num_rows} x {adj.num_cols}, "
            "expected a square one of N rows and [N, F]"
        )
    num_blocks = as_size("num_blocks", num_blocks, most=2**31)
    max_iterations = as_size("max_iterations", max_iterations)
    check_batch(block, adj.num_rows, num_blocks, name="block")
    floating(adj, x=x)
    if tolerance is None:
        tolerance = _TOLERANCES.get(x.dtype, 1e-7)
    weight = adj.weight
    if weight is None:
        weight = torch.ones(adj.num_entries, dtype=torch.float64, device=x.device)
    weight = weight.double()
    solution, residual = direct.resolvent_solve(
        adj.rowptr,
        adj.col,
        weight,
        x.double(),
        None if block is None else block.long(),
        num_blocks,
        solver == "dense",
        tolerance,
        max_iterations,
    )
    real = direct.spmm_sum(
        adj.rowptr, adj.col, weight, -solution, *(adj.transposed or (None, None, None)), False
    )
    return real.to(x.dtype), -solution.to(x.dtype), residual


def resolvent_solve_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor,
    x: Tensor,
    block: Tensor | None,
    num_blocks: int,
    dense: bool,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::resolvent_solve``: s of ``(I + H^2) s = x``."""
    x = x.contiguous()
    if block is None:
        block, num_blocks = torch.zeros_like(rowptr[:-1], dtype=torch.int64), 1
    elif num_blocks > block.size(0):  # those without rows take no memory
        block, num_blocks = block.unique(return_inverse=True)[1], block.size(0)

    def product(y: Tensor) -> Tensor:
        return direct.spmm_sum(rowptr, col, weight, y, None, None, None, False)

    def apply(y: Tensor) -> Tensor:
        return y + product(product(y))

    if dense:
        solution = _by_factorisation(rowptr, col, weight, x, block, num_blocks)
        return solution, _residual(apply, x, solution, block, num_blocks)
    solution, count = _by_conjugate_gradients(
        apply, x, block, num_blocks, tolerance, max_iterations
    )
    residual = _residual(apply, x, solution, block, num_blocks)
    if count > 0:
        raise ConvergenceError(
            f"resolvent: {count} of {num_blocks} blocks have not converged to "
            f"{tolerance:g} after {max_iterations} iterations (residual {float(residual):.1e}); "
            'raise max_iterations or tolerance, or take solver="dense"'
        )
    return solution, residual


def _by_conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    x: Tensor,
    block: Tensor,
    num_blocks: int,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, int]:
    """Return the solution and how many systems did not converge; each column is a system."""

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return x.new_zeros(num_blocks, x.size(1)).index_add(0, block, a * b)

    solution, rest, direction = torch.zeros_like(x), x, x
    square = inner(x, x)
    least = tolerance**2 * square
    active = square > least
    for _ in range(max_iterations):
        if not active.any():
            break
        image = apply(direction)
        length = torch.where(active, square / torch.where(active, inner(direction, image), 1), 0)
        step = length[block]
        solution = solution + step * direction
        rest = rest - step * image
        following = torch.where(active, inner(rest, rest), square)
        ratio = torch.where(active, following / torch.where(active, square, 1), 0)
        direction = rest + ratio[block] * direction
        square = following
        active = square > least
    return solution, int(active.any(1).sum())


def _by_factorisation(
    rowptr: Tensor, col: Tensor, weight: Tensor, x: Tensor, block: Tensor, num_blocks: int
) -> Tensor:
    rows, cols = entry_rows(rowptr, col.size(0)).long(), col.long()
    place, _, _ = places(block, num_blocks)
    size = nodes_of_each(block, num_blocks)
    solution = torch.zeros_like(x)
    for chosen in _of_like_size(size):
        width = int(size[chosen].max())
        slot = torch.full((num_blocks,), -1, device=x.device)
        slot[chosen] = torch.arange(chosen.numel(), device=x.device)
        entry = (slot[block[rows]] >= 0).nonzero().squeeze(1)
        node = (slot[block] >= 0).nonzero().squeeze(1)
        # rows that a smaller block lacks stay zero in H: a system of their own
        matrix = x.new_zeros(chosen.numel(), width, width)
        where = (slot[block[rows[entry]]], place[rows[entry]], place[cols[entry]])
        matrix.index_put_(where, weight[entry], accumulate=True)
        right = x.new_zeros(chosen.numel(), width, x.size(1))
        right[slot[block[node]], place[node]] = x[node]
        eye = torch.eye(width, dtype=x.dtype, device=x.device)
        shifted = torch.complex(-matrix, eye.expand_as(matrix))
        found = torch.linalg.solve(shifted, right.to(shifted.dtype))
        solution[node] = -found.imag[slot[block[node]], place[node]]
    return solution


def _of_like_size(size: Tensor) -> list[Tensor]:
    """Groups of blocks whose sizes lie within a factor of two and that fit the budget together."""
    groups = []
    level = size.double().clamp(min=1).log2().ceil().long()
    for exponent in level.unique().tolist():
        members = ((level == exponent) & (size > 0)).nonzero().squeeze(1)
        if members.numel():
            groups.extend(members.split(max(1, _DENSE_BUDGET // 4**exponent)))
    return groups


def _residual(
    apply: Callable[[Tensor], Tensor], x: Tensor, solution: Tensor, block: Tensor, num_blocks: int
) -> Tensor:
    """The largest residual of a block, relative to its right-hand side."""
    if x.numel() == 0:
        return x.new_zeros(())

    def square(y: Tensor) -> Tensor:
        return x.new_zeros(num_blocks, x.size(1)).index_add(0, block, y * y)

    size = square(x)
    alive = size > 0
    ratio = square(x - apply(solution)) / torch.where(alive, size, 1)
    return torch.where(alive, ratio, 0).amax().sqrt()


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor,
    x: Tensor,
    block: Tensor | None,
    num_blocks: int,
    dense: bool,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, Tensor]:
    torch._check(x.dim() == 2)
    return torch.empty_like(x, memory_format=torch.contiguous_format), x.new_empty(())


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    rowptr, col, weight, _, block, *ctx.options = inputs
    ctx.mark_non_differentiable(output[1])
    solution = output[0] if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, weight, block, solution)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, weight, block, solution = ctx.saved_tensors
    ops, none = torch.ops.graphpoly, (None, None, None)
    adjoint, _ = ops.resolvent_solve(rowptr, col, weight, grad, block, *ctx.options)
    grad_weight = None
    if ctx.needs_input_grad[2]:
        image = ops.spmm_sum(rowptr, col, weight, solution, *none, False)
        adjoint_image = ops.spmm_sum(rowptr, col, weight, adjoint, *none, False)
        grad_weight = -ops.sddmm(rowptr, col, adjoint, image, *none)
        grad_weight = grad_weight - ops.sddmm(rowptr, col, adjoint_image, solution, *none)
    return None, None, grad_weight, adjoint, *(None,) * 5


implement(
    "resolvent_solve",
    reference=resolvent_solve_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)
