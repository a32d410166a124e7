r"""Entries of powers of a sparse matrix at a few pairs of nodes, without what lies between.

Such an entry sums over walks, and each walk has a highest node, once the nodes are numbered:

.. math::
    (S^k)_{ij} = \sum_m \sum_{a + b = k} f^{(m)}_a(i)\; g^{(m)}_b(j)

Here :math:`f^{(m)}_a(i)` weighs the walks of a steps from i to m that do not meet m before, and
:math:`g^{(m)}_b(j)` those of b steps from m to j, all through nodes up to m. None of them leaves
the ball of radius k around m. Where i and j are neighbours, their edge closes the walk to a cycle
of :math:`k + 1` steps, and :math:`\lfloor (k + 1) / 2 \rfloor` is enough.

Nodes are numbered by degree: a hub is looked at once, and its neighbours do not look through it.
The balls of a star of n nodes have 2 n - 1 members in all, where its square has n^2 entries. (So
are cycles of four nodes counted; Chiba and Nishizeki, "Arboricity and Subgraph Listing Algorithms",
SIAM Journal on Computing 14, 1985.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, trusted_csr
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.node_balls import (
    SortedEntries,
    ball_costs,
    ball_members,
    entries_inside,
    pointers,
    slices,
    sorted_entries,
)
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.spmm import spmm

__all__ = ["Plan", "near_powers", "plan_walks"]


class Plan(NamedTuple):
    """Which walks :func:`near_powers` follows. Everywhere but in ``node``, nodes are ranks.

    Attributes:
        node: The nodes by rank, those of low degree first, ``[N]``.
        around: Neighbours in either direction.
        entries: Entries of the matrix.
        pairs: Where to read; the same object if those are the entries.
        radius: How far a walk gets from its highest node.
        cost: Bound of the entries that are looked at for each highest node, ``[N]``.
    """

    node: Tensor
    around: SortedEntries
    entries: SortedEntries
    pairs: SortedEntries
    radius: int
    cost: Tensor


def plan_walks(adj: CSR, pairs: CSR, graph: Tensor, num_graphs: int, k: int) -> Plan:
    """Number the nodes, and bound what each of them costs.

    Args:
        adj: The matrix.
        pairs: Where to read.
        graph: Graph of each node, ``[N]``.
        num_graphs: Number of graphs.
        k: Largest power.

    Complexity: O((E + P) log (E + P) + k E).
    """
    num_nodes = adj.num_rows
    row, col = adj.rows().long(), adj.col.long()
    same = pairs.rowptr is adj.rowptr and pairs.col is adj.col
    i, j = (row, col) if same else (pairs.rows().long(), pairs.col.long())
    key = torch.cat([row * num_nodes + col, col * num_nodes + row]).unique()
    low, high = key // num_nodes, key % num_nodes
    adjacent = same or bool(((i == j) | torch.isin(i * num_nodes + j, key)).all())
    low, high = low[low != high], high[low != high]

    node = torch.argsort(torch.bincount(low, minlength=num_nodes), stable=True)
    rank = torch.empty_like(node).index_copy(0, node, torch.arange(num_nodes, device=node.device))
    around = sorted_entries(rank[low], rank[high], num_nodes)
    entries = sorted_entries(rank[row], rank[col], num_nodes)
    reads = entries if same else sorted_entries(rank[i], rank[j], num_nodes)

    radius = (k + 1) // 2 if adjacent else k
    looked = entries.start.diff() + (0 if same else reads.start.diff())
    # the first step leads down, and no ball has more entries than its graph
    beyond = ball_costs(around, looked, radius - 1)
    high, low = around.key // num_nodes, around.key % num_nodes
    cost = looked + torch.zeros_like(beyond).index_add(
        0, high, torch.where(low < high, beyond[low], 0)
    )
    owner = graph[node]
    most = cost.new_zeros(num_graphs).index_add(0, owner, looked.double())
    return Plan(node, around, entries, reads, radius, cost.minimum(most[owner]))


def near_powers(
    plan: Plan, weight: Tensor, scale: Tensor, powers: tuple[int, ...], chosen: Tensor
) -> Tensor:
    r"""Return the entries of :math:`(D_x A D_x)^k` for all x and k.

    Args:
        plan: The graph and the pairs.
        weight: Values of A, ``[E]``.
        scale: The diagonals of :math:`D_x`, ``[N, X]``.
        powers: The k, at least 1.
        chosen: Whether the walks of each node are wanted, ``[N]``, for whole graphs.

    Returns:
        ``[K, P, X]`` for K powers; 0 for the pairs of the other graphs.

    Complexity: O(k T (X + log T)) time for T entries of all balls. The memory beside the result is
    that of a bounded number of entries, or of one ball, also in the backward pass, which makes the
    balls again; where the gradient is to be differentiated, it is O(k T X).
    """
    scale, chosen = scale[plan.node], chosen[plan.node].nonzero().flatten()
    if torch._C._are_functorch_transforms_active():
        return _near_powers(weight, scale, plan, powers, chosen)
    out: Tensor = _NearPowers.apply(weight, scale, plan, powers, chosen)
    return out


class _NearPowers(torch.autograd.Function):
    """A backward pass that follows the walks again, instead of a forward pass that keeps them."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor, *rest: Any) -> Tensor:
        ctx.save_for_backward(weight, scale)
        ctx.rest = rest
        return _near_powers(weight, scale, *rest)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        again = torch.is_grad_enabled()
        weight, scale = ctx.saved_tensors
        # as variables of their own: the scale depends on the weight elsewhere
        if again:
            weight, scale = weight.view_as(weight), scale.view_as(scale)
        else:
            weight, scale = weight.detach().requires_grad_(), scale.detach().requires_grad_()
        plan, powers, chosen = ctx.rest
        grad = grads[0].reshape(-1)
        by_weight, by_scale = torch.zeros_like(weight), torch.zeros_like(scale)
        for top in chosen.split(slices(plan.cost[chosen])):
            with torch.enable_grad():
                place, value = _walks_below(plan, weight, scale, powers, top)
            found = torch.autograd.grad(value, (weight, scale), grad[place], create_graph=again)
            by_weight, by_scale = by_weight + found[0], by_scale + found[1]
        return by_weight, by_scale, None, None, None


