"""A comparator of graphs that learns from the independent sets which it finds itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from graphpoly.data.independent_sets import greedy_independent_set
from graphpoly.data.set_recursion import (
    Choices,
    GraphValue,
    recursive_independent_set,
    subgraphs,
)
from graphpoly.devices import on_cpu
from graphpoly.layers.arguments import check_size, check_sizes

__all__ = ["Round", "comparator_value", "train_comparator"]


class Round(NamedTuple):
    """What became of one round of self-training.

    Attributes:
        loss: Mean over the pairs of the last epoch.
        size: Mean size of the sets found in the graphs of this round, before they were learned.
        ties: Share of pairs that the labels do not tell apart.
    """

    loss: float
    size: float
    ties: float


class _Pairs(NamedTuple):
    """Graphs that were met, pairs of them, and which of two has the larger set.

    Attributes:
        edge_index: ``[2, E]``.
        batch: ``[N]``.
        num_graphs: How many there are, some without nodes, which are in no pair.
        pairs: ``[2, P]``.
        target: ``[P]``: 1 where the first has the larger one, 0.5 for a tie.
    """

    edge_index: Tensor
    batch: Tensor
    num_graphs: int
    pairs: Tensor
    target: Tensor


def comparator_value(net: nn.Module) -> GraphValue:
    """Return what a network of one output says of graphs without features, for the recursion.

    Args:
        net: Gives a row for each graph, such as ``ComparatorNet(1, 32, 1, pool="mean")``.

    >>> from graphpoly.data import recursive_independent_set
    >>> from graphpoly.models import ComparatorNet
    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> value = comparator_value(ComparatorNet(1, 4, 1, pool="mean"))
    >>> recursive_independent_set(path, value).shape
    torch.Size([4])
    """
    weight = next(net.parameters())

    @torch.no_grad()
    def value(edge_index: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
        return _scores(net, edge_index, batch, num_graphs, weight)

    return value


def train_comparator(
    net: nn.Module,
    graphs: Sequence[Data],
    *,
    rounds: int = 30,
    roots: int = 16,
    steps: int = 8,
    roll_outs: int = 5,
    mixed: bool = False,
    epochs: int = 10,
    buffer: int = 3,
    lr: float = 1e-3,
    seed: int = 0,
) -> list[Round]:
    r"""Teach a network which of two graphs has the larger independent set, without being told.

    A round takes some graphs, runs the recursion
    (:func:`~graphpoly.data.recursive_independent_set`) on them with the network as it is, and keeps
    the graphs between which its first steps chose. Each gets as label the size of the largest of
    several sets that the network finds in it, and of all pairs that come of one root the network
    learns

    .. math::
        \ell = -t \log \sigma(s_1 - s_2) - (1 - t) \log \sigma(s_2 - s_1)

    with t = 1, 0 or 1/2 for ties. A bound on a graph's largest set, from a valid set, is never too
    high; as the comparisons become better, so do the labels.

    Args:
        net: Gives one number a graph, such as ``ComparatorNet(1, 32, 1, pool="mean")``; trained in
            place by Adam.
        graphs: What to learn on, each with ``edge_index`` and a number of nodes.
        rounds: How many.
        roots: Graphs of a round; they take turns in a random order.
        steps: Steps of the recursion whose graphs are kept, two each.
        roll_outs: Sets that are found in each kept graph.
        mixed: Let the label be the greedy set's size where that is larger, as in the paper's mixed
            roll-outs.
        epochs: Passes over all rounds that are held, a step of Adam for each.
        buffer: Rounds that are held.
        lr: Learning rate.
        seed: Seed of everything that is drawn.

    Returns:
        What became of each round.

    Raises:
        ValueError: If there are no graphs, a number is below 1, or the network gives other than
            one number a graph.

    References:
        Brusca, Quaedvlieg, Skoulakis, Chrysos, Cevher, Maximum Independent Set: Self-Training
        through Dynamic Programming, NeurIPS 2023, arXiv:2310.18672. What differs from the published
        code: a step of Adam reads all pairs of a round, where batches of pairs are drawn there from
        a buffer of single pairs; all pairs of the kept graphs are read, there the first 128.
    """
    check_sizes(rounds=rounds, roots=roots, steps=steps, roll_outs=roll_outs)
    check_sizes(epochs=epochs, buffer=buffer)
    check_size("number of graphs", len(graphs))
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    queue: list[int] = []
    held: list[_Pairs] = []
    log = []
    for _ in range(rounds):
        while len(queue) < roots:
            queue += torch.randperm(len(graphs), generator=generator, device="cpu").tolist()
        some, queue = [graphs[i] for i in queue[:roots]], queue[roots:]
        net.eval()
        value = comparator_value(net)
        met, size = _met(some, value, steps, generator)
        held = [*held[-(buffer - 1) :], met] if buffer > 1 else [met]
        held[-1] = met = _labelled(met, value, roll_outs, mixed, generator)
        net.train()
        loss = 0.0
        for _ in range(epochs):
            loss = _epoch(net, [each for each in held if each.target.numel()], optimizer)
        ties = float((met.target == 0.5).double().mean()) if met.target.numel() else 0.0
        log.append(Round(loss, size, ties))
    net.eval()
    return log


def _scores(
    net: nn.Module, edge_index: Tensor, batch: Tensor, num_graphs: int, like: Tensor
) -> Tensor:
    x = like.new_ones(batch.size(0), 1)
    out: Tensor = net(x, edge_index, batch=batch, batch_size=num_graphs)
    if out.shape != (num_graphs, 1):
        raise ValueError(f"net: gives shape {tuple(out.shape)}, expected [{num_graphs}, 1]")
    return out.squeeze(1)


def _met(
    roots: list[Data], value: GraphValue, steps: int, generator: torch.Generator
) -> tuple[_Pairs, float]:
    """Return the graphs of the first steps with the pairs of each root, and the mean set size."""
    with on_cpu():
        whole: Any = Batch.from_data_list(
            [Data(edge_index=g.edge_index, num_nodes=g.num_nodes) for g in roots]
        )
    kept: list[Tensor] = []

    def record(choices: Choices) -> None:
        if len(kept) < 2 * steps:
            kept.extend([choices.dropped, choices.taken])

    count, edges, batch = len(roots), whole.edge_index, whole.batch
    found = recursive_independent_set(
        edges, value, whole.num_nodes, batch=batch, generator=generator, record=record
    )
    size = float(found.sum()) / count
    if not kept:
        none = torch.empty(0, dtype=torch.long, device=edges.device)
        return _Pairs(edges[:, :0], none, 0, none.view(2, 0), none.float()), size
    edges, batch, num_graphs = subgraphs(edges, batch, kept, count)
    there = torch.bincount(batch, minlength=num_graphs).view(-1, count) > 0
    number = torch.arange(num_graphs, device=edges.device).view(-1, count)
    pairs = [torch.combinations(number[there[:, b], b]) for b in range(count)]
    joined = torch.cat(pairs).t().contiguous()
    target = torch.empty(joined.size(1), device=edges.device)
    return _Pairs(edges, batch, num_graphs, joined, target), size


def _labelled(
    met: _Pairs, value: GraphValue, roll_outs: int, mixed: bool, generator: torch.Generator
) -> _Pairs:
    edges, batch, num_graphs, pairs, _ = met
    if not pairs.numel():
        return met
    size = torch.zeros(num_graphs, dtype=torch.long, device=edges.device)
    if mixed:
        size = torch.bincount(
            batch[greedy_independent_set(edges, len(batch))], minlength=num_graphs
        )
    for _ in range(roll_outs):
        found = recursive_independent_set(
            edges, value, len(batch), batch=batch, generator=generator
        )
        size = torch.maximum(size, torch.bincount(batch[found], minlength=num_graphs))
    first, second = size[pairs]
    return met._replace(target=((first - second).sign() + 1).float() / 2)


def _epoch(net: nn.Module, held: list[_Pairs], optimizer: torch.optim.Optimizer) -> float:
    total, terms = 0.0, 0
    for edges, batch, num_graphs, pairs, target in held:
        optimizer.zero_grad()
        first, second = _scores(net, edges, batch, num_graphs, next(net.parameters()))[pairs]
        loss = F.binary_cross_entropy_with_logits(first - second, target.to(first))
        loss.backward()
        optimizer.step()
        total, terms = total + loss.item() * target.numel(), terms + target.numel()
    return total / max(terms, 1)
