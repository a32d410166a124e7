"""Paths with a common beginning, told once: a forest whose branches are paths.

Whatever reads paths from the far end on (an LSTM, say) reaches the same state after the same
beginning. A :class:`PathTrie` lists the distinct beginnings, level by level, so that each is read
once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.enumerate_paths import Paths

__all__ = ["PathTrie", "path_trie"]


class PathTrie(NamedTuple):
    """The distinct beginnings of the paths of length k.

    Attributes:
        node: The last node of each beginning of t + 1 nodes, ``[M_t]``, for t = 0, ..., k; the last
            level is the paths themselves.
        parent: Which beginning of t nodes it continues, ``[M_t]``, for t = 1, ..., k.
        distance: Distance of that node from the end of the path, ``[M_t]``; None where paths carry
            no distances.
    """

    node: tuple[Tensor, ...]
    parent: tuple[Tensor, ...]
    distance: tuple[Tensor, ...] | None

    @property
    def length(self) -> int:
        """Number of edges k."""
        return len(self.parent)

    @property
    def num_paths(self) -> int:
        """Number of paths P."""
        return self.node[-1].size(0)


def path_trie(paths: Paths, *, share: bool = True) -> PathTrie:
    """Find the distinct beginnings of paths.

    Only neighbouring columns are compared. In the order in which
    :func:`~graphpoly.ops.enumerate_paths` lists them, and in a batch of graphs with such an order,
    every beginning is then found once; in any other order some are listed more than once.

    Args:
        paths: Paths of one length.
        share: Whether to look at all; otherwise each path keeps its own beginnings, and the shapes
            do not depend on the data.

    Complexity: O(k P) time and memory.

    >>> import torch
    >>> trie = path_trie(Paths(torch.tensor([[0, 0, 1], [1, 1, 2], [2, 3, 0]])))
    >>> [level.tolist() for level in trie.node], [level.tolist() for level in trie.parent]
    ([[0, 1], [1, 2], [2, 3, 0]], [[0, 1], [0, 0, 1]])
    """
    node, distance = paths.node, paths.distance
    last = node.size(0) - 1
    if not share or node.size(1) == 0:
        same = torch.arange(node.size(1), device=node.device)
        away = None if distance is None else distance.unbind(0)
        return PathTrie(node.unbind(0), (same,) * last, away)
    fresh = torch.ones_like(node, dtype=torch.bool)
    fresh[:, 1:] = node[:, 1:] != node[:, :-1]
    if distance is not None:
        fresh[:, 1:] |= distance[:, 1:] != distance[:, :-1]
    nodes, parents, away_levels = [], [], []
    differs = fresh[0].clone()
    before: Tensor | None = None  # which beginning of the level above each path has
    for t in range(last + 1):
        if t > 0:
            differs = differs | fresh[t]
        # a path that is listed twice counts twice
        first = None if t == last else differs.nonzero().squeeze(1)
        nodes.append(node[t] if first is None else node[t].index_select(0, first))
        if distance is not None:
            away_levels.append(distance[t] if first is None else distance[t].index_select(0, first))
        if before is not None:
            parents.append(before if first is None else before.index_select(0, first))
        before = differs.cumsum(0) - 1
    away = None if distance is None else tuple(away_levels)
    return PathTrie(tuple(nodes), tuple(parents), away)
