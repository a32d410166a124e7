"""Edges that somebody adds and removes: at random, or where a loss says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.cached import keeps_graph

__all__ = ["FLIPS", "check_uncached", "count_pairs", "flip_edges", "greedy_flips", "random_flips"]

FLIPS = ("both", "add", "remove")
_LISTED = 2**22  # numbers of which a random order is cheaper than drawing them one by one


def flip_edges(
    edge_index: Tensor,
    pairs: Tensor,
    edge_weight: Tensor | None = None,
    *,
    num_nodes: int,
) -> tuple[Tensor, Tensor | None]:
    """Remove the edges between some pairs of nodes, and join those pairs that have none.

    Args:
        edge_index: ``[2, E]``, undirected. Loops stay.
        pairs: ``[2, B]``, each pair of nodes once, in any order.
        edge_weight: ``[E]``; new edges get 1.
        num_nodes: Number of nodes N.

    Returns:
        Edges and weights, of the types and on the device that came in: those that stay in their
        order, then the new ones both ways.

    Raises:
        ValueError: If a pair is a loop, outside of the graph or given twice.

    >>> import torch
    >>> edge_index, _ = flip_edges(torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 1], [1, 2]]),
    ...     num_nodes=3)
    >>> edge_index
    tensor([[1, 2],
            [2, 1]])
    """
    pairs = pairs.to(edge_index.device)
    wanted = _numbers(pairs)
    outside = bool((pairs < 0).any()) or bool((pairs >= num_nodes).any())
    if outside or bool((pairs[0] == pairs[1]).any()):
        raise ValueError(f"pairs: expected two different nodes of {num_nodes} each")
    if wanted.unique().numel() < wanted.numel():
        raise ValueError("pairs: got a pair twice")
    held = _numbers(edge_index)
    kept = ~torch.isin(held, wanted) | (edge_index[0] == edge_index[1])
    new = pairs[:, ~torch.isin(wanted, held[edge_index[0] != edge_index[1]])]
    new = torch.cat([new, new.flip(0)], 1).to(edge_index.dtype)
    if edge_weight is not None:
        edge_weight = torch.cat([edge_weight[kept], edge_weight.new_ones(new.size(1))])
    return torch.cat([edge_index[:, kept], new], 1), edge_weight


def random_flips(
    edge_index: Tensor,
    budget: int,
    *,
    num_nodes: int,
    kind: str = "both",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw pairs of nodes to flip, each set of so many with equal chance.

    Args:
        edge_index: ``[2, E]``, undirected.
        budget: How many pairs.
        num_nodes: Number of nodes.
        kind: ``"add"`` draws among pairs without an edge, ``"remove"`` among those with one, and
            ``"both"`` half of each, in a random order.
        generator: On the CPU.

    Returns:
        ``[2, B]``, on the device of ``edge_index``; B is the budget, or the number of such pairs
        where there are fewer.

    Raises:
        ValueError: If the budget is negative, ``kind`` is unknown or the graph is directed.

    >>> import torch
    >>> random_flips(torch.tensor([[0, 1], [1, 0]]), 3, num_nodes=2)
    tensor([[0],
            [1]])
    """
    if kind not in FLIPS:
        raise unknown("kind", kind, FLIPS)
    held = _held(edge_index, budget, num_nodes)
    free = count_pairs(num_nodes) - held.numel()
    remove = {"add": 0, "remove": budget, "both": budget // 2}[kind]
    if kind == "both":  # more of one where there are too few of the other
        remove = max(remove, budget - free)
    remove = min(remove, held.numel())
    add = 0 if kind == "remove" else min(budget - remove, free)
    gone = held[_distinct(remove, held.numel(), generator).to(held.device)]
    new = _absent(_distinct(add, free, generator).to(held.device), held)
    chosen = torch.cat([gone, new])
    order = _distinct(chosen.numel(), chosen.numel(), generator).to(chosen.device)
    return _pairs(chosen[order]).to(edge_index.dtype)


def greedy_flips(
    loss: Callable[[Tensor, Tensor], Tensor],
    edge_index: Tensor,
    budget: int,
    *,
    num_nodes: int,
    edge_weight: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    candidates: int | None = None,
    per_step: int = 1,
    generator: torch.Generator | None = None,
    told: Callable[[int], Any] | None = None,
) -> Tensor:
    r"""Choose pairs of nodes whose flips raise a loss most, to first order, one step after another.

    An entry that is absent has the weight 0, and the loss a derivative by it. With the weights
    :math:`w_e` of the entries of a pair and :math:`g_e` the derivatives, its flip changes the loss
    by about

    .. math:: s = -\sum_e w_e\, g_e \text{ if it has an edge, else } s = g_{uv} + g_{vu}

    The pair of the largest s is flipped, and s computed anew. No pair is flipped twice, and none
    whose s is not positive. The first k of the chosen pairs are the attack with a budget of k,
    where ``per_step`` divides k.

    Args:
        loss: From ``edge_index`` and ``edge_weight`` to a number that is to be large. It must read
            the weights, and take an edge of weight 0 for none.
        edge_index: ``[2, E]``, undirected.
        budget: At most so many pairs.
        num_nodes: Number of nodes N.
        edge_weight: ``[E]``; default ones.
        dtype: Of the weights, where there are none.
        candidates: How many of the pairs without an edge are looked at, drawn anew in each step;
            default all of them. Pairs with an edge always are.
        per_step: How many pairs are flipped by the same derivatives.
        generator: Of the candidates, on the CPU.
        told: Called with the number of pairs after each step.

    Returns:
        ``[2, B]`` with B at most the budget, in the order of the steps.

    Raises:
        ValueError: If a number is out of range, the graph is directed, or the loss does not depend
            on the weights.

    Complexity: the loss and its gradient on the edges and all candidates (N (N - 1) / 2 pairs by
    default), ``budget / per_step`` times.
    """
    _held(edge_index, budget, num_nodes)
    for name, number in (("candidates", candidates), ("per_step", per_step)):
        if number is not None and number < 1:
            raise ValueError(f"{name}: got {number}, expected at least 1")
    weight = edge_weight
    if weight is None:
        weight = torch.ones(edge_index.size(1), dtype=dtype, device=edge_index.device)
    weight, chosen = weight.detach(), edge_index.new_empty(2, 0)
    while chosen.size(1) < budget:
        held = _numbers(edge_index[:, edge_index[0] != edge_index[1]]).unique()
        free = count_pairs(num_nodes) - held.numel()
        if candidates is None or candidates >= free:
            drawn = torch.arange(free, device=held.device)
        else:
            drawn = _distinct(candidates, free, generator).to(held.device)
        numbers = torch.cat([held, _absent(drawn, held)])
        scores = _scores(loss, edge_index, weight, numbers, held.numel())
        scores[torch.isin(numbers, _numbers(chosen))] = -torch.inf
        most = min(per_step, budget - chosen.size(1), numbers.numel())
        values, best = scores.topk(most)
        pairs = _pairs(numbers[best[values > 0]]).to(edge_index.dtype)
        if pairs.size(1) == 0:
            break
        chosen = torch.cat([chosen, pairs], 1)
        edge_index, flipped = flip_edges(edge_index, pairs, weight, num_nodes=num_nodes)
        assert flipped is not None
        weight = flipped
        if told is not None:
            told(chosen.size(1))
    return chosen


def check_uncached(model: Any) -> None:
    """Raise a ValueError if a network would answer for another graph than it is given."""
    if keeps_graph(model):
        raise ValueError("model: cached=True holds one graph, of which edges are changed here")


def count_pairs(num_nodes: int) -> int:
    """Return the number of pairs of different nodes."""
    return num_nodes * (num_nodes - 1) // 2


def _scores(
    loss: Callable[[Tensor, Tensor], Tensor],
    edge_index: Tensor,
    weight: Tensor,
    numbers: Tensor,
    num_held: int,
) -> Tensor:
    """How much each flip changes the loss; the pairs that have an edge come first, in order."""
    new = _pairs(numbers[num_held:]).to(edge_index.dtype)
    entries = torch.cat([edge_index, new, new.flip(0)], 1)
    values = torch.cat([weight, weight.new_zeros(2 * new.size(1))]).requires_grad_()
    with torch.enable_grad():
        value = loss(entries, values)
        gradient = None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value, values, allow_unused=True)
    if gradient is None:
        raise ValueError("loss: does not depend on edge_weight, so that no edge has a derivative")
    own, to, fro = gradient.split([weight.numel(), new.size(1), new.size(1)])
    inner = edge_index[0] != edge_index[1]
    place = torch.searchsorted(numbers[:num_held], _numbers(edge_index[:, inner]))
    removed = own.new_zeros(num_held).index_add(0, place, -(own * weight)[inner])
    return torch.cat([removed, to + fro])


