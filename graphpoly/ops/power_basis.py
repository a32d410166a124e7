r"""Pairs of nodes, and what many matrices of a graph have to say about each of them.

With :math:`\tilde A` a graph with self-loops and :math:`\tilde d` its degrees, the matrices are the
identity and

.. math::
    \big(\tilde D^{\varepsilon} \tilde A\, \tilde D^{\varepsilon}\big)^k

for several exponents :math:`\varepsilon` and powers k. Their values are exact on any support, also
on one that is sparser than the powers: a power is applied to the columns of the identity, those of
all graphs of a batch at once, and read where there is a pair.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.batching import count_graphs, largest, nodes_of_each, places
from graphpoly.ops.entry import (
    as_size,
    check_batch,
    check_device,
    check_held,
    check_square,
    check_weighted,
)
from graphpoly.ops.pairs import pair_sum
from graphpoly.ops.spmm import spmm

__all__ = ["Pairs", "pairs_within", "power_basis"]

# numbers that the columns of the identity and what becomes of them may hold at a time
_BUDGET = 2**24


class Pairs(NamedTuple):
    """Ordered pairs (i, j) of nodes of the same graph.

    Attributes:
        adj: The pairs as rows i and columns j; no values.
        share: ``[P]``, what each entry counts for, or None for 1: entries at the same place count
            for one pair together, and 0 stands for no pair.
    """

    adj: CSR
    share: Tensor | None


def pairs_within(
    adj: CSR, hops: int | None, batch: Tensor | None = None, batch_size: int | None = None
) -> Pairs:
    """Return the pairs of nodes that at most so many hops lie between.

    Args:
        adj: A graph that has an entry (i, i) for each node; all of its entries are hops, whatever
            they weigh.
        hops: Number of hops; 1 for the entries of ``adj``, None for all pairs of a graph.
        batch: Graph of each node, ``[N]``.
        batch_size: Number of graphs, if known.

    Returns:
        The pairs. Under ``torch.compile`` all pairs but for ``hops=1`` are kept, with a share of 0
        where there is none.

    Complexity: O(E log E) for one hop, and O(h E n + N n) for h hops or all pairs of graphs of at
    most n nodes.
    """
    check_square(adj)
    check_held("adj", adj.col)
    hops = None if hops is None else as_size("hops", hops)
    check_batch(batch, adj.num_rows, batch_size)
    if hops == 1:
        ones = torch.ones(adj.num_entries, dtype=torch.float64, device=adj.col.device)
        return Pairs(adj.with_weight(None), 1 / pair_sum(adj, ones))
    num_nodes = adj.num_rows
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    graph = adj.rowptr.new_zeros(num_nodes).long() if batch is None else batch
    width = largest(batch, num_graphs, num_nodes)
    place, order, start = places(graph, num_graphs)
    column = torch.arange(width, device=place.device)
    there = column < nodes_of_each(graph, num_graphs)[graph].unsqueeze(1)
    if hops is not None:
        near = (place.unsqueeze(1) == column).float()
        for _ in range(hops):
            near = (spmm(adj.with_weight(None), near) > 0).float()
        there = there & (near > 0)
    other = order[(start[graph].unsqueeze(1) + column).clamp(max=max(num_nodes - 1, 0))]
    if torch.compiler.is_compiling():
        rowptr = torch.arange(num_nodes + 1, device=place.device) * width
        full = trusted_csr(rowptr, other.flatten(), None, None, num_nodes, None)
        return Pairs(full, there.flatten().double())
    rowptr = torch.cat([start.new_zeros(1), there.sum(1).cumsum(0)])
    return Pairs(trusted_csr(rowptr, other[there], None, None, num_nodes, None), None)


def power_basis(
    adj: CSR,
    pairs: CSR,
    *,
    exponents: tuple[float, ...],
    powers: tuple[int, ...],
    batch: Tensor | None = None,
    batch_size: int | None = None,
) -> Tensor:
    r"""Return the values of the identity and of all powers at the given pairs.

    Args:
        adj: :math:`\tilde A` with its values and self-loops.
        pairs: Where to read; pairs of nodes of the same graph.
        exponents: The :math:`\varepsilon`; -1/2 is the symmetric normalisation.
        powers: The k, at least 1.
        batch: Graph of each node, ``[N]``.
        batch_size: Number of graphs, if known.

    Returns:
        ``[P, 1 + len(exponents) * len(powers)]``: the identity, then all powers of the first
        exponent, and so on. Nodes whose degree is not positive count as if it were 0.

    Complexity: for graphs of at most n nodes O(k E n) for each exponent, in slices of columns, so
    that the memory beside the result is bounded, except under ``torch.compile``.

    >>> import torch
    >>> from graphpoly.ops import normalize
    >>> edge = normalize(torch.tensor([[0, 1], [1, 0]]), num_nodes=2, normalization=None,
    ...                  add_self_loops=True)
    >>> power_basis(edge, edge, exponents=(-0.5,), powers=(1,)).round(decimals=6).tolist()
    [[0.0, 0.5], [1.0, 0.5], [0.0, 0.5], [1.0, 0.5]]
    """
    check_square(adj)
    check_weighted(adj)
    check_held("adj", adj.col)
    assert adj.weight is not None
    if (pairs.num_rows, pairs.num_cols) != (adj.num_rows, adj.num_cols):
        raise ValueError(
            f"pairs: got {pairs.num_rows} x {pairs.num_cols}, adj has {adj.num_rows} nodes"
        )
    check_device("pairs", pairs.col, adj.col.device)
    powers = tuple(as_size("powers", power, 1) for power in powers)
    if not powers or not exponents:
        raise ValueError(f"exponents, powers: got {exponents} and {powers}, expected some")
    num_nodes, dtype = adj.num_rows, adj.weight.dtype
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    graph = adj.rowptr.new_zeros(num_nodes).long() if batch is None else batch
    width = largest(batch, num_graphs, num_nodes)
    place, _, _ = places(graph, num_graphs)
    row, col = pairs.rows().long(), pairs.col.long()
    scale = _degree_powers(adj, exponents).unsqueeze(-1)  # [N, X, 1]
    at = place[col]

    def read(first: int, last: int) -> Tensor:
        """The powers at those pairs whose column is in the slice, and 0 elsewhere."""
        column = torch.arange(first, last, device=place.device)
        state = (place.unsqueeze(1) == column).to(dtype).unsqueeze(1)
        state = state.expand(-1, len(exponents), -1)
        here = ((at >= first) & (at < last)).unsqueeze(1)
        index = (at - first).clamp(0, last - first - 1).view(-1, 1, 1)
        index = index.expand(-1, len(exponents), 1)
        found = {}
        for power in range(1, max(powers) + 1):
            state = scale * spmm(adj, scale * state)
            if power in powers:
                found[power] = torch.where(here, state[row].gather(2, index).squeeze(2), 0)
        return torch.stack([found[power] for power in powers])

    if torch.compiler.is_compiling():
        out = read(0, width)
    else:
        out = adj.weight.new_zeros(len(powers), pairs.num_entries, len(exponents))
        size = max(1, _BUDGET // max(1, num_nodes * len(exponents)))
        for first in range(0, width, size):
            out = out + read(first, min(first + size, width))
    identity = (row == col).to(dtype).unsqueeze(1)
    return torch.cat([identity, out.permute(1, 2, 0).flatten(1)], 1)


def _degree_powers(adj: CSR, exponents: tuple[float, ...]) -> Tensor:
    """``[N, X]``."""
    assert adj.weight is not None
    degree = spmm(adj, adj.weight.new_ones(adj.num_cols, 1))
    alive = degree > 0
    safe = torch.where(alive, degree, 1).log()
    return torch.where(alive, (safe * safe.new_tensor(exponents)).exp(), 0)
