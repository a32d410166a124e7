r"""What pairs of nodes have in common, without a matrix of pairs times nodes.

For a pair :math:`(u, v)`, row u of one operator and row v of another:

.. math::
    A_u \wedge B_v = \bigl(\min(a_{uw}, b_{vw})\bigr)_w, \qquad
    y_{uv} = \sum_w \min(a_{uw}, b_{vw})\, x_w

where :math:`a_{uw}` counts the entries at (u, w), so that in a graph without duplicate edges this
is the set of common neighbours. Values of the operators are not read. Rows of like length are
merged, short ones are looked up in long ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import (
    INT32_MAX,
    affordable,
    check_device,
    check_unmapped,
    check_values,
    narrowed,
    out_of_memory,
)
from graphpoly.ops.library import direct, implement
from graphpoly.ops.stamp import Memory, edits, memory_allowed, stamp

__all__ = ["common_neighbors", "intersect_rows", "sort_rows"]

# Entries that a backward pass lists at once; if there are more, so many at a time, which a cache
# holds.
_MOST_SHARED, _PART = 2**26, 2**21

# Columns that were found in order, and those that were put in order; as long as they live.
_SORTED = Memory()


def common_neighbors(
    adj_a: CSR,
    adj_b: CSR,
    pairs: Tensor,
    *,
    x: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Count the common neighbours of pairs of nodes, or add up their features.

    Args:
        adj_a: ``[R, C]``; row u lists the neighbours of u, in any order.
        adj_b: ``[S, C]``; often the same operator.
        pairs: ``[2, P]``, rows of ``adj_a`` and of ``adj_b``.
        x: Features of the neighbours, ``[C]`` or ``[C, ...]``.
        weight: Weight of each neighbour, ``[C]``: the inverse degree gives resource allocation, the
            inverse logarithm of the degree Adamic-Adar.

    Returns:
        ``[P, ...]``: the sums of ``x``, weighted if ``weight`` is there; without ``x`` those of
        ``weight``; without both the counts, int64.

    Raises:
        ValueError: If shapes do not fit or a pair lies outside the operators.

    Complexity: for each pair the sum of both degrees, or the smaller times the logarithm of the
    larger where they differ much, and F for each common neighbour. The backward pass lists the
    common neighbours, but none of their features.

    Wang, Yang and Zhang, "Neural Common Neighbor with Completion for Link Prediction", ICLR 2024.

    >>> import torch
    >>> from graphpoly.ops import common_neighbors, to_csr
    >>> adj = to_csr(torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]), num_nodes=3)
    >>> common_neighbors(adj, adj, torch.tensor([[0, 0], [1, 0]])).tolist()
    [1, 2]
    """
    arguments = _arguments(adj_a, adj_b, pairs)
    if weight is not None:
        if weight.shape != (adj_a.num_cols,):
            raise ValueError(
                f"weight: got shape {tuple(weight.shape)}, expected [{adj_a.num_cols}]"
            )
        floating(weight=weight)
        check_device("weight", weight, adj_a.col.device)
        if x is not None:
            check_values("x", x, adj_a.num_cols, *x.shape[1:], device=adj_a.col.device)
        scale = weight if x is None else weight.reshape(-1, *(1,) * (x.dim() - 1))
        x = weight if x is None else scale * x
    if x is None:
        return _checked(torch.ops.graphpoly.intersect_count, pairs, *arguments)
    if x.dim() == 0 or x.size(0) != adj_a.num_cols:
        raise ValueError(
            f"x: got shape {tuple(x.shape)}, the operators have {adj_a.num_cols} columns"
        )
    _, dtype = floating(x=x)
    flat = x.reshape(x.size(0), math.prod(x.shape[1:])).to(dtype)
    out = _checked(torch.ops.graphpoly.common_neighbors, pairs, *arguments, flat)
    return out.to(x.dtype).reshape(pairs.size(1), *x.shape[1:])