def _near_powers(
    weight: Tensor, scale: Tensor, plan: Plan, powers: tuple[int, ...], chosen: Tensor
) -> Tensor:
    shape = len(powers), plan.pairs.key.size(0), scale.size(1)
    out = weight.new_zeros(shape).flatten()
    for top in chosen.split(slices(plan.cost[chosen])):
        place, value = _walks_below(plan, weight, scale, powers, top)
        if out.is_cuda:  # index_add would add with atomics there; this sorts first
            out = out.index_put_((place,), value, accumulate=True)
        else:
            out = out.index_add_(0, place, value)
    return out.view(shape)


def _walks_below(
    plan: Plan, weight: Tensor, scale: Tensor, powers: tuple[int, ...], top: Tensor
) -> tuple[Tensor, Tensor]:
    """What the walks with these highest nodes weigh, and where to add it in the result."""
    members = ball_members(plan.around, top, top, plan.radius)
    size, num_nodes = members.size(0), plan.node.size(0)
    ball, node = members // num_nodes, members % num_nodes
    target, source, slot = entries_inside(plan.entries, members, top)
    step = _operator(target, source, weight[slot], size)
    assert step.weight is not None
    assert step.transposed is not None
    colptr, row, perm = step.transposed
    back = trusted_csr(colptr, row, step.weight[perm], None, size, transpose(colptr, row, size))
    rate = scale[node]  # [members, X]
    highest = (node == top[ball]).unsqueeze(1)
    f = g = [highest.to(weight.dtype).expand_as(rate)]
    for _ in range(max(powers)):
        f = [*f, torch.where(highest, 0, rate * spmm(step, rate * f[-1]))]
        g = [*g, rate * spmm(back, rate * g[-1])]
    first, then = torch.stack(f, 2), torch.stack(g, 2)  # [members, X, k+1]
    if plan.pairs is not plan.entries:
        i, j, slot = entries_inside(plan.pairs, members, top)
        step = _operator(i, j, None, size)
    num_pairs, num_scales = plan.pairs.key.size(0), scale.size(1)
    place, value = [], []
    for at, power in enumerate(powers):
        for x in range(num_scales):
            walks = first[:, x, : power + 1], then[:, x, : power + 1].flip(1)
            value.append(sddmm(step, *[walk.contiguous() for walk in walks]))
            place.append((at * num_pairs + slot) * num_scales + x)
    return torch.cat(place), torch.cat(value)


def _operator(row: Tensor, col: Tensor, weight: Tensor | None, size: int) -> CSR:
    rowptr = pointers(row, size)
    return trusted_csr(rowptr, col, weight, None, size, transpose(rowptr, col, size))
