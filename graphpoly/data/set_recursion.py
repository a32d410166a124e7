"""An independent set by drop or take, node after node, each time what leaves the better graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.data.independent_sets import checked_edges

__all__ = ["Choices", "GraphValue", "recursive_independent_set", "subgraphs"]

GraphValue = Callable[[Tensor, Tensor, int], Tensor]


class Choices(NamedTuple):
    """One step of the recursion on several graphs.

    Attributes:
        graph: The graphs that had edges left, ``[G]``.
        dropped: Nodes that are left where the drawn node is dropped, ``[N]`` of bool; nodes of
            other graphs are not among them.
        taken: Nodes that are left where its neighbours are, ``[N]``.
    """

    graph: Tensor
    dropped: Tensor
    taken: Tensor


def recursive_independent_set(
    edge_index: Tensor,
    value: GraphValue,
    num_nodes: int | None = None,
    *,
    batch: Tensor | None = None,
    generator: torch.Generator | None = None,
    record: Callable[[Choices], None] | None = None,
) -> Tensor:
    r"""Return a set of nodes no two of which are joined, chosen by comparisons of graphs.

    .. math::
        \alpha(G) = \max\big(\alpha(G - v),\; \alpha(G - N(v))\big)

    While a graph has an edge, a node v that is joined with another is drawn. Of the graph without
    it, and the graph without its neighbours, in which it stands alone, the one of the higher value
    is gone on with; the nodes of a graph without edges are the set. With a value that orders graphs
    as the size :math:`\alpha` of their largest sets does, the set is a largest one, whatever is
    drawn; with any value it is independent. It need not be one to which no node can be added.

    The graphs of a batch take their steps together, and a step asks for all values at once.

    Args:
        edge_index: ``[2, E]``; directions, repetitions and loops are not looked at.
        value: ``value(edge_index, batch, num_graphs) -> [num_graphs]``, where each edge goes both
            ways, once. Of equal values the graph without v is taken.
        num_nodes: Number of nodes n; default one more than the largest index.
        batch: Graph of each node, ``[n]``, in any order; default one graph.
        generator: Of the nodes; default torch's own.
        record: Called with the :class:`Choices` of each step, before they are made.

    Returns:
        ``[n]``, true in the set.

    Raises:
        TypeError: If ``edge_index`` is no tensor of whole numbers.
        ValueError: If a shape or an index does not fit, an edge joins two graphs, or a value
            is NaN.

    Notes:
        At most n - 1 steps for a graph of n nodes, each of O(n + E) for the whole batch and the
        values of two graphs for each.

    References:
        Brusca, Quaedvlieg, Skoulakis, Chrysos, Cevher, Maximum Independent Set: Self-Training
        through Dynamic Programming, NeurIPS 2023, arXiv:2310.18672.

    Example:
        >>> star = torch.tensor([[0, 0, 0], [1, 2, 3]])
        >>> def sparse(edge_index, batch, num_graphs):
        ...     return -torch.bincount(batch[edge_index[0]], minlength=num_graphs)
        >>> int(recursive_independent_set(star, sparse).sum())
        3
    """
    if num_nodes is None:
        num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    edges = _both_ways(checked_edges(edge_index, num_nodes), num_nodes)
    if batch is None:
        batch = torch.zeros(num_nodes, dtype=torch.long, device=edge_index.device)
    if batch.shape != (num_nodes,):
        raise ValueError(f"batch: got shape {tuple(batch.shape)}, expected [{num_nodes}]")
    num_graphs = int(batch.max()) + 1 if num_nodes else 0
    if not torch.equal(batch[edges[0]], batch[edges[1]]):
        raise ValueError("edge_index: an edge joins nodes of different graphs of the batch")
    left = torch.ones(num_nodes, dtype=torch.bool, device=edges.device)
    for choices in _steps(edges, batch, num_graphs, left, generator):
        if record is not None:
            record(choices)
        values = value(*subgraphs(edges, batch, [choices.dropped, choices.taken], num_graphs))
        if values.shape != (2 * num_graphs,):
            got = tuple(values.shape)
            raise ValueError(f"value: got shape {got}, expected [{2 * num_graphs}]")
        if bool(values.isnan().any()):
            raise ValueError("value: got NaN")
        without, within = values.view(2, num_graphs)
        take = (within > without)[batch]
        here = torch.zeros(num_graphs, dtype=torch.bool, device=left.device)
        here = here.index_fill(0, choices.graph, True)[batch]
        left &= torch.where(take, choices.taken, choices.dropped) | ~here
    return left


def subgraphs(
    edge_index: Tensor, batch: Tensor, masks: list[Tensor], num_graphs: int
) -> tuple[Tensor, Tensor, int]:
    """Return the subgraphs on several sets of nodes as one batch, those of the first set first.

    Args:
        edge_index: ``[2, E]``.
        batch: Graph of each node, ``[n]``.
        masks: Sets of nodes, ``[n]`` each.
        num_graphs: Number B of graphs; graph b of set k becomes graph k B + b.

    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> masks = [torch.tensor([True, True, False]), torch.tensor([False, True, True])]
    >>> edges, batch, count = subgraphs(path, torch.zeros(3, dtype=torch.long), masks, 1)
    >>> edges.tolist(), batch.tolist(), count
    ([[0, 1, 2, 3], [1, 0, 3, 2]], [0, 0, 1, 1], 2)
    """
    mask = torch.stack(masks)
    place = (mask.flatten().cumsum(0) - 1).view(mask.shape)
    kept, edge = (mask[:, edge_index[0]] & mask[:, edge_index[1]]).nonzero(as_tuple=True)
    ends = torch.stack([place[kept, edge_index[0, edge]], place[kept, edge_index[1, edge]]])
    number, node = mask.nonzero(as_tuple=True)
    return ends, number * num_graphs + batch[node], len(masks) * num_graphs


def _both_ways(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Return each edge in both directions, once, without loops."""
    ends = edge_index[:, edge_index[0] != edge_index[1]]
    ends = torch.cat([ends, ends.flip(0)], 1)
    key = (ends[0] * num_nodes + ends[1]).unique()
    return torch.stack([key // max(num_nodes, 1), key % max(num_nodes, 1)])


def _steps(
    edges: Tensor,
    batch: Tensor,
    num_graphs: int,
    left: Tensor,
    generator: torch.Generator | None,
) -> Iterator[Choices]:
    """Draw a node of each graph that has edges; ``left`` is changed by who takes the step."""
    while True:
        there = left[edges[0]] & left[edges[1]]
        joined = torch.zeros_like(left).index_fill(0, edges[0, there], True)
        count = torch.bincount(batch[joined], minlength=num_graphs)
        graph = count.nonzero().view(-1)
        if not graph.numel():
            return
        # nodes in a random order, then by graph: the first of each graph is drawn
        node = joined.nonzero().view(-1)
        drawn = torch.rand(node.size(0), generator=generator, device="cpu").to(node.device)
        node = node[drawn.argsort()]
        node = node[batch[node].argsort(stable=True)][(count.cumsum(0) - count)[graph]]
        chosen = torch.zeros_like(left).index_fill(0, node, True)
        near = torch.zeros_like(left).index_fill(0, edges[1, chosen[edges[0]]], True)
        alive = left & (count > 0)[batch]
        yield Choices(graph, alive & ~chosen, alive & ~near)
