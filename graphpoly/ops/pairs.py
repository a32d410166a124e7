"""Sums over the entries of an operator that stand at the same place."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_square, check_values
from graphpoly.ops.take_rows import take_rows

__all__ = ["pair_sum"]


def pair_sum(adj: CSR, value: Tensor, *, unordered: bool = False) -> Tensor:
    """Give each entry the sum over all entries at its place.

    Args:
        adj: The operator; its values are not read.
        value: ``[E]`` or ``[E, ...]``, in the order of the entries.
        unordered: Count (i, j) and (j, i) as one place; the operator must be square.

    Returns:
        Of the shape of ``value``.

    Raises:
        TypeError: If ``value`` is not floating-point.
        ValueError: If it has not E rows, or the operator is not square where it has to be.

    Complexity: a sort, O(E log E), and O(E F).

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> adj = to_csr(torch.tensor([[0, 0, 1], [1, 1, 0]]), num_nodes=2)
    >>> pair_sum(adj, torch.tensor([1.0, 2.0, 4.0])).tolist()
    [1.0, 6.0, 6.0]
    >>> pair_sum(adj, torch.tensor([1.0, 2.0, 4.0]), unordered=True).tolist()
    [7.0, 7.0, 7.0]
    """
    check_values("value", value, adj.num_entries, *value.shape[1:], device=adj.col.device)
    kept, dtype = floating(value=value)
    value = value.to(dtype)
    row, col = adj.rows().long(), adj.col.long()
    if unordered:
        check_square(adj)
        row, col = torch.maximum(row, col), torch.minimum(row, col)
    key, order = torch.sort(row * adj.num_cols + col, stable=True)
    # numbers the places in the order of their keys
    steps = torch.cat([torch.zeros_like(key[:1]), (key.diff() != 0).to(key.dtype)])
    place = torch.empty_like(order).index_copy(0, order, steps.cumsum(0))
    return take_rows(torch.zeros_like(value).index_add(0, place, value), place).to(kept)
