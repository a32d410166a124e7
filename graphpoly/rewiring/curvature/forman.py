"""Curvatures of Forman's kind: degrees, triangles and 4-cycles."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.ops import balanced_forman as balanced_forman_of_entries
from graphpoly.ops import common_neighbors
from graphpoly.ops.adjacency import CSR
from graphpoly.rewiring.curvature.edges import graph_of, in_given_order

__all__ = ["augmented_forman", "balanced_forman"]

CYCLES = (3, 4)


def balanced_forman(edge_index: Tensor, num_nodes: int | None = None) -> Tensor:
    r"""Return the balanced Forman curvature of each edge, float64 ``[E]``.

    .. math::
        \frac{2}{d_i} + \frac{2}{d_j} - 2 + 2\,\frac{|T|}{\max(d_i, d_j)}
        + \frac{|T|}{\min(d_i, d_j)} + \frac{|S_i| + |S_j|}{\gamma_{\max} \max(d_i, d_j)}

    see :func:`graphpoly.ops.balanced_forman`; 0 for an edge to a leaf, and for loops.

    Args:
        edge_index: Undirected graph, ``[2, E]``; loops and duplicates do not count.
        num_nodes: Number of nodes.

    Complexity: for each edge the degrees of the neighbours of one end.

    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> balanced_forman(triangle).tolist()
    [1.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    """
    graphs = graph_of(edge_index, num_nodes)
    return in_given_order(graphs, balanced_forman_of_entries(*graphs), edge_index)


@on_cpu()
def augmented_forman(
    edge_index: Tensor, num_nodes: int | None = None, *, cycles: int = 3
) -> Tensor:
    r"""Return the augmented Forman curvature of each edge, float64 ``[E]``.

    .. math::
        4 - d_i - d_j + 3\,\#\{\text{triangles at } (i, j)\} \;[\, + 2\,\#\{\text{4-cycles}\} ]

    Args:
        edge_index: Undirected graph, ``[2, E]``; loops and duplicates do not count.
        num_nodes: Number of nodes.
        cycles: 3, or 4 to count 4-cycles, with and without diagonals, too.

    Complexity: for each edge the degrees of both ends; with 4-cycles those of the neighbours of
    one end.

    Fesser and Weber, "Mitigating Over-Smoothing and Over-Squashing using Augmentations of
    Forman-Ricci Curvature", LoG 2023, arXiv:2309.09384.

    >>> square = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0], [1, 0, 2, 1, 3, 2, 0, 3]])
    >>> augmented_forman(square)[0].item(), augmented_forman(square, cycles=4)[0].item()
    (0.0, 2.0)
    """
    if cycles not in CYCLES:
        raise unknown("cycles", cycles, map(str, CYCLES))
    graphs = graph_of(edge_index, num_nodes)
    row, col, degree = graphs.row, graphs.col, graphs.degree
    adj = CSR(graphs.rowptr, graphs.col, None, None, graphs.num_nodes, None)
    pairs = torch.stack([row, col])
    value = 4 - degree[row] - degree[col] + 3 * common_neighbors(adj, adj, pairs)
    if cycles == 4:
        value = value + 2 * _squares(graphs.num_nodes, adj, row, col)
    return in_given_order(graphs, value.double(), edge_index)


def _squares(size: int, adj: CSR, row: Tensor, col: Tensor) -> Tensor:
    """4-cycles at each entry (i, j): pairs k, w with i-k, k-w, w-j, neither k = j nor w = i.

    Of the walks of length 3 from i to j those are left out that use the edge itself:
    ``A^3_ij = squares + d_i + d_j - 1``.
    """
    # walks of length 3 are common neighbours of i and j through one more edge
    count = torch.zeros(row.numel(), dtype=torch.int64)
    degree = adj.rowptr.diff()
    entry = torch.repeat_interleave(degree[row])  # each (i, j) with each neighbour k of i
    start = degree[row].cumsum(0) - degree[row]
    k = adj.col[torch.arange(entry.numel()) - start[entry] + adj.rowptr[row][entry]]
    through = common_neighbors(adj, adj, torch.stack([k, col[entry]]))
    count = count.index_add(0, entry, through)
    return count - degree[row] - degree[col] + 1
