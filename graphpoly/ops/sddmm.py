"""Sampled dense-dense product: one inner product for each entry of a sparse operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import EXACT, floating
from graphpoly.ops.library import call, implement
from graphpoly.ops.turned_weight import turned_weight

__all__ = ["sddmm", "sddmm_reference"]

_SDDMM = torch.ops.graphpoly.sddmm.default


def sddmm(adj: CSR, a: Tensor, b: Tensor) -> Tensor:
    """Return one inner product for each entry of ``adj``: ``out[e] = <a[target_e], b[source_e]>``.

    Args:
        adj: The pattern, R rows by C columns; its values are not read.
        a: ``[R, F]``.
        b: ``[C, F]``.

    Returns:
        ``[E]``, in the order of the entries of ``adj``; half precisions are computed in float32.

    Complexity: O(E F) time, O(E) memory.

    >>> import torch
    >>> from graphpoly.ops import sddmm, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> sddmm(adj, torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]]))
    tensor([5., 6.])
    """
    rowptr, col, _, _, num_cols, turn = adj
    shape = a.shape
    if len(shape) != 2 or b.shape != (num_cols, shape[1]) or shape[0] != rowptr.size(0) - 1:
        raise ValueError(
            f"a, b: got shapes {tuple(shape)} and {tuple(b.shape)}, expected "
            f"[{adj.num_rows}, F] and [{adj.num_cols}, F]"
        )
    kept = a.dtype
    if kept is not b.dtype or kept not in EXACT:
        kept, dtype = floating(a=a, b=b)
        a, b = a.to(dtype), b.to(dtype)
    out: Tensor = call(_SDDMM, rowptr, col, a, b, *(turn or (None, None, None)))
    return out if out.dtype is kept else out.to(kept)


def sddmm_reference(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """Return ``out[e] = <a[row_e], b[col_e]>``.

    Args:
        rowptr: ``[R+1]``.
        col: ``[E]``.
        a: ``[R, F]``.
        b: ``[C, F]``.
        colptr: Transpose, unused here; see :mod:`graphpoly.ops.library`.
        row: Transpose, unused here.
        tperm: Transpose, unused here.

    Returns:
        ``[E]``, in the order of ``col``.
    """
    return (a[entry_rows(rowptr, col.size(0))] * b[col]).sum(-1)


def _fake(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
) -> Tensor:
    torch._check(a.dim() == 2 and b.dim() == 2)
    return a.new_empty(col.size(0))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, a, b, *turn = inputs
    ctx.num_cols = b.size(0)
    held_a = a if ctx.needs_input_grad[3] else None
    held_b = b if ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, held_a, held_b, *turn)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, a, b, colptr, row, tperm = ctx.saved_tensors
    ops = torch.ops.graphpoly
    grad_a = grad_b = None
    if ctx.needs_input_grad[2]:
        grad_a = ops.spmm_sum(rowptr, col, grad, b, colptr, row, tperm, False)
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.num_cols)
        turned = turned_weight(grad, row, tperm)
        grad_b = ops.spmm_sum(colptr, row, turned, a, None, None, None, False)
    return None, None, grad_a, grad_b, None, None, None


implement("sddmm", reference=sddmm_reference, fake=_fake, setup_context=_setup, backward=_backward)
