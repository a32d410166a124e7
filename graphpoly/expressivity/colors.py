"""Colours of nodes and of whole graphs, checked exactly where that is asked for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.expressivity.exact import check_graphs, check_nodes
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops import color_refinement, mix64, stable_colors

__all__ = ["Coloring", "graph_names", "wl_colors"]


@dataclass(frozen=True)
class Coloring:
    """What colour refinement makes of some graphs.

    Attributes:
        node: Name of each node's colour, int64: ``[N]``, or ``[rounds + 1, N]`` where a number of
            rounds was given.
        graph: Name of each graph's multiset of colours: ``[G]`` or ``[rounds + 1, G]``.
        rounds: Number of rounds after which each node's part had settled, -1 for the worklist,
            ``[N]``; None where a number of rounds was given.
    """

    node: Tensor
    graph: Tensor
    rounds: Tensor | None


@on_cpu()
def wl_colors(
    graphs: Any,
    *,
    rounds: int | None = None,
    features: bool = True,
    edge_features: bool = True,
    direction: str = "in",
    verify: bool = False,
) -> Coloring:
    """Run colour refinement on one graph or on many at once.

    Args:
        graphs: See :meth:`GraphSet.of`. ``x`` and ``edge_attr`` are the labels.
        rounds: Number of rounds; by default until nothing changes.
        features: Start from ``x``, where the graphs have it.
        edge_features: Tell edges apart by ``edge_attr``, where the graphs have it.
        direction: ``"in"``: colours see sources of incoming edges, as messages do. ``"both"``: they
            see the targets of outgoing edges, too, and tell them from the others. Of an undirected
            graph both say the same.
        verify: Recompute the partition with sorted tuples instead of hashes and compare.

    Returns:
        Names that are comparable across graphs and runs. (Stable ones across undirected graphs or
        with ``"both"``; with ``"in"`` in directed graphs within this call only.)

    Raises:
        CollisionError: If ``verify`` finds two colours under one name.

    Complexity: see :func:`~graphpoly.ops.stable_colors`; with ``verify`` one sort of all entries
    for each round, or one in all for stable colours.

    References:
        Weisfeiler and Leman, 1968. Equations: :mod:`graphpoly.ops.color_refinement`.

    >>> from graphpoly.data import cycle_pairs
    >>> one, other = wl_colors(cycle_pairs((6,)), features=False).graph.tolist()
    >>> one == other
    True
    """
    if direction not in ("in", "both"):
        raise ValueError(f"direction: got {direction!r}; 'in' and 'both' are accepted")
    whole = GraphSet.of(graphs, features=features, edge_features=edge_features)
    if direction == "both":
        whole = _with_reverses(whole)
    labels: dict[str, Any] = {"node_label": whole.x, "edge_label": whole.edge_attr}
    if rounds is None:
        node, settled = stable_colors(whole.adj, **labels)
        pairs = [(node, node)]
    else:
        node, settled = color_refinement(whole.adj, rounds, **labels), None
        pairs = list(itertools.pairwise(node))
    graph = graph_names(node, whole.batch, whole.num_graphs)
    if verify:
        first = node if rounds is None else node[0]
        check_nodes(whole, pairs, first)
        for colors, names in zip(torch.atleast_2d(node), torch.atleast_2d(graph), strict=True):
            check_graphs(colors, names, whole.ptr)
    return Coloring(node, graph, settled)


@on_cpu()
def graph_names(node: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
    """Name the multiset of colours of each graph.

    Args:
        node: Names ``[..., N]``.
        batch: Graph of each node, ``[N]``.
        num_graphs: Number of graphs G.

    Returns:
        Names ``[..., G]``.
    """
    total = node.new_zeros(*node.shape[:-1], num_graphs)
    return mix64(total.index_add(-1, batch, mix64(node)))


def _with_reverses(whole: GraphSet) -> GraphSet:
    """Every edge in both directions; the label of an edge says which of them it was."""
    label = whole.edge_attr
    if label is None:
        label = torch.zeros(whole.edge_index.size(1), 0)
    label = label.unsqueeze(1) if label.dim() == 1 else label.flatten(1)
    marked = [torch.cat([label, label.new_full((label.size(0), 1), way)], 1) for way in (0, 1)]
    return replace(
        whole,
        edge_index=torch.cat([whole.edge_index, whole.edge_index.flip(0)], 1),
        edge_attr=torch.cat(marked),
    )
