"""Which nodes belong to which graph of a batch: counts, places, and a bound where none is known."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.entry import check_batch, check_held, check_unmapped

__all__ = ["count_graphs", "largest", "nodes_of_each", "places"]


def count_graphs(batch: Tensor | None, batch_size: int | None, num_nodes: int) -> int:
    """Return the number of graphs, or a bound of it where reading it would break a compiled graph.

    Args:
        batch: Graph of each node, ``[N]``, or None for one graph.
        batch_size: Number of graphs, if known.
        num_nodes: N, the bound.

    Raises:
        TypeError: If ``batch`` is no index.
        ValueError: If ``batch`` has not N places, or a graph lies outside ``batch_size``.
    """
    check_batch(batch, num_nodes, batch_size)
    if batch is None:
        return 1
    if batch_size is not None:
        return batch_size
    if torch.compiler.is_compiling() or not batch.numel():
        return num_nodes
    check_held("batch", batch)
    check_unmapped("batch", batch)
    return int(batch.max()) + 1


def nodes_of_each(batch: Tensor, num_graphs: int) -> Tensor:
    """Return the number of nodes of each graph, ``[B]``."""
    return batch.new_zeros(num_graphs).index_add(0, batch, torch.ones_like(batch))


def places(batch: Tensor, num_graphs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Number the nodes of each graph, whatever the order of ``batch``.

    Returns:
        The place of each node within its graph ``[N]``, the nodes graph by graph ``[N]``, and
        where each graph starts in that list ``[B]``.

    >>> place, order, start = places(torch.tensor([1, 0, 1]), 2)
    >>> place.tolist(), order.tolist(), start.tolist()
    ([0, 0, 1], [1, 0, 2], [0, 1])
    """
    order = torch.argsort(batch, stable=True)
    count = nodes_of_each(batch, num_graphs)
    start = count.cumsum(0) - count
    sorted_place = torch.arange(batch.size(0), device=batch.device) - start[batch[order]]
    return torch.empty_like(order).index_copy(0, order, sorted_place), order, start


def largest(batch: Tensor | None, num_graphs: int, num_nodes: int) -> int:
    """Return the number of nodes of the largest graph; a bound of it under ``torch.compile``."""
    if batch is None or torch.compiler.is_compiling() or not batch.numel():
        return num_nodes
    check_held("batch", batch)
    return int(nodes_of_each(batch, num_graphs).max())
