r"""How much of a dataset a test identifies, and how accurate anything it bounds can be.

A classifier that sees nothing but colours gives one answer to all items of one colour. Its accuracy
is at most

.. math::
    \frac{1}{N} \sum_{c} \max_y |\{i : c_i = c,\ y_i = y\}|

and the :math:`R^2` of a regression at most that of the mean of each colour. Both are bounds on what
can be *fitted*, for everything whose messages the test simulates; they say nothing of generalising.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphpoly.data import are_classes
from graphpoly.expressivity.colors import graph_names, wl_colors
from graphpoly.expressivity.exact import dense_ids
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.tuples import tuple_colors
from graphpoly.ops import color_rounds, mix64

__all__ = ["Level", "accuracy_bound", "identify", "r2_bound", "unique_share", "verdict"]

_LARGEST = 400  # nodes of a graph that pairs of nodes are refined for
_MOST_STEPS = 2_000_000_000  # n^3, over all graphs that are left


@dataclass(frozen=True)
class Level:
    """What one test says of a dataset.

    Attributes:
        test: ``"1-WL"`` or ``"2-FWL"``.
        features: Whether it sees labels.
        rounds: Number of rounds, or None for the stable colours.
        graph_classes: Number of colours of graphs.
        graph_unique: Share of graphs with a colour of their own.
        node_classes: Number of colours of nodes, through all graphs; None for 2-FWL.
        node_unique: Share of nodes with a colour of their own; None for 2-FWL.
        accuracy_bound: Largest accuracy on graphs (nodes, where there is one graph) whose label is
            known, or None without classes.
        r2_bound: Largest :math:`R^2`, or None without a numerical target.
    """

    test: str
    features: bool
    rounds: int | None
    graph_classes: int
    graph_unique: float
    node_classes: int | None
    node_unique: float | None
    accuracy_bound: float | None
    r2_bound: float | None


def identify(
    graphs: Any,
    *,
    features: Sequence[bool] = (False, True),
    rounds: int = 8,
    pairs: bool = True,
) -> list[Level]:
    """Measure each level of the ladder: 0, 1, ... rounds of 1-WL, its stable colours, 2-FWL.

    Args:
        graphs: See :meth:`GraphSet.of`; ``y`` has one target a graph, or one a node where there is
            one graph: integers are classes, floating-point numbers are numbers, as for training.
            NaN, and a class of a node that is below 0, is a target that is not known.
        features: With and without labels of nodes and edges.
        rounds: Most rounds of 1-WL that get a level of their own; no level after the first that
            refines nothing.
        pairs: Whether to run 2-FWL on graphs that 1-WL leaves together, if none is large.

    Returns:
        Levels, the weakest first.

    Complexity: that of the tests; 2-FWL is run only for graphs that share their stable colours.

    >>> from graphpoly.data import cycle_pairs
    >>> levels = identify(cycle_pairs(), features=(False,))
    >>> [(level.test, level.graph_classes, level.accuracy_bound) for level in levels]
    [('1-WL', 8, 0.5), ('1-WL', 8, 0.5), ('2-FWL', 16, 1.0)]
    """
    whole = GraphSet.of(graphs, features=any(features), edge_features=any(features))
    found = []
    for seen in features:
        if seen and whole.x is None and whole.edge_attr is None:
            continue
        shown = whole.strip(features=seen, edge_features=seen)
        found += _rounds(shown, seen, rounds)
        stable = wl_colors(shown)
        found.append(_level(shown, "1-WL", seen, None, stable.graph, stable.node))
        if pairs and whole.num_graphs > 1:
            colors = _pairs(shown, stable.graph)
            if colors is not None:
                found.append(_level(shown, "2-FWL", seen, None, colors, None))
    return found


def verdict(levels: Sequence[Level]) -> str:
    """Say whether a model beyond 1-WL could fit the data better, and by how much at most.

    Args:
        levels: What :func:`identify` found. Those that see labels count, where there are any.

    >>> from graphpoly.data import cycle_pairs
    >>> verdict(identify(cycle_pairs(), features=(False,)))
    'A model beyond 1-WL can raise the accuracy on this data by at most 50.00 points: 1-WL...'
    """
    seen = any(level.features for level in levels)
    mine = [level for level in levels if level.features == seen]
    first = next(level for level in mine if level.test == "1-WL" and level.rounds is None)
    second = next((level for level in mine if level.test == "2-FWL"), None)
    if first.accuracy_bound is None and first.r2_bound is None:
        return (
            "Whether a more expressive model would help cannot be said: no target was found of "
            "which there is one for each graph, or one for each node of a single graph."
        )
    what, bound = "accuracy", first.accuracy_bound
    higher = None if second is None else second.accuracy_bound
    if bound is None:
        what, bound = "R^2", first.r2_bound
        higher = None if second is None else second.r2_bound
    assert bound is not None
    if bound == 1:
        return (
            "A model beyond 1-WL cannot fit this data better: 1-WL already tells apart whatever "
            f"has different targets (largest {what} 100.00 %). How models generalise, and whether "
            "they reach that bound, is not said by it."
        )
    text = (
        f"A model beyond 1-WL can raise the {what} on this data by at most {100 * (1 - bound):.2f} "
        f"points: 1-WL allows {100 * bound:.2f} %"
    )
    if higher is not None:
        text += (
            f", 2-FWL {100 * higher:.2f} %, so that models bounded by 2-FWL gain "
            f"{100 * (higher - bound):.2f} points at most"
        )
    return text + ". How models generalise, and whether they reach these bounds, is not said."


def _rounds(shown: GraphSet, seen: bool, rounds: int) -> list[Level]:
    """Round by round, until one splits no colour of any node."""
    found: list[Level] = []
    colors = color_rounds(shown.adj, node_label=shown.x, edge_label=shown.edge_attr)
    for number, (node, _) in zip(range(rounds + 1), colors, strict=False):
        graph = graph_names(node, shown.batch, shown.num_graphs)
        level = _level(shown, "1-WL", seen, number, graph, node)
        if found and level.node_classes == found[-1].node_classes:
            break
        found.append(level)
    return found


def _pairs(shown: GraphSet, stable: Tensor) -> Tensor | None:
    """Colours of 2-FWL, which refine the stable ones: who is alone there needs no further look."""
    left = (_counts(stable) > 1).nonzero().flatten()
    sizes = shown.sizes[left].double()
    if left.numel() and (float(sizes.max()) > _LARGEST or float((sizes**3).sum()) > _MOST_STEPS):
        return None
    colors = stable.clone()
    if left.numel():
        colors[left] = mix64(stable[left] + mix64(tuple_colors(shown.select(left), 2).graph))
    return colors


def _level(
    shown: GraphSet, test: str, seen: bool, rounds: int | None, graph: Tensor, node: Tensor | None
) -> Level:
    target, accuracy, r2 = shown.y, None, None
    if target is not None and target.dim() == 2 and target.size(1) == 1:
        target = target[:, 0]
    colors = node if shown.num_graphs == 1 else graph
    if target is not None and colors is not None and target.shape == colors.shape:
        known = ~target.isnan()  # those of whole numbers all are
        if shown.num_graphs == 1 and not target.is_floating_point():
            known = target >= 0  # the classes of nodes, as divisions of a dataset read them
        some = bool(known.any()) or not known.numel()
        colors, target = colors[known], target[known]
        if some and are_classes(target):
            accuracy = accuracy_bound(colors, target)
        elif some:
            r2 = r2_bound(colors, target)
    graph_classes, graph_unique = _classes(graph)
    node_classes, node_unique = (None, None) if node is None else _classes(node)
    return Level(
        test=test,
        features=seen,
        rounds=rounds,
        graph_classes=graph_classes,
        graph_unique=graph_unique,
        node_classes=node_classes,
        node_unique=node_unique,
        accuracy_bound=accuracy,
        r2_bound=r2,
    )


def _counts(colors: Tensor) -> Tensor:
    """How many items have each item's colour."""
    ids = dense_ids(colors)
    return torch.bincount(ids)[ids] if ids.numel() else ids


