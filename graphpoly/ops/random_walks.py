"""Walks drawn step by step, and what a walk sees of the graph along its way."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.common_neighbors import sort_rows
from graphpoly.ops.entry import (
    INT64_MIN,
    affordable,
    as_size,
    check_device,
    check_index,
    check_square,
    check_values,
)
from graphpoly.ops.hashing import hash64, uniform

__all__ = ["Walks", "random_walks", "walk_bits"]


class Walks(NamedTuple):
    """What :func:`random_walks` gives.

    Attributes:
        node: Of each position, ``[W, steps + 1]``, int64.
        edge: By which each step was made, ``[W, steps]``, in the order of the graph's input; -1
            where a walk stayed.
    """

    node: Tensor
    edge: Tensor


def random_walks(
    adj: CSR,
    start: Tensor,
    steps: int,
    *,
    backtracking: bool = True,
    seed: int = 0,
    name: Tensor | None = None,
    draws: Tensor | None = None,
) -> Walks:
    """Draw walks, each step from a node to one that it hears: along a row of the operator.

    Each neighbour is as likely as any other, and then each of the parallel edges to it. A walk
    whose node hears nothing stays. A walk depends on the seed and its name, not on how many there
    are or how long they are.

    Args:
        adj: Square; values are not read.
        start: First node of each walk, ``[W]``, int64.
        steps: How many.
        backtracking: Without it the node before is not gone to, where there is another neighbour.
        seed: Of the draws, 64 bits.
        name: What the draws of each walk hang on beside the seed, ``[W]``, int64; default its
            place.
        draws: Numbers in [0, 1) in place of those of the seed, ``[W, steps]``, float64.

    Raises:
        ValueError: If the operator is not square, a node is none of its, or shapes do not fit.
        TypeError: If a dtype is another.

    Complexity: O(E log E) to put the entries in order, the first time, and O(W log E) for each
    step. All walks step together: there is a loop over the steps alone.

    >>> from graphpoly.ops import to_csr
    >>> ring = to_csr(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
    >>> random_walks(ring, torch.tensor([0]), 4).node.tolist()
    [[0, 2, 1, 0, 2]]
    """
    check_square(adj)
    steps = as_size("steps", steps)
    node = check_index("start", start, adj.num_rows).long()
    check_device("start", node, adj.col.device)
    if name is None:
        name = torch.arange(start.numel(), device=start.device)
    if name.dtype != torch.int64:
        raise TypeError(f"name: got dtype {name.dtype}, expected int64")
    if name.shape != start.shape:
        raise ValueError(f"name: got shape {tuple(name.shape)}, expected [{start.numel()}]")
    check_device("name", name, start.device)
    if draws is None:
        draws = affordable(f"steps: {steps}", _draw, as_size("seed", seed, INT64_MIN), name, steps)
    else:
        check_values("draws", draws, start.numel(), steps, device=start.device)
    key, order = _sorted_keys(adj)
    # parallel edges, which have one key, are one neighbour; those of a row lie together
    fresh = (key != torch.cat([key.new_full((1,), -1), key])[: key.numel()]).long()
    group = fresh.cumsum(0) - 1
    begin = torch.searchsorted(group, torch.arange(key.numel() + 2, device=key.device))
    rowptr = F.pad(group + 1, (1, 0)).index_select(0, adj.rowptr.long())
    # behind the last entry stands one that leads nowhere, for walks that stay
    key, order, group = (F.pad(each, (0, 1), value=-1) for each in (key, order, group))
    nodes, edges = [node], []
    for step in range(steps):
        low = rowptr.index_select(0, node)
        count = rowptr.index_select(0, node + 1) - low
        back, skipped = low, torch.zeros_like(low)
        if step and not backtracking:
            behind = node * adj.num_cols + nodes[-2]
            place = torch.searchsorted(key[:-1], behind)
            back = group.index_select(0, place)
            skipped = ((key.index_select(0, place) == behind) & (count > 1)).long()
        value = draws[:, step] * (count - skipped)
        chosen = low + _floor(value, count - skipped)
        chosen = chosen + skipped * (chosen >= back)
        first = begin.index_select(0, chosen)
        parallel = begin.index_select(0, chosen + 1) - first
        entry = first + _floor(value.frac() * parallel, parallel)
        entry = torch.where(count > 0, entry, key.numel() - 1)
        node = torch.where(count > 0, key.index_select(0, entry) % adj.num_cols, node)
        nodes.append(node)
        edges.append(order.index_select(0, entry))
    edge = torch.stack(edges, 1) if edges else node.new_empty(node.numel(), 0)
    return Walks(torch.stack(nodes, 1), edge)


def _draw(seed: int, name: Tensor, steps: int) -> Tensor:
    return uniform(hash64(seed, name.unsqueeze(1), torch.arange(steps, device=name.device)))


def walk_bits(adj: CSR, node: Tensor, window: int) -> Tensor:
    """Say at each position which of those before it are the same node, and which its neighbours.

    Args:
        adj: The graph of the walks.
        node: Of each position, ``[W, L]``, int64.
        window: How many positions s to look back, less than L.

    Returns:
        ``[W, L, 2 s]``, bool: whether the position 1, ..., s before holds the same node, then
        whether its node is one that this one hears. What lies before the walk is neither.

    Raises:
        ValueError: If the operator is not square, a node is none of its, or the window is too wide.
        TypeError: If nodes are no integers.

    Complexity: O(W L s log E) time, O(W L s) memory.

    >>> from graphpoly.ops import to_csr
    >>> pair = to_csr(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    >>> walk_bits(pair, torch.tensor([[0, 1, 0]]), 2).long().tolist()
    [[[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0]]]
    """
    check_square(adj)
    if node.dim() != 2:
        raise ValueError(f"node: got shape {tuple(node.shape)}, expected [W, L]")
    node = check_index("node", node.reshape(-1), adj.num_rows).long().view(node.shape)
    check_device("node", node, adj.col.device)
    window = as_size("window", window, most=max(node.size(1) - 1, 0))
    key, _ = _sorted_keys(adj)
    padded = torch.cat([node.new_full((node.size(0), window), -1), node], 1)
    before = padded.unfold(1, window + 1, 1)[..., :-1].flip(-1)
    now = node.unsqueeze(-1)
    asked = torch.where(before < 0, -2, now * adj.num_cols + before).contiguous()
    adjacent = F.pad(key, (0, 1), value=-1)[torch.searchsorted(key, asked)] == asked
    return torch.cat([before == now, adjacent], -1)


def _floor(value: Tensor, count: Tensor) -> Tensor:
    """Return the whole part; a draw of 1 or more, or below 0, still leads to one of ``count``."""
    return torch.minimum(value.long(), count - 1).clamp(min=0)


def _sorted_keys(adj: CSR) -> tuple[Tensor, Tensor]:
    """Return row * N + column of the entries in order, and which edge of the input each is."""
    adj = sort_rows(adj)
    key = adj.rows().long() * adj.num_cols + adj.col.long()
    return key, torch.arange(len(key), device=key.device) if adj.perm is None else adj.perm.long()