def _held(edge_index: Tensor, budget: int, num_nodes: int) -> Tensor:
    """Numbers of the pairs that have an edge, in ascending order, of a graph that is undirected."""
    if budget < 0:
        raise ValueError(f"budget: got {budget}, expected at least 0")
    source, target = edge_index[:, edge_index[0] != edge_index[1]].long()
    forth, back = source * num_nodes + target, target * num_nodes + source
    if not torch.equal(forth.unique(), back.unique()):
        raise ValueError("edge_index: got a directed graph; edges are flipped both ways at once")
    return _numbers(torch.stack([source, target])).unique()


def _numbers(pairs: Tensor) -> Tensor:
    """Number of each pair u < v among all, v (v - 1) / 2 + u."""
    low, high = torch.minimum(*pairs.long()), torch.maximum(*pairs.long())
    return high * (high - 1) // 2 + low


def _pairs(numbers: Tensor) -> Tensor:
    """The pairs of these numbers, the smaller node first."""
    high = ((1 + (1 + 8 * numbers.double()).sqrt()) / 2).long()
    high = high - (high * (high - 1) // 2 > numbers).long()  # the root may be rounded up
    high = high + (high * (high + 1) // 2 <= numbers).long()
    return torch.stack([numbers - high * (high - 1) // 2, high])


def _absent(ranks: Tensor, held: Tensor) -> Tensor:
    """The numbers with these ranks among all that are not ``held``, which are in order."""
    before = held - torch.arange(held.numel(), device=held.device)
    return ranks + torch.searchsorted(before, ranks, right=True)


def _distinct(count: int, of: int, generator: torch.Generator | None) -> Tensor:
    """So many different numbers below ``of``, in a random order."""
    if of <= max(_LISTED, 2 * count):
        return torch.randperm(of, generator=generator, device="cpu")[:count]
    drawn = torch.empty(0, dtype=torch.int64, device="cpu")
    while drawn.numel() < count:
        size = (count + count // 8 + 16,)
        more = torch.randint(of, size, generator=generator, device="cpu")
        drawn = torch.cat([drawn, more]).unique()
    return drawn[_distinct(count, drawn.numel(), generator)]