def intersect_rows(adj_a: CSR, adj_b: CSR, pairs: Tensor) -> CSR:
    """Return the rows that pairs of rows have in common, in compressed rows.

    Args:
        adj_a: ``[R, C]``; values are not read.
        adj_b: ``[S, C]``.
        pairs: ``[2, P]``, rows of ``adj_a`` and of ``adj_b``.

    Returns:
        ``[P, C]``, without values; the columns of a row are in ascending order. Its indices are
        int64 where the pairs share 2^31 or more.

    Raises:
        ValueError: If shapes do not fit, a pair lies outside the operators, or there is no memory
            for what the pairs share.

    Complexity: twice that of counting; memory is exactly that of the result.

    >>> import torch
    >>> from graphpoly.ops import intersect_rows, to_csr
    >>> adj = to_csr(torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]), num_nodes=3)
    >>> intersect_rows(adj, adj, torch.tensor([[0, 0], [1, 0]])).col.tolist()
    [2, 1, 2]
    """
    arguments = _arguments(adj_a, adj_b, pairs)
    check_unmapped("pairs", pairs)
    try:
        rowptr, col = _checked(_intersect, pairs, *arguments)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        total = int(direct.intersect_count(*arguments).sum())
        raise ValueError(
            f"pairs: they share {total} columns, for which there is no memory"
        ) from None
    return trusted_csr(rowptr, col, None, None, adj_a.num_cols, None)


def sort_rows(adj: CSR) -> CSR:
    """Return the same operator with the columns of each row in ascending order.

    Equal columns keep their order. What is in order already is returned as it is, and both the
    finding and the result are remembered for as long as the columns live; :func:`to_csr` says which
    edits are noticed.

    Complexity: O(E) to find out, two counting sorts to put in order.

    >>> import torch
    >>> from graphpoly.ops import sort_rows, to_csr
    >>> adj = to_csr(torch.tensor([[2, 1, 0], [0, 0, 1]]), num_nodes=3)
    >>> sort_rows(adj).col.tolist()
    [1, 2, 0]
    """
    what = "adj: to sort its columns"
    if memory_allowed(adj.rowptr, adj.col) and not adj.col.is_meta:
        state, order = _SORTED.recall(adj.col, adj.num_cols) or (None, None)
        if state is None or state != _state(adj, order):
            sorted_ = _in_order(adj.rowptr, adj.col)
            order = None if sorted_ else affordable(what, _order, adj)
            _SORTED.keep(adj.col, adj.num_cols, (_state(adj, order), order))
        if order is None:
            return adj
    else:
        order = affordable(what, _order, adj)
    col, place = order
    return adj._replace(
        col=col,
        weight=None if adj.weight is None else adj.weight[place],
        perm=place if adj.perm is None else adj.perm[place],
        transposed=None,
    )


def _state(adj: CSR, order: tuple[Tensor, Tensor] | None) -> Hashable:
    """What the order depends on, and what was handed out of it."""
    return stamp(adj.rowptr, adj.col), edits(*(order or ()))


def _in_order(rowptr: Tensor, col: Tensor) -> bool:
    rows = entry_rows(rowptr, col.size(0))
    return not bool(((col[1:] < col[:-1]) & (rows[1:] == rows[:-1])).any())


def _order(adj: CSR) -> tuple[Tensor, Tensor]:
    """Columns in order, and where each stood; the transpose of the transpose has them so."""
    colptr, row, first = adj.transposed or transpose(adj.rowptr, adj.col, adj.num_cols)
    _, col, second = transpose(colptr, row, adj.num_rows)
    return col, first[second]