def unique_share(colors: Tensor) -> float:
    """Return the share of items whose colour nobody else has.

    >>> unique_share(torch.tensor([7, 7, 3, 5]))
    0.5
    """
    return _classes(colors)[1]


def _classes(colors: Tensor) -> tuple[int, float]:
    """Number of colours, and the share of items alone in theirs."""
    _, count = np.unique(colors.numpy(), return_counts=True)
    return len(count), int((count == 1).sum()) / max(1, colors.numel()) if len(count) else 1.0


def accuracy_bound(colors: Tensor, target: Tensor) -> float:
    """Return the largest accuracy of a function of the colour.

    Args:
        colors: ``[N]``.
        target: Classes ``[N]``.

    >>> accuracy_bound(torch.tensor([7, 7, 7, 5]), torch.tensor([1, 1, 0, 2]))
    0.75
    """
    ids, classes = dense_ids(colors), dense_ids(target)
    if not ids.numel():
        return 1.0
    width = int(classes.max()) + 1
    keys, count = (ids * width + classes).unique(return_counts=True)
    best = torch.zeros(int(ids.max()) + 1, dtype=count.dtype, device=count.device)
    return int(best.scatter_reduce(0, keys // width, count, "amax").sum()) / ids.numel()


def r2_bound(colors: Tensor, target: Tensor) -> float:
    """Return the largest coefficient of determination of a function of the colour.

    Args:
        colors: ``[N]``.
        target: Numbers ``[N]``.

    >>> r2_bound(torch.tensor([7, 7, 5, 5]), torch.tensor([0.0, 1.0, 5.0, 5.0]))
    0.97...
    """
    ids, target = dense_ids(colors), target.double()
    total = _left(torch.zeros_like(ids), target)
    return max(0.0, 1 - _left(ids, target) / total) if total else 1.0


def _left(ids: Tensor, target: Tensor) -> float:
    """Sum of the squares of what the mean of each colour leaves: 0 where its targets are equal."""
    count = torch.bincount(ids).double()
    some = torch.zeros_like(count)
    some[ids] = target
    away = target - some[ids]
    mean = torch.zeros_like(count).index_add(0, ids, away) / count
    return float((away - mean[ids]).square().sum())
