r"""Balanced Forman curvature of every edge.

.. math::
    \mathrm{Ric}(i, j) = \frac{2}{d_i} + \frac{2}{d_j} - 2
        + 2\,\frac{|T|}{\max(d_i, d_j)} + \frac{|T|}{\min(d_i, d_j)}
        + \frac{|S_i| + |S_j|}{\gamma_{\max} \max(d_i, d_j)}

and 0 where an end has no other neighbour. T holds the common neighbours; :math:`S_i` the neighbours
of i that lie on a 4-cycle through (i, j) without a diagonal; :math:`\gamma_{\max}` is the largest
number of such cycles through one node of :math:`S_i \cup S_j`, and the last term is absent where
there is none.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from graphpoly.ops.check_rows import check_graphs, on_graphs
from graphpoly.ops.library import implement

__all__ = ["balanced_forman", "ricci_of_edge"]


def balanced_forman(rowptr: Tensor, col: Tensor, ptr: Tensor) -> Tensor:
    """Return the curvature of each entry, float64 ``[E]``; both directions have the same.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; undirected graphs without loops.
        ptr: Where the nodes of each graph begin, ``[G+1]``.

    Raises:
        TypeError: If one is no int64 tensor.
        ValueError: If they are not such graphs.

    Complexity: for each edge the degrees of the neighbours of one end.

    Topping, Di Giovanni, Chamberlain, Dong and Bronstein, "Understanding over-squashing and
    bottlenecks on graphs via curvature", ICLR 2022, arXiv:2111.14522.

    >>> square = torch.tensor([0, 2, 4, 6, 8]), torch.tensor([1, 3, 0, 2, 1, 3, 0, 2])
    >>> balanced_forman(*square, torch.tensor([0, 4])).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    what = "col: one number for each"
    out: Tensor = on_graphs(torch.ops.graphpoly.balanced_forman, what, rowptr, col, ptr)
    return out


def neighbour_sets(rowptr: Tensor, col: Tensor) -> list[set[int]]:
    """The neighbours of each node, for references."""
    bounds, every = rowptr.tolist(), col.tolist()
    return [set(every[a:b]) for a, b in pairwise(bounds)]


def ricci_of_edge(near: list[set[int]], i: int, j: int) -> float:
    """The definition, for one edge of a graph given by its sets of neighbours."""
    low, high = sorted((len(near[i]), len(near[j])))
    if low <= 1:
        return 0.0
    common = near[i] & near[j]
    of_i, of_j = near[i] - common - {j}, near[j] - common - {i}
    cycles = [len(near[k] & of_j) for k in of_i] + [len(near[w] & of_i) for w in of_j]
    value = 2 / low + 2 / high - 2 + len(common) * (2 / high + 1 / low)
    if any(cycles):
        value += sum(count > 0 for count in cycles) / (max(cycles) * high)
    return value


def balanced_forman_reference(rowptr: Tensor, col: Tensor, ptr: Tensor) -> Tensor:
    """The definition, edge by edge."""
    check_graphs(rowptr, col, ptr)
    near = neighbour_sets(rowptr, col)
    rows = torch.repeat_interleave(rowptr.diff()).tolist()
    values = [ricci_of_edge(near, i, j) for i, j in zip(rows, col.tolist(), strict=True)]
    return torch.tensor(values, dtype=torch.float64, device=col.device)


implement(
    "balanced_forman",
    reference=balanced_forman_reference,
    fake=lambda rowptr, col, ptr: col.new_empty(col.shape, dtype=torch.float64),
)