def _arguments(adj_a: CSR, adj_b: CSR, pairs: Tensor) -> tuple[Tensor, ...]:
    if pairs.dim() != 2 or pairs.size(0) != 2:
        raise ValueError(f"pairs: got shape {tuple(pairs.shape)}, expected [2, P]")
    if pairs.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"pairs: got dtype {pairs.dtype}, expected int64 or int32")
    if adj_a.num_cols != adj_b.num_cols:
        raise ValueError(
            f"adj_a, adj_b: got {adj_a.num_cols} and {adj_b.num_cols} columns, expected as many"
        )
    device = adj_a.col.device
    check_device("adj_b", adj_b.col, device)
    check_device("pairs", pairs, device)
    a = sort_rows(adj_a)
    b = a if adj_b is adj_a else sort_rows(adj_b)
    dtype = torch.promote_types(a.col.dtype, b.col.dtype)
    operators: tuple[Tensor, ...] = (a.rowptr, a.col, b.rowptr, b.col)
    if a.col.dtype is not b.col.dtype:
        operators = tuple([tensor.to(dtype) for tensor in operators])
    u, v = narrowed(pairs, dtype)
    return (*operators, u, v)


def _checked(run: Callable[..., Any], pairs: Tensor, *arguments: Tensor) -> Any:
    """Call ``run``; what the kernels say of a pair outside the operators is the user's error."""
    try:
        return run(*arguments)
    except (RuntimeError, ValueError) as error:
        if "lies outside" not in str(error):
            raise
        rows = arguments[0].size(0) - 1, arguments[2].size(0) - 1
        raise ValueError(
            f"pairs: got {int(pairs.min())} to {int(pairs.max())}; one lies outside the {rows[0]} "
            f"and {rows[1]} rows"
        ) from None


def _intersect(*arguments: Tensor) -> tuple[Tensor, Tensor]:
    """Common columns of each pair in compressed rows: counted first, then written.

    What the pairs share may be more than the operators hold, so that it is counted in int64 and
    narrowed to their dtype only where it fits.
    """
    return _written(_offsets(direct.intersect_count(*arguments)), *arguments)


