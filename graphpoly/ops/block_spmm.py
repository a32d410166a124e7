r"""Sparse product whose entries are small matrices: vectors transported along edges and added up.

.. math::
    Y_i = \sum_{e \in \mathcal{N}(i)} B_e\, X_{\mathrm{col}(e)}, \qquad
    X_j \in \mathbb{R}^{d \times F}, \; B_e \in \mathbb{R}^{d \times d}

No message of size ``[E, d, F]`` is ever stored. Diagonal blocks are given by their diagonals and
cost d times less. The gradient of the blocks is :func:`block_sddmm`, that of X the same product
over the transpose.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.library import direct, implement

__all__ = ["block_sddmm", "block_sddmm_reference", "block_spmm", "block_spmm_reference"]


def block_spmm(adj: CSR, blocks: Tensor, x: Tensor) -> Tensor:
    """Multiply the matrix whose entry e is the block ``blocks[e]`` by ``x``.

    Args:
        adj: Where the blocks stand, R rows by C columns; its values are not read.
        blocks: ``[E, d, d]``, or ``[E, d]`` for diagonals, in the order of the entries.
        x: ``[C, d, F]``; half precisions are computed in float32.

    Returns:
        ``[R, d, F]``; rows without entries are 0.

    Raises:
        ValueError: If the shapes do not fit.

    Complexity: O(E d^2 F) time, O(E d F) with diagonals, O(R d F) memory.

    >>> import torch
    >>> from graphpoly.ops import block_spmm, to_csr
    >>> adj = to_csr(torch.tensor([[0], [1]]), num_nodes=2)
    >>> turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> block_spmm(adj, turn, torch.tensor([[[3.0], [1.0]], [[0.0], [0.0]]]))[1].flatten().tolist()
    [-1.0, 3.0]
    """
    if x.dim() != 3 or x.size(0) != adj.num_cols:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [{adj.num_cols}, d, F]")
    size = x.size(1)
    if blocks.shape not in ((adj.num_entries, size, size), (adj.num_entries, size)):
        raise ValueError(
            f"blocks: got shape {tuple(blocks.shape)}, expected [{adj.num_entries}, {size}, "
            f"{size}], or [{adj.num_entries}, {size}] for diagonals"
        )
    _, dtype = floating(x=x, blocks=blocks)
    turn = adj.transposed or (None, None, None)
    out = direct.block_spmm(adj.rowptr, adj.col, blocks.to(dtype), x.to(dtype), None, *turn, False)
    return out.to(x.dtype)


def block_sddmm(adj: CSR, a: Tensor, b: Tensor, *, diagonal: bool = False) -> Tensor:
    """Return one small matrix for each entry of ``adj``: ``out[e] = a[target_e] b[source_e]^T``.

    Args:
        adj: The pattern, R rows by C columns; its values are not read.
        a: ``[R, d, F]``.
        b: ``[C, d, F]``.
        diagonal: Return only the diagonals.

    Returns:
        ``[E, d, d]``, or ``[E, d]``, in the order of the entries.

    Complexity: O(E d^2 F) time, O(E d F) for the diagonals.
    """
    if (
        a.dim() != 3
        or a.shape[1:] != b.shape[1:]
        or (a.size(0), b.size(0)) != (adj.num_rows, adj.num_cols)
    ):
        raise ValueError(
            f"a, b: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected "
            f"[{adj.num_rows}, d, F] and [{adj.num_cols}, d, F]"
        )
    kept, dtype = floating(a=a, b=b)
    turn = adj.transposed or (None, None, None)
    out = direct.block_sddmm(adj.rowptr, adj.col, a.to(dtype), b.to(dtype), *turn, diagonal)
    return out.to(kept)


def block_spmm_reference(
    rowptr: Tensor,
    col: Tensor,
    blocks: Tensor,
    x: Tensor,
    order: Tensor | None = None,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    adjoint: bool = False,
) -> Tensor:
    """The definition of ``graphpoly::block_spmm`` in plain PyTorch.

    Args:
        rowptr: ``[R+1]``.
        col: ``[E]``.
        blocks: ``[E, d, d]`` or ``[E, d]``.
        x: ``[C, d, F]``.
        order: Which block belongs to each entry, ``[E]``; None for its own.
        colptr: Transpose, unused here; see :mod:`graphpoly.ops.library`.
        row: Transpose, unused here.
        tperm: Transpose, unused here.
        adjoint: Multiply by the transposes of the blocks.
    """
    placed = blocks if order is None else blocks[order]
    if blocks.dim() == 2:
        message = placed.unsqueeze(-1) * x[col]
    else:
        message = (placed.transpose(1, 2) if adjoint else placed) @ x[col]
    rows = entry_rows(rowptr, col.size(0))
    return x.new_zeros(rowptr.size(0) - 1, *x.shape[1:]).index_add(0, rows, message)


def _fake(
    rowptr: Tensor,
    col: Tensor,
    blocks: Tensor,
    x: Tensor,
    order: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    adjoint: bool,
) -> Tensor:
    torch._check(x.dim() == 3 and blocks.dim() in (2, 3))
    return x.new_empty(rowptr.size(0) - 1, x.size(1), x.size(2))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, blocks, x, *rest, ctx.adjoint = inputs
    ctx.num_cols, ctx.shape = x.size(0), blocks.shape
    held_blocks = blocks if ctx.needs_input_grad[3] else None
    held_x = x if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, held_blocks, held_x, *rest)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, blocks, x, order, colptr, row, tperm = ctx.saved_tensors
    ops = torch.ops.graphpoly
    diagonal, turn = len(ctx.shape) == 2, (None, None, None)
    grad_blocks = grad_x = None
    if ctx.needs_input_grad[2]:
        grad_blocks = ops.block_sddmm(rowptr, col, grad, x, colptr, row, tperm, diagonal)
        if ctx.adjoint and not diagonal:
            grad_blocks = grad_blocks.transpose(1, 2)
        if order is not None:
            grad_blocks = grad.new_zeros(ctx.shape).index_copy(0, order.long(), grad_blocks)
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.num_cols)
        place = tperm if order is None else order[tperm]
        grad_x = ops.block_spmm(colptr, row, blocks, grad, place, *turn, not ctx.adjoint)
    return None, None, grad_blocks, grad_x, None, None, None, None, None


implement(
    "block_spmm",
    reference=block_spmm_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def block_sddmm_reference(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
    diagonal: bool = False,
) -> Tensor:
    """The definition of ``graphpoly::block_sddmm`` in plain PyTorch."""
    left, right = a[entry_rows(rowptr, col.size(0))], b[col]
    return (left * right).sum(-1) if diagonal else left @ right.transpose(1, 2)


def _sddmm_fake(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    diagonal: bool,
) -> Tensor:
    torch._check(a.dim() == 3 and b.dim() == 3)
    shape = (col.size(0), a.size(1))
    return a.new_empty(shape if diagonal else (*shape, b.size(1)))


def _sddmm_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, a, b, *turn, _ = inputs
    ctx.num_cols = b.size(0)
    held_a = a if ctx.needs_input_grad[3] else None
    held_b = b if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, held_a, held_b, *turn)


def _sddmm_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, a, b, colptr, row, tperm = ctx.saved_tensors
    ops, turn = torch.ops.graphpoly, (None, None, None)
    grad_a = grad_b = None
    if ctx.needs_input_grad[2]:
        grad_a = ops.block_spmm(rowptr, col, grad, b, None, colptr, row, tperm, False)
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.num_cols)
        grad_b = ops.block_spmm(colptr, row, grad, a, tperm, *turn, True)
    return None, None, grad_a, grad_b, None, None, None, None


implement(
    "block_sddmm",
    reference=block_sddmm_reference,
    fake=_sddmm_fake,
    setup_context=_sddmm_setup,
    backward=_sddmm_backward,
)
