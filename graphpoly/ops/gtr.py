r"""Greedy total resistance: each edge lowers the sum of all effective resistances most.

With :math:`L^+` the pseudo-inverse of the Laplacian and :math:`b = e_u - e_v`, an edge (u, v)
lowers the total resistance :math:`R_{tot} = n\,\mathrm{tr}\,L^+` of a connected graph by exactly

.. math::
    n\,\frac{B^2(u, v)}{1 + R(u, v)}, \qquad R = b^\top L^+ b, \quad B^2 = b^\top (L^+)^2 b

Components are never joined; their resistances are added. Equal gains, up to a relative 1e-10, go to
the pair with the smaller nodes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.check_rows import check_graphs, on_graphs
from graphpoly.ops.entry import as_size
from graphpoly.ops.laplacian_powers import laplacian_powers_reference
from graphpoly.ops.library import implement

__all__ = ["gtr"]

_TIE = 1e-10


def gtr(rowptr: Tensor, col: Tensor, ptr: Tensor, num_edges: int) -> tuple[Tensor, Tensor]:
    """Return the pairs that are joined in each graph, in turn, and n times their gains.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; undirected graphs without loops.
        ptr: Where the nodes of each graph begin, ``[G+1]``.
        num_edges: Number of edges to add to each graph.

    Returns:
        ``[2, G, num_edges]``, int64, the smaller node first, -1 where none is left; and
        ``[G, num_edges]``, float64.

    Raises:
        TypeError: If a tensor or a number is of another type.
        ValueError: If they are not such graphs, or a number is out of range.

    Complexity: for each graph that of :func:`~graphpoly.ops.laplacian_powers`, then one pass over
    all pairs for each edge, O(n^2); memory O(n^2).
    """
    num_edges = as_size("num_edges", num_edges)
    found: tuple[Tensor, Tensor] = on_graphs(
        torch.ops.graphpoly.gtr, f"num_edges: got {num_edges}", rowptr, col, ptr, num_edges
    )
    return found


def gtr_reference(
    rowptr: Tensor, col: Tensor, ptr: Tensor, num_edges: int
) -> tuple[Tensor, Tensor]:
    """The definition, with the formula of Sherman and Morrison for the pseudo-inverse."""
    check_graphs(rowptr, col, ptr)
    pairs = col.new_full((2, ptr.numel() - 1, num_edges), -1)
    drop = torch.zeros(pairs.shape[1:], dtype=torch.float64, device=col.device)
    for graph, (first, last) in enumerate(zip(ptr.tolist(), ptr.tolist()[1:], strict=False)):
        begin, end = int(rowptr[first]), int(rowptr[last])
        rows = rowptr[first : last + 1] - begin
        _add(rows, col[begin:end] - first, pairs[:, graph], drop[graph])
        pairs[:, graph] += first * (pairs[:, graph] >= 0)
    return pairs, drop


def _add(rowptr: Tensor, col: Tensor, pairs: Tensor, drop: Tensor) -> None:
    """Write what is joined in one graph."""
    pinv, _, part = laplacian_powers_reference(rowptr, col)
    size = part.numel()
    allowed = (part[:, None] == part).triu(1)
    allowed[torch.repeat_interleave(rowptr.diff()), col] = False
    for step in range(drop.numel()):
        if not bool(allowed.any()):
            break
        resistance = _differences(pinv)
        gain = torch.where(allowed, _differences(pinv @ pinv) / (1 + resistance), -1)
        place = int((gain >= gain.max() * (1 - _TIE)).flatten().nonzero()[0])
        u, v = divmod(place, size)
        pairs[0, step], pairs[1, step] = u, v
        drop[step] = size * gain[u, v]
        allowed[u, v] = False
        z = pinv[u] - pinv[v]
        pinv = pinv - torch.outer(z, z) / (1 + resistance[u, v])


def _differences(matrix: Tensor) -> Tensor:
    """The form at e_u - e_v for all pairs."""
    own = matrix.diagonal()
    return own[:, None] + own - 2 * matrix


implement(
    "gtr",
    reference=gtr_reference,
    fake=lambda rowptr, col, ptr, num_edges: (
        col.new_empty(2, ptr.size(0) - 1, num_edges),
        col.new_empty(ptr.size(0) - 1, num_edges, dtype=torch.float64),
    ),
)