def _written(rowptr: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
    col = direct.intersect_rows(*arguments, rowptr, int(rowptr[-1]))
    if col.size(0) < INT32_MAX:
        return rowptr.to(col.dtype), col
    return rowptr, col.long()


def _offsets(count: Tensor) -> Tensor:
    """Where each of several lists begins, and where the last one ends, ``[P+1]``, int64."""
    return torch.cat([count.new_zeros(1), count.cumsum(0)])


def _shared(
    rowptr_a: Tensor, col_a: Tensor, rowptr_b: Tensor, col_b: Tensor, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor]:
    """Pair and column of everything shared, in order: the definition in plain PyTorch.

    The k-th entry at one place of a row is shared if the other row has a k-th entry there, too.
    """
    for name, index, rowptr in (("u", u, rowptr_a), ("v", v, rowptr_b)):
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < rowptr.size(0) - 1:
            raise ValueError(f"{name}: a pair lies outside the {rowptr.size(0) - 1} rows")

    def keys(rowptr: Tensor, col: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        index, rowptr = index.long(), rowptr.long()
        length = rowptr.diff()[index]
        pair = torch.repeat_interleave(torch.arange(index.size(0), device=col.device), length)
        start = length.cumsum(0) - length
        entry = torch.arange(pair.size(0), device=col.device) - start[pair] + rowptr[index][pair]
        return pair, col[entry].long(), _rank(pair, col[entry].long())

    (pair, column, rank), other = keys(rowptr_a, col_a, u), keys(rowptr_b, col_b, v)
    ours, theirs = torch.stack([pair, column, rank]), torch.stack(other)
    _, key = torch.unique(torch.cat([ours, theirs], 1), dim=1, return_inverse=True)
    found = torch.isin(key[: pair.size(0)], key[pair.size(0) :])
    return pair[found], column[found]


def _rank(pair: Tensor, column: Tensor) -> Tensor:
    """How many equal entries stand before each one; equal ones stand together."""
    place = torch.arange(pair.size(0), device=pair.device)
    new = torch.ones_like(place, dtype=torch.bool)
    new[1:] = (pair[1:] != pair[:-1]) | (column[1:] != column[:-1])
    return place - torch.where(new, place, 0).cummax(0).values


def _count_reference(*arguments: Tensor) -> Tensor:
    pair, _ = _shared(*arguments)
    return torch.bincount(pair, minlength=arguments[4].size(0))


def _rows_reference(*arguments: Any) -> Tensor:
    *tensors, _, num_entries = arguments
    _, column = _shared(*tensors)
    if column.size(0) != num_entries:
        raise ValueError(f"num_entries: got {num_entries}, there are {column.size(0)}")
    return column.to(tensors[1].dtype)


implement(
    "intersect_count",
    reference=_count_reference,
    fake=lambda ra, ca, rb, cb, u, v: ca.new_empty(u.shape, dtype=torch.int64),
)
implement(
    "intersect_rows",
    reference=_rows_reference,
    fake=lambda ra, ca, rb, cb, u, v, rowptr, num_entries: ca.new_empty(num_entries),
)


def _sum_reference(*arguments: Tensor) -> Tensor:
    *tensors, x = arguments
    pair, column = _shared(*tensors)
    return x.new_zeros(tensors[4].size(0), x.size(1)).index_add(0, pair, x[column])


def _sum_fake(*arguments: Tensor) -> Tensor:
    *_, u, _v, x = arguments
    torch._check(x.dim() == 2)
    return x.new_empty(u.size(0), x.size(1))


def _sum_setup(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    *tensors, x = inputs
    ctx.num_cols = x.size(0)
    ctx.save_for_backward(*tensors)


def _sum_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    tensors = ctx.saved_tensors
    grad_x = direct.common_neighbors_backward(*tensors, grad, ctx.num_cols)
    return (*(None,) * 6, grad_x)


implement(
    "common_neighbors",
    reference=_sum_reference,
    fake=_sum_fake,
    setup_context=_sum_setup,
    backward=_sum_backward,
)


def _grad_kernel(*arguments: Any) -> Tensor:
    """``dx[w]``: the sum of the gradients of the pairs that share w, in their order.

    The product with the transpose of what the pairs share; made of operators, so that it is as fast
    as they are. Where the pairs share more than :data:`_MOST_SHARED`, some pairs at a time.
    """
    *tensors, u, v, grad, num_cols = arguments
    total = _offsets(direct.intersect_count(*tensors, u, v))
    if int(total[-1]) <= _MOST_SHARED:
        return _grad_of_some(tensors, u, v, total, grad, num_cols)
    out, first = grad.new_zeros(num_cols, grad.size(1)), 0
    while first < u.size(0):
        last = int(torch.searchsorted(total, total[first] + _PART, right=True)) - 1
        last = max(last, first + 1)
        begin = total[first : last + 1] - total[first]
        some = slice(first, last)
        out = out + _grad_of_some(tensors, u[some], v[some], begin, grad[some], num_cols)
        first = last
    return out


def _grad_of_some(
    tensors: list[Tensor], u: Tensor, v: Tensor, offsets: Tensor, grad: Tensor, num_cols: int
) -> Tensor:
    rowptr, col = _written(offsets, *tensors, u, v)
    colptr, pair, _ = transpose(rowptr, col, num_cols)
    return direct.spmm_sum(colptr, pair, None, grad, None, None, None, False)


def _grad_fake(*arguments: Any) -> Tensor:
    *_, grad, num_cols = arguments
    return grad.new_empty(num_cols, grad.size(1))


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:6])


def _grad_backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
    grad = direct.common_neighbors(*ctx.saved_tensors, outer)
    return (*(None,) * 6, grad, None)


implement(
    "common_neighbors_backward",
    reference=_grad_kernel,
    fake=_grad_fake,
    setup_context=_grad_setup,
    backward=_grad_backward,
)
