"""Sequences of candidates, several graphs at once: their pairs with steps, and the search."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from graphpoly.ops import CSR, segment_logsumexp
from graphpoly.ops.pool import ranges, segments

__all__ = ["Pointed", "candidates", "log_partition", "pairs", "search"]


class Pointed(NamedTuple):
    """A sequence of nodes of each graph.

    Attributes:
        pointer: The nodes, numbered through the batch, graph by graph, ``[L]``.
        length: How many of them each graph has, ``[B]``.
        log_prob: Of each whole sequence, ``[B]``, its end included unless it was cut off.
    """

    pointer: Tensor
    length: Tensor
    log_prob: Tensor


def candidates(graph: Tensor, num_graphs: int) -> CSR:
    """Return the operator whose row b lists the nodes of graph b and then its end, N + b.

    >>> candidates(torch.tensor([0, 1, 0]), 2).col.tolist()
    [0, 2, 3, 1, 4]
    """
    ends = torch.arange(num_graphs, device=graph.device, dtype=graph.dtype)
    return segments(torch.cat([graph, ends]), num_graphs)


def pairs(groups: CSR, graph: Tensor) -> tuple[Tensor, Tensor]:
    """Join each query with the candidates of its graph.

    Args:
        groups: :func:`candidates`.
        graph: Graph of each query, ``[Q]``.

    Returns:
        Query and candidate of each pair, query by query, ``[P]`` each.
    """
    first, count = groups.rowptr[:-1].long()[graph], groups.rowptr.diff().long()[graph]
    query = torch.repeat_interleave(count)
    behind = count.cumsum(0)
    place = torch.arange(query.size(0), device=query.device) - (behind - count)[query]
    return query, groups.col.long()[first[query] + place]


def log_partition(score: Tensor, query: Tensor, num_queries: int) -> Tensor:
    """Return the logarithm of the sum of the exponentials of each query's scores, ``[Q]``.

    Args:
        score: ``[P]``.
        query: ``[P]``, ascending, each at least once.
        num_queries: Q.
    """
    ptr = F.pad(torch.bincount(query, minlength=num_queries).cumsum(0), (1, 0))
    rows = ranges(ptr, score.size(0))
    return segment_logsumexp(rows, score)


def search(
    score: Callable[[Tensor, Tensor], Tensor],
    step: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    token: Tensor,
    start: Tensor,
    groups: CSR,
    *,
    visits: str,
    beam: int,
    max_steps: int,
    generator: torch.Generator | None,
) -> Pointed:
    """Extend K sequences of each graph step by step, and return the best of each.

    Args:
        score: From candidates and queries, a row each, to scores.
        step: From what is read and the states to queries and the next states.
        token: What stands for each candidate; ends stand for the start, ``[N + B, F]``.
        start: States, ``[..., B, C]``.
        groups: :func:`candidates`.
        visits: As for :class:`~graphpoly.models.PointerNetwork`.
        beam: K.
        max_steps: Number of steps at most.
        generator: Of draws, or None for the likeliest.
    """
    num_graphs, device = groups.num_rows, token.device
    num_nodes = token.size(0) - num_graphs
    graph = torch.arange(num_graphs, device=device).repeat_interleave(beam)
    query, candidate = pairs(groups, graph)
    is_end, of = candidate >= num_nodes, graph[query]
    size = groups.rowptr.diff().long()[graph]
    first = size.cumsum(0) - size
    place = torch.arange(query.size(0), device=device) - first[query]
    kept = (first.view(-1, beam)[:, :1] + torch.arange(beam, device=device)).view(-1)

    free = torch.ones_like(is_end)
    log_prob = token.new_full((num_graphs, beam), -torch.inf)
    log_prob[:, 0] = 0  # they all begin alike: one is enough
    log_prob, state = log_prob.view(-1), start.repeat_interleave(beam, -2)
    last, over = num_nodes + graph, log_prob.isneginf()
    path = last.new_empty(last.size(0), 0)
    for number in range(max_steps):
        hidden, state = step(token[last], state)
        every = score(candidate, hidden[query])
        allowed = free if visits == "any" else free & ~_early(is_end, size, number, query, visits)
        every = every.masked_fill(~allowed, -torch.inf)
        every = every - log_partition(every, query, graph.size(0))[query]
        every = torch.where(over[query], torch.where(is_end, 0.0, -torch.inf), every)
        total = rank = log_prob[query] + every
        if generator is not None:  # the largest of these is drawn with its probability
            noise = torch.empty(rank.shape, dtype=torch.float64, device=generator.device)
            noise.exponential_(generator=generator)
            rank = rank - noise.log().to(rank)
        order = rank.argsort(descending=True, stable=True)
        best = order[of[order].argsort(stable=True)][kept]

        parent, last, log_prob = query[best], candidate[best], total[best]
        state, path = state.index_select(-2, parent), torch.cat([path[parent], last[:, None]], 1)
        free = free[first[parent][query] + place]
        if visits != "any":
            free = free.index_fill(0, first + place[best], False)
        over = (last >= num_nodes) | log_prob.isneginf()
        if bool(over.all()):
            break
    found = path[::beam]
    within = found < num_nodes
    return Pointed(found[within], within.sum(1), log_prob[::beam])


def _early(is_end: Tensor, size: Tensor, number: int, query: Tensor, visits: str) -> Tensor:
    """Say which ends come before every node has been pointed at, where each has to be."""
    if visits != "all":
        return torch.zeros_like(is_end)
    return is_end & (number < size[query] - 1)
