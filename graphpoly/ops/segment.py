r"""Softmax and its logarithmic sum over the entries of each row, head by head.

.. math::
    p_e = \frac{\exp(v_e - \max_{f \in \mathcal{N}(i)} v_f)}
               {\sum_{g \in \mathcal{N}(i)} \exp(v_g - \max_f v_f)}, \qquad
    \mathrm{lse}_i = \log \sum_{e \in \mathcal{N}(i)} \exp(v_e)

A row is read from memory once and walked again in the cache. ``perm`` says where each entry stands
in ``value``, so that values in any order need not be sorted first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows
from graphpoly.ops.library import direct, implement

__all__ = ["segment_logsumexp", "segment_softmax"]


def segment_softmax(adj: CSR, value: Tensor, *, input_order: bool = False) -> Tensor:
    """Normalise the values of the entries of each row to positive ones that add up to 1.

    Args:
        adj: The rows; weights and columns are not read.
        value: ``[E]`` or ``[E, ...]``, one set of values for each entry.
        input_order: ``value`` is in the order of the edges that ``adj`` was made of, and so is the
            result; otherwise both are in the order of the entries.

    Returns:
        ``[E, ...]``, of the dtype of ``value``; half precisions are computed in float32.

    Raises:
        ValueError: If ``value`` has not E rows.

    Complexity: O(E H) time, no memory but the result.

    >>> import torch
    >>> from graphpoly.ops import segment_softmax, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
    >>> segment_softmax(adj, torch.zeros(3)).tolist()
    [1.0, 0.5, 0.5]
    """
    perm = adj.perm if input_order else None
    softmax = torch.ops.graphpoly.segment_softmax
    return _over_heads(adj, value, lambda flat: softmax(adj.rowptr, perm, flat), value.shape)


def segment_logsumexp(adj: CSR, value: Tensor, *, input_order: bool = False) -> Tensor:
    """Return the logarithm of the sum of the exponentials of each row.

    Args:
        adj: The rows; weights and columns are not read.
        value: ``[E]`` or ``[E, ...]``.
        input_order: As for :func:`segment_softmax`.

    Returns:
        ``[R, ...]``; rows without entries are 0, as in every reduction here.

    Raises:
        ValueError: If ``value`` has not E rows.

    Complexity: O(E H) time, no memory but the result.

    >>> import torch
    >>> from graphpoly.ops import segment_logsumexp, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
    >>> segment_logsumexp(adj, torch.zeros(3)).exp().tolist()
    [1.0, 2.0, 1.0]
    """
    perm = adj.perm if input_order else None
    logsumexp = torch.ops.graphpoly.segment_logsumexp
    shape = (adj.num_rows, *value.shape[1:])
    return _over_heads(adj, value, lambda flat: logsumexp(adj.rowptr, perm, flat), shape)


def _over_heads(
    adj: CSR, value: Tensor, run: Callable[[Tensor], Tensor], shape: tuple[int, ...]
) -> Tensor:
    if value.dim() == 0 or value.size(0) != adj.num_entries:
        raise ValueError(
            f"value: got shape {tuple(value.shape)}, the operator has {adj.num_entries} entries"
        )
    if not value.is_floating_point():
        raise TypeError(f"value: got dtype {value.dtype}, a floating-point dtype is accepted")
    dtype = torch.promote_types(value.dtype, torch.float32)
    flat = value.reshape(value.size(0), math.prod(value.shape[1:])).to(dtype)
    return run(flat).to(value.dtype).reshape(shape)


def _rows(rowptr: Tensor, perm: Tensor | None, num_entries: int) -> Tensor:
    """Row of each value, in the order of the values."""
    rows = entry_rows(rowptr, num_entries)
    return rows if perm is None else torch.empty_like(rows).index_copy(0, perm.long(), rows)


def _row_sums(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    """Sum of the values of each row, ``[R, H]``: a product with one entry in each column."""
    col = perm
    if col is None:
        col = torch.arange(value.size(0), dtype=rowptr.dtype, device=rowptr.device)
    return direct.spmm_sum(rowptr, col, None, value, None, None, None, False)


def _maxima(rowptr: Tensor, rows: Tensor, value: Tensor) -> Tensor:
    index = rows.long().unsqueeze(-1).expand_as(value)
    best = value.new_zeros(rowptr.size(0) - 1, value.size(1))
    return best.scatter_reduce(0, index, value, "amax", include_self=False)


def softmax_reference(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    """The definition of ``graphpoly::segment_softmax`` in plain PyTorch; value is ``[E, H]``."""
    rows = _rows(rowptr, perm, value.size(0))
    power = (value - _maxima(rowptr, rows, value)[rows]).exp()
    total = value.new_zeros(rowptr.size(0) - 1, value.size(1)).index_add(0, rows, power)
    return power / total[rows]


def _softmax_fake(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    torch._check(value.dim() == 2)
    return value.new_empty(value.shape)


def _softmax_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0], inputs[1], output)


def _softmax_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, perm, out = ctx.saved_tensors
    return None, None, direct.segment_softmax_backward(rowptr, perm, out, grad)


implement(
    "segment_softmax",
    reference=softmax_reference,
    fake=_softmax_fake,
    setup_context=_softmax_setup,
    backward=_softmax_backward,
)


def _grad_reference(rowptr: Tensor, perm: Tensor | None, out: Tensor, grad: Tensor) -> Tensor:
    """``p (g - s)``, where s is the sum of p g over the row."""
    rows = _rows(rowptr, perm, out.size(0))
    total = out.new_zeros(rowptr.size(0) - 1, out.size(1)).index_add(0, rows, out * grad)
    return out * (grad - total[rows])


def _grad_fake(rowptr: Tensor, perm: Tensor | None, out: Tensor, grad: Tensor) -> Tensor:
    return out.new_empty(out.shape)


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, perm, out, grad = inputs
    ctx.save_for_backward(rowptr, perm, out, grad if ctx.needs_input_grad[2] else None)


def _grad_backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, perm, out, grad = ctx.saved_tensors
    grad_out = grad_grad = None
    if ctx.needs_input_grad[2]:
        rows = _rows(rowptr, perm, out.size(0))
        inner, outside = _row_sums(rowptr, perm, out * grad), _row_sums(rowptr, perm, out * outer)
        grad_out = outer * (grad - inner[rows]) - grad * outside[rows]
    if ctx.needs_input_grad[3]:
        grad_grad = direct.segment_softmax_backward(rowptr, perm, out, outer)
    return None, None, grad_out, grad_grad


implement(
    "segment_softmax_backward",
    reference=_grad_reference,
    fake=_grad_fake,
    setup_context=_grad_setup,
    backward=_grad_backward,
)


def logsumexp_reference(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    """The definition of ``graphpoly::segment_logsumexp`` in plain PyTorch; value is ``[E, H]``."""
    rows = _rows(rowptr, perm, value.size(0))
    best = _maxima(rowptr, rows, value)
    shift = torch.where(best.isinf(), 0, best)
    power = (value - shift[rows]).exp()
    total = torch.zeros_like(best).index_add(0, rows, power)
    empty = (rowptr.diff() == 0).unsqueeze(-1)
    return torch.where(empty, 0, torch.where(empty, 1, total).log() + shift)


def _logsumexp_fake(rowptr: Tensor, perm: Tensor | None, value: Tensor) -> Tensor:
    torch._check(value.dim() == 2)
    return value.new_empty(rowptr.size(0) - 1, value.size(1))


def _logsumexp_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _logsumexp_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rowptr, perm, value = ctx.saved_tensors
    share = direct.segment_softmax(rowptr, perm, value)
    return None, None, share * grad[_rows(rowptr, perm, value.size(0))]


implement(
    "segment_logsumexp",
    reference=logsumexp_reference,
    fake=_logsumexp_fake,
    setup_context=_logsumexp_setup,
    backward=_logsumexp_backward,
)
