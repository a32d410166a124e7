"""A vector for each entry of an operator: what its target says plus what its source says.

A linear map of the two ends of an edge, ``V [x_target, x_source]``, is such a sum: the map is
applied once to each node, and what is gathered has its output size.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_values
from graphpoly.ops.library import direct, implement

__all__ = ["entry_sum", "entry_sum_reference", "sum_entries"]


def entry_sum(adj: CSR, a: Tensor, b: Tensor) -> Tensor:
    """Return ``out[e] = a[target_e] + b[source_e]``.

    Args:
        adj: The pattern, R rows by C columns; its values are not read.
        a: ``[R, P]``.
        b: ``[C, P]``.

    Returns:
        ``[E, P]``, in the order of the entries. Its gradients are summed in that order.

    >>> import torch
    >>> from graphpoly.ops import entry_sum, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> entry_sum(adj, torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])).tolist()
    [[21.0], [12.0]]
    """
    channels = a.shape[1:]
    if len(channels) != 1 or (a.size(0), b.shape) != (adj.num_rows, (adj.num_cols, *channels)):
        raise ValueError(
            f"a, b: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected "
            f"[{adj.num_rows}, P] and [{adj.num_cols}, P]"
        )
    kept, dtype = floating(a=a, b=b)
    turn = adj.transposed or (None, None, None)
    out = direct.entry_sum(adj.rowptr, adj.col, a.to(dtype), b.to(dtype), *turn)
    return out.to(kept)


def sum_entries(adj: CSR, values: Tensor) -> Tensor:
    """Add up what belongs to the entries of each row: ``[E, ...]`` to ``[R, ...]``.

    Raises:
        TypeError: If ``values`` is not floating-point.
        ValueError: If it has not E rows.
    """
    check_values("values", values, adj.num_entries, *values.shape[1:], device=adj.col.device)
    kept, dtype = floating(values=values)
    flat = values.reshape(values.size(0), math.prod(values.shape[1:]))
    out = _row_sums(adj.rowptr, flat.to(dtype))
    return out.to(kept).reshape(adj.num_rows, *values.shape[1:])


def _row_sums(rowptr: Tensor, values: Tensor) -> Tensor:
    """Sums of rows: a product with a matrix of one entry in each column."""
    size = values.size(0)
    count = torch.arange(size + 1, dtype=rowptr.dtype, device=rowptr.device)
    entry = count[:size]
    if not (torch.is_grad_enabled() and values.requires_grad):
        return _sum(rowptr, entry, values)
    return _sum(rowptr, entry, values, count, entry_rows(rowptr, size), entry)


def _sum(
    pointer: Tensor,
    entry: Tensor,
    values: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    turn = (colptr, row, tperm)
    out: Tensor = direct.spmm_sum(pointer, entry, None, values, *turn, False)
    return out


def entry_sum_reference(
    rowptr: Tensor,
    col: Tensor,
    a: Tensor,
    b: Tensor,
    colptr: Tensor | None = None,
    row: Tensor | None = None,
    tperm: Tensor | None = None,
) -> Tensor:
    """The definition of ``graphpoly::entry_sum`` in plain PyTorch."""
    return a[entry_rows(rowptr, col.size(0))] + b[col]


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
    return a.new_empty(col.size(0), a.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, _, b, colptr, _, tperm = inputs
    ctx.num_cols = b.size(0)
    ctx.save_for_backward(rowptr, col, colptr, tperm)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, col, colptr, tperm = ctx.saved_tensors
    grad_a = grad_b = None
    if ctx.needs_input_grad[2]:
        grad_a = _row_sums(rowptr, grad)
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, _, tperm = transpose(rowptr, col, ctx.num_cols)
        grad_b = _sum(colptr, tperm, grad)
    return None, None, grad_a, grad_b, None, None, None


implement(
    "entry_sum", reference=entry_sum_reference, fake=_fake, setup_context=_setup, backward=_backward
)
