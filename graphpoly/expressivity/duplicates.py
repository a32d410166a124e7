"""Graphs that occur more than once in a dataset: conflicting labels, and leaks between splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.expressivity.colors import wl_colors
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.isomorphism import isomorphic
from graphpoly.expressivity.tuples import tuple_colors
from graphpoly.ops import mix64

__all__ = ["Duplicates", "find_duplicates"]


@dataclass(frozen=True)
class Duplicates:
    """Groups of graphs that a test finds equal.

    Attributes:
        test: ``"isomorphism"``, ``"2-FWL"`` or ``"1-WL"``.
        num_graphs: Number of graphs of the dataset.
        groups: Indices of the graphs of each group of two or more, the largest group first.
        conflicts: Positions in ``groups`` of those whose graphs have different targets, missing
            ones (NaN) aside; None without targets.
        leaks: For each split but the first, how many of its graphs are equal to one of the first.
        across: Positions in ``groups`` of those that reach into more than one split.
    """

    test: str
    num_graphs: int
    groups: list[list[int]]
    conflicts: list[int] | None
    leaks: dict[str, int]
    across: list[int]

    @property
    def redundant(self) -> int:
        """How many graphs would go if each were kept once."""
        return sum(len(group) - 1 for group in self.groups)


@on_cpu()
def find_duplicates(
    graphs: Any,
    *,
    test: str = "isomorphism",
    splits: Mapping[str, Tensor] | None = None,
    features: bool = True,
    edge_features: bool = True,
) -> Duplicates:
    """Find graphs that are equal, or that a test takes for equal.

    Args:
        graphs: See :meth:`GraphSet.of`.
        test: ``"1-WL"``; ``"2-FWL"``, for graphs of up to some hundred nodes; ``"isomorphism"``, by
            search among the graphs that 1-WL finds equal.
        splits: Indices of the graphs of each split, the training split first.
        features: Whether labels of nodes must be equal.
        edge_features: Whether labels of edges must be.

    Complexity: that of the test, for the graphs that share a colour; the search is exponential in
    the worst case and quick for molecules.

    >>> import torch
    >>> from graphpoly.data import cycle_pairs
    >>> twice = [*cycle_pairs((6,)), *cycle_pairs((6,))]
    >>> find_duplicates(twice, splits={"train": torch.arange(2), "test": torch.arange(2, 4)}).leaks
    {'test': 2}
    """
    if test not in ("1-WL", "2-FWL", "isomorphism"):
        raise ValueError(f"test: got {test!r}; '1-WL', '2-FWL' and 'isomorphism' are accepted")
    shown = GraphSet.of(graphs, features=features, edge_features=edge_features)
    colors = wl_colors(shown).graph
    if test == "2-FWL":
        colors = mix64(colors + tuple_colors(shown, 2).graph)
    groups = _equal(colors)
    if test == "isomorphism":
        groups = [part for group in groups for part in _isomorphic_parts(shown, group)]
    groups.sort(key=lambda group: (-len(group), group))
    return Duplicates(
        test=test,
        num_graphs=shown.num_graphs,
        groups=groups,
        conflicts=_conflicts(groups, shown),
        leaks=_leaks(groups, splits or {}),
        across=_across(groups, splits or {}),
    )


def _equal(colors: Tensor) -> list[list[int]]:
    held: dict[int, list[int]] = {}
    for number, color in enumerate(colors.tolist()):
        held.setdefault(color, []).append(number)
    return [group for group in held.values() if len(group) > 1]


def _isomorphic_parts(shown: GraphSet, group: list[int]) -> list[list[int]]:
    parts: list[list[int]] = []
    made = {g: shown.graph(g) for g in group}
    for g in group:
        for part in parts:
            if isomorphic(made[part[0]], made[g]):
                part.append(g)
                break
        else:
            parts.append([g])
    return [part for part in parts if len(part) > 1]


def _conflicts(groups: list[list[int]], whole: GraphSet) -> list[int] | None:
    if whole.y is None or whole.y.size(0) != whole.num_graphs:
        return None
    rows = whole.y.reshape(whole.num_graphs, -1)
    return [number for number, group in enumerate(groups) if _differ(rows[group])]


def _differ(rows: Tensor) -> bool:
    """Whether two rows differ where both have a value: NaN is none."""
    known = ~rows.isnan()
    first = rows.gather(0, known.int().argmax(0, keepdim=True))
    return bool(((rows != first) & known).any())


def _leaks(groups: list[list[int]], splits: Mapping[str, Tensor]) -> dict[str, int]:
    names = list(splits)
    if not names:
        return {}
    first = set(splits[names[0]].tolist())
    found = {g for group in groups if first.intersection(group) for g in group}
    return {name: sum(g in found for g in splits[name].tolist()) for name in names[1:]}


def _across(groups: list[list[int]], splits: Mapping[str, Tensor]) -> list[int]:
    members = {name: set(index.tolist()) for name, index in splits.items()}
    return [
        number
        for number, group in enumerate(groups)
        if sum(bool(held.intersection(group)) for held in members.values()) > 1
    ]
