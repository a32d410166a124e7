r"""Pairs of nodes, and what many matrices of a graph have to say about each of them.

With :math:`\tilde A` a graph with self-loops and :math:`\tilde d` its degrees, the matrices are the
identity and

.. math::
    \big(\tilde D^{\varepsilon} \tilde A\, \tilde D^{\varepsilon}\big)^k

for several exponents :math:`\varepsilon` and powers k. Their values are exact on any support, also
on one that is sparser than the powers. Of small graphs, and where most pairs are read, a power is
applied to the columns of the identity, those of all graphs of a batch at once; of a large graph
that few pairs are read of, walks are followed, :mod:`graphpoly.ops.near_powers`, where that is less
work.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.batching import count_graphs, nodes_of_each, places
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.entry import (
    as_size,
    check_batch,
    check_device,
    check_held,
    check_square,
    check_weighted,
)
from graphpoly.ops.near_powers import Plan, near_powers, plan_walks
from graphpoly.ops.node_balls import ball_costs, ball_members, slices, sorted_entries
from graphpoly.ops.pairs import pair_sum
from graphpoly.ops.spmm import spmm

__all__ = ["Pairs", "pairs_within", "power_basis"]

# numbers that the columns of the identity and what becomes of them may hold at a time, and columns
# that are made of graphs of any size
_BUDGET, _LEAST = 2**24, 32
# walks may be followed in graphs of more nodes that have so many times more pairs than are read;
# what an entry in a ball costs, in products of an entry and a number
_LARGE, _MANY, _STEP = 128, 8, 200


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

    Complexity: O(E log E) for one hop; O(P) for the P pairs of all graphs; for more hops
    O(T log T), where T is the number of entries in the rows of all pairs but the farthest. Under
    ``torch.compile`` O(h E N + N^2).
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
    if torch.compiler.is_compiling():
        return _padded_pairs(adj, hops, graph, num_graphs)
    if hops is not None:
        return Pairs(_balls(adj, min(hops, max(num_nodes, 1))), None)
    _, order, start = places(graph, num_graphs)
    size = nodes_of_each(graph, num_graphs)[graph]
    rowptr = torch.cat([size.new_zeros(1), size.cumsum(0)])
    shift = start[graph] - rowptr[:-1]
    place = torch.arange(int(rowptr[-1]), device=size.device)
    col = order[place + torch.repeat_interleave(shift, size)]
    return Pairs(trusted_csr(rowptr, col, None, None, num_nodes, None), None)


def _balls(adj: CSR, hops: int) -> CSR:
    """The pairs within some hops, from ball to ball."""
    num_nodes, device = adj.num_rows, adj.col.device
    around = sorted_entries(adj.rows().long(), adj.col.long(), num_nodes)
    cost = ball_costs(around, around.start.diff(), hops - 1).clamp(max=adj.num_entries)
    node = torch.arange(num_nodes, device=device)
    col, size = [node[:0]], [node[:0]]
    for center in node.split(slices(cost)):
        last = center.new_tensor(num_nodes - 1).expand_as(center)
        members = ball_members(around, center, last, hops)
        col.append(members % num_nodes)
        size.append(torch.bincount(members // num_nodes, minlength=center.size(0)))
    rowptr = torch.cat([node.new_zeros(1), torch.cat(size).cumsum(0)])
    return trusted_csr(rowptr, torch.cat(col), None, None, num_nodes, None)


def _padded_pairs(adj: CSR, hops: int | None, graph: Tensor, num_graphs: int) -> Pairs:
    """All pairs that there would be if the graphs were as large as all of them together."""
    num_nodes = adj.num_rows
    place, order, start = places(graph, num_graphs)
    column = torch.arange(num_nodes, device=place.device)
    there = column < nodes_of_each(graph, num_graphs)[graph].unsqueeze(1)
    if hops is not None:
        near = (place.unsqueeze(1) == column).float()
        for _ in range(hops):
            near = (spmm(adj.with_weight(None), near) > 0).float()
        there = there & (near > 0)
    other = order[(start[graph].unsqueeze(1) + column).clamp(max=max(num_nodes - 1, 0))]
    rowptr = torch.arange(num_nodes + 1, device=place.device) * num_nodes
    full = trusted_csr(rowptr, other.flatten(), None, None, num_nodes, None)
    return Pairs(full, there.flatten().double())


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

    Complexity: for each exponent O(k n e) for each graph of n nodes and e entries, in slices of
    columns, or O(k T log T), where that is less, for T entries in the balls that
    :mod:`~graphpoly.ops.near_powers` makes: O(E) of them in a star and in graphs of bounded degree.
    Slices and balls are made some at a time, and made again for a backward pass, so that the memory
    beside the result is bounded, but for a gradient of the gradient. Under ``torch.compile``
    O(k E N) time and O(k N^2) memory.

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
    place, _, _ = places(graph, num_graphs)
    row, col = pairs.rows().long(), pairs.col.long()
    scale = _degree_powers(adj, exponents)
    if torch.compiler.is_compiling():
        out = _slice_powers(adj, scale, place, (0, num_nodes), powers, (row, place[col]))
    else:
        size = nodes_of_each(graph, num_graphs)[graph]
        out = scale.new_zeros(len(powers), pairs.num_entries, len(exponents))
        walks = _walks(adj, pairs, graph, num_graphs, max(powers) * len(exponents), max(powers))
        if walks is not None:
            plan, near = walks
            out = near_powers(plan, adj.weight, scale, powers, near)
            size = torch.where(near, 0, size)
        out = _column_powers(adj, scale, place, size, powers, (row, place[col]), out)
    identity = (row == col).to(dtype).unsqueeze(1)
    return torch.cat([identity, out.permute(1, 2, 0).flatten(1)], 1)


def _walks(
    adj: CSR, pairs: CSR, graph: Tensor, num_graphs: int, products: int, k: int
) -> tuple[Plan, Tensor] | None:
    """The walks to follow and whether those of each node are, or None; ``products`` by columns."""
    nodes = nodes_of_each(graph, num_graphs).double()
    reads = nodes_of_each(graph[pairs.rows().long()], num_graphs)
    few = (nodes > _LARGE) & (_MANY * reads < nodes * nodes)
    if not bool(few.any()):
        return None
    plan = plan_walks(adj, pairs, graph, num_graphs, k)
    entries = nodes_of_each(graph[adj.rows().long()], num_graphs)
    cost = plan.cost.new_zeros(num_graphs).index_add(0, graph[plan.node], plan.cost)
    near = few & (_STEP * cost < products * nodes * (entries + nodes))
    return (plan, near[graph]) if bool(near.any()) else None


def _column_powers(
    adj: CSR,
    scale: Tensor,
    place: Tensor,
    size: Tensor,
    powers: tuple[int, ...],
    pairs: tuple[Tensor, Tensor],
    out: Tensor,
) -> Tensor:
    """Write the powers at the pairs of all nodes whose graph has a ``size``, slice by slice.

    A slice holds columns of the graphs that have so many, so that a small one pays for its own.
    """
    row, at = pairs
    index, value = [], []
    first, width = 0, int(size.max()) if size.numel() else 0
    while first < width:
        keep = size > first
        held = _restricted(adj, keep)
        most = first + max(1, _BUDGET // (held.num_rows * scale.size(1)))
        last = min(max(int(size[keep].min()), 2 * first, _LEAST), width, most)
        here = (keep[row] & (at >= first) & (at < last)).nonzero().flatten()
        number = keep.cumsum(0) - 1
        reads = number[row[here]], at[here] - first
        index.append(here)
        columns = held, scale[keep], place[keep], (first, last), powers, reads
        # what exceeds the budget is not kept for a backward pass; functions' transforms keep it
        again = most < width and not torch._C._are_functorch_transforms_active()
        value.append(
            checkpoint(_slice_powers, *columns, use_reentrant=False, preserve_rng_state=False)
            if again
            else _slice_powers(*columns)
        )
        first = last
    return out.index_copy(1, torch.cat(index), torch.cat(value, 1)) if index else out


def _restricted(adj: CSR, keep: Tensor) -> CSR:
    """The operator on some graphs of a batch."""
    if bool(keep.all()):
        return adj
    assert adj.weight is not None
    entry = keep[adj.rows().long()].nonzero().flatten()
    count = adj.rowptr.diff()[keep].cumsum(0)
    rowptr = torch.cat([count.new_zeros(1), count]).to(adj.rowptr.dtype)
    col = (keep.cumsum(0) - 1)[adj.col[entry].long()].to(adj.col.dtype)
    num_nodes = rowptr.size(0) - 1
    back = None if adj.transposed is None else transpose(rowptr, col, num_nodes)
    return trusted_csr(rowptr, col, adj.weight[entry], None, num_nodes, back)


def _slice_powers(
    adj: CSR,
    scale: Tensor,
    place: Tensor,
    columns: tuple[int, int],
    powers: tuple[int, ...],
    pairs: tuple[Tensor, Tensor],
) -> Tensor:
    """The powers at pairs of a row and a column of the slice, ``[K, P, X]``."""
    column = torch.arange(*columns, device=place.device)
    state = (place.unsqueeze(1) == column).to(scale.dtype).unsqueeze(1)
    state = state.expand(-1, scale.size(1), -1)
    scale = scale.unsqueeze(-1)
    found = {}
    for power in range(1, max(powers) + 1):
        state = scale * spmm(adj, scale * state)
        if power in powers:
            found[power] = state[pairs[0], :, pairs[1]]
    return torch.stack([found[power] for power in powers])


def _degree_powers(adj: CSR, exponents: tuple[float, ...]) -> Tensor:
    """``[N, X]``."""
    assert adj.weight is not None
    degree = spmm(adj, adj.weight.new_ones(adj.num_cols, 1))
    alive = degree > 0
    safe = torch.where(alive, degree, 1).log()
    return torch.where(alive, (safe * safe.new_tensor(exponents)).exp(), 0)
