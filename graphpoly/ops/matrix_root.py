r"""Square roots of many small positive matrices, with gradients that no eigenvalue can spoil.

The derivative of an eigendecomposition divides by differences of eigenvalues, and is infinite where
two are equal. That of the root :math:`R = M^{1/2}` is not: :math:`R R = M` gives the Sylvester
equation

.. math:: R\, dR + dR\, R = dM, \qquad
    dR = U \left[\frac{(U^\top dM\, U)_{ab}}{\sqrt{\lambda_a} + \sqrt{\lambda_b}}\right] U^\top

(the Daleckii-Krein form with its divided difference in closed form), whose divisors are sums.
:func:`sylvester` solves it, and is its own gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.dtypes import floating
from graphpoly.ops.library import direct, implement

__all__ = ["matrix_root", "matrix_root_reference", "sylvester", "sylvester_reference"]


def matrix_root(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of each positive definite matrix.

    Args:
        matrix: ``[N, d, d]``; its symmetric part counts, and of that the eigenvalues above 0. Half
            precisions are computed in float32.

    Returns:
        ``[N, d, d]``.

    Raises:
        TypeError: If ``matrix`` is of another dtype.
        ValueError: If it is no stack of square matrices.

    Complexity: O(N d^3).

    >>> import torch
    >>> from graphpoly.ops import matrix_root
    >>> matrix_root(torch.tensor([[[4.0, 0.0], [0.0, 9.0]]])).round().tolist()
    [[[2.0, 0.0], [0.0, 3.0]]]
    """
    _check("matrix", matrix)
    kept, dtype = floating(matrix=matrix)
    root: Tensor = direct.matrix_root(matrix.to(dtype))
    return root.to(kept)


def sylvester(root: Tensor, right: Tensor) -> Tensor:
    """Solve ``R X + X R = C`` for X, for each symmetric positive definite R.

    Args:
        root: R, ``[N, d, d]``.
        right: C, ``[N, d, d]``.

    Raises:
        TypeError: If one is not floating-point, or the dtypes differ.
        ValueError: If the shapes do not fit.
    """
    _check("root", root)
    if right.shape != root.shape:
        raise ValueError(f"right: got shape {tuple(right.shape)}, expected {tuple(root.shape)}")
    kept, dtype = floating(root=root, right=right)
    solution: Tensor = direct.sylvester(root.to(dtype), right.to(dtype))
    return solution.to(kept)


def _check(name: str, matrix: Tensor) -> None:
    if matrix.dim() != 3 or matrix.size(1) != matrix.size(2):
        raise ValueError(f"{name}: got shape {tuple(matrix.shape)}, expected [N, d, d]")
    if not matrix.is_floating_point():
        raise TypeError(f"{name}: got dtype {matrix.dtype}, a floating-point dtype is accepted")


def matrix_root_reference(matrix: Tensor) -> Tensor:
    """The definition of ``graphpoly::matrix_root`` in plain PyTorch."""
    value, vector = torch.linalg.eigh(_symmetric(matrix))
    return (vector * value.clamp(min=0).sqrt().unsqueeze(-2)) @ vector.mT


def sylvester_reference(root: Tensor, right: Tensor) -> Tensor:
    """The definition of ``graphpoly::sylvester`` in plain PyTorch."""
    value, vector = torch.linalg.eigh(_symmetric(root))
    divisor = value.unsqueeze(-1) + value.unsqueeze(-2)
    regular = divisor > 0
    turned = vector.mT @ right @ vector
    inner = torch.where(regular, turned / torch.where(regular, divisor, 1), 0)
    return (vector @ inner @ vector.mT).contiguous()


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.mT) / 2


def _root_fake(matrix: Tensor) -> Tensor:
    torch._check(matrix.dim() == 3)
    return matrix.new_empty(matrix.shape)


def _root_setup(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _root_backward(ctx: Any, grad: Tensor) -> Tensor:
    (root,) = ctx.saved_tensors
    return sylvester(root, _symmetric(grad))


implement(
    "matrix_root",
    reference=matrix_root_reference,
    fake=_root_fake,
    setup_context=_root_setup,
    backward=_root_backward,
)


def _sylvester_fake(root: Tensor, right: Tensor) -> Tensor:
    torch._check(root.dim() == 3 and right.dim() == 3)
    return right.new_empty(right.shape)


def _sylvester_setup(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], output if ctx.needs_input_grad[0] else None)


def _sylvester_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
    root, solution = ctx.saved_tensors
    adjoint = sylvester(root, grad)
    grad_root = None
    if ctx.needs_input_grad[0]:
        grad_root = -_symmetric(adjoint @ solution.mT + solution.mT @ adjoint)
    return grad_root, adjoint


implement(
    "sylvester",
    reference=sylvester_reference,
    fake=_sylvester_fake,
    setup_context=_sylvester_setup,
    backward=_sylvester_backward,
)
