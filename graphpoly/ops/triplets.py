r"""Triangles around directed edges, and the product over them that Floyd-Warshall is made of.

For an edge from i to j, a triplet is a node k with an edge from i to k and one from k to j. With a
value at each edge,

.. math::
    y_{ij} = \min_k \big( a_{ik} + b_{kj} \big)

is a product of matrices in the algebra of shortest paths, at the places of the edges alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, to_csr
from graphpoly.ops.common_neighbors import intersect_rows
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import check_square, check_values
from graphpoly.ops.min_plus import extreme_entries
from graphpoly.ops.number_keys import number_keys
from graphpoly.ops.pool import segments

__all__ = ["Triplets", "list_triplets", "triplets_min_plus"]


class Triplets(NamedTuple):
    """The triplets of each pair of nodes that has an edge.

    Attributes:
        pair: Number of the pair (i, j) of each entry, ``[E]``; parallel entries share one.
        rowptr: Where the triplets of each pair begin, ``[U+1]``.
        first: Number of the pair (i, k) of each triplet, ``[P]``.
        second: Number of the pair (k, j) of each triplet, ``[P]``.
    """

    pair: Tensor
    rowptr: Tensor
    first: Tensor
    second: Tensor

    @property
    def num_triplets(self) -> int:
        """Number of triplets P."""
        return self.first.size(0)

    def sizes(self) -> Tensor:
        """Return how many triplets each entry has, ``[E]``."""
        return self.rowptr.diff().index_select(0, self.pair)


def list_triplets(adj: CSR) -> Triplets:
    """List the triplets of a graph.

    Args:
        adj: Row j lists the sources i of the edges into j; values are not read. A loop is an edge:
            with loops at both ends, k = i and k = j are among the triplets of (i, j).

    Raises:
        ValueError: If the operator is not square, or there is no memory for the triplets.

    Complexity: that of :func:`~graphpoly.ops.intersect_rows`, the degrees of both ends of each
    edge, and O(P) memory for P triplets, at most E^(3/2): the n^3 of a complete graph with loops.

    >>> import torch
    >>> from graphpoly.ops import list_triplets, to_csr
    >>> triplets = list_triplets(to_csr(torch.tensor([[0, 0, 1], [2, 1, 2]]), num_nodes=3))
    >>> triplets.sizes().tolist(), triplets.first.tolist(), triplets.second.tolist()
    ([0, 1, 0], [0], [2])
    """
    check_square(adj)
    num_nodes = adj.num_cols
    source, target = adj.col.long(), adj.rows().long()
    key = source * num_nodes + target
    pair, fresh = number_keys(key.new_empty(0), key)
    ends = torch.stack([source, target]).index_select(1, fresh)
    key = key.index_select(0, fresh)
    outgoing = to_csr(ends.flip(0), num_nodes=num_nodes)
    shared = intersect_rows(outgoing, to_csr(ends, num_nodes=num_nodes), ends)
    i, j = ends.index_select(1, shared.rows().long())
    k = shared.col.long()
    return Triplets(
        pair,
        shared.rowptr,
        number_keys(key, i * num_nodes + k).number,
        number_keys(key, k * num_nodes + j).number,
    )


def triplets_min_plus(
    triplets: Triplets, first: Tensor, second: Tensor, *, largest: bool = False
) -> Tensor:
    """Return the least of ``first[i, k] + second[k, j]`` over the triplets of each entry.

    Args:
        triplets: The triplets of an operator of E entries.
        first: ``[E, C]`` in the order of the entries; values may be infinite.
        second: Likewise.
        largest: Take the largest instead.

    Returns:
        ``[E, C]``; an entry without triplets is infinite (minus infinite for the largest). Of
        parallel entries the least counts, and each gets the same. The gradient goes to the first
        of equals.

    Raises:
        TypeError: If a value is not floating-point.
        ValueError: If shapes do not fit.

    Complexity: O((E + P) C) time and memory for P triplets.

    >>> import torch
    >>> from graphpoly.ops import list_triplets, to_csr, triplets_min_plus
    >>> adj = to_csr(torch.tensor([[0, 0, 1], [2, 1, 2]]), num_nodes=3)
    >>> length = torch.tensor([[1.0], [5.0], [2.0]])  # from 0 to 1, from 0 to 2, from 1 to 2
    >>> triplets_min_plus(list_triplets(adj), length, length).flatten().tolist()
    [inf, 3.0, inf]
    """
    size, device = triplets.pair.size(0), triplets.pair.device
    check_values("first", first, size, None, device=device)
    check_values("second", second, size, first.size(1), device=device)
    kept, dtype = floating(first=first, second=second)
    parallel = segments(triplets.pair, triplets.rowptr.size(0) - 1)
    ways = []
    for value, place in ((first, triplets.first), (second, triplets.second)):
        ordered = value.to(dtype).index_select(0, parallel.col)
        best = extreme_entries(parallel.rowptr, ordered, largest=largest)
        ways.append(best.index_select(0, place))
    out = extreme_entries(triplets.rowptr, ways[0] + ways[1], largest=largest)
    return out.to(kept).index_select(0, triplets.pair)
