r"""Sparse-dense product in the algebra of shortest paths, where sums are minima and products sums.

.. math::
    y_i = \min_{e \in \mathcal{N}(i)} \big( w_e + x_{\mathrm{col}(e)} \big)

A round of Bellman-Ford is one such product, n of them with the matrix of distances its square.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_values
from graphpoly.ops.entry_sum import entry_sum
from graphpoly.ops.pool import ranges
from graphpoly.ops.spmm import spmm

__all__ = ["extreme_entries", "min_plus"]


def min_plus(adj: CSR, x: Tensor, *, largest: bool = False) -> Tensor:
    """Return the least of weight plus feature over each neighbourhood.

    Args:
        adj: The operator, R rows (targets) by C columns (sources); see
            :func:`~graphpoly.ops.to_csr`. Without weights each entry adds 1.
        x: ``[C]`` or ``[C, ...]``; it and the weights may be infinite.
        largest: Take the largest instead, the algebra of longest paths.

    Returns:
        ``[R, ...]``; rows without entries are infinite (minus infinite for the largest), which is
        the least of nothing. The gradient goes to the first of equals.

    Raises:
        TypeError: If ``x`` has no floating-point numbers.
        ValueError: If it has not C rows.

    Complexity: O(E F) time and memory.

    Dudzik and Veličković, "Graph Neural Networks are Dynamic Programmers", NeurIPS 2022.

    >>> import torch
    >>> from graphpoly.ops import min_plus, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 0], [1, 2, 2]]), torch.tensor([1.0, 1.0, 3.0]), 3)
    >>> x = torch.tensor([0.0, torch.inf, torch.inf])
    >>> for _ in range(2):
    ...     x = torch.minimum(x, min_plus(adj, x))
    >>> x.tolist()
    [0.0, 1.0, 2.0]
    """
    check_values("x", x, adj.num_cols, *x.shape[1:], device=adj.col.device)
    kept, dtype = floating(adj, x=x)
    flat = x.reshape(x.size(0), math.prod(x.shape[1:])).to(dtype)
    # a gathering whose gradient is summed in the order of the entries
    gathered = entry_sum(adj, flat.new_zeros(adj.num_rows, flat.size(1)), flat)
    weight = 1 if adj.weight is None else adj.weight.to(dtype).unsqueeze(-1)
    out = extreme_entries(adj.rowptr, gathered + weight, largest=largest)
    return out.to(kept).reshape(adj.num_rows, *x.shape[1:])


def extreme_entries(rowptr: Tensor, values: Tensor, *, largest: bool) -> Tensor:
    """Return the least or largest of each row, infinite where there is none.

    Args:
        rowptr: Where the values of each row begin, ``[R+1]``.
        values: ``[E, P]``.
        largest: Whether to take the largest.
    """
    found = spmm(ranges(rowptr, values.size(0)), values, "max" if largest else "min")
    nothing = (rowptr.diff() == 0).unsqueeze(-1)
    return torch.where(nothing, -math.inf if largest else math.inf, found)
