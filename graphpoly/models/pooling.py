"""From node features to one row for each graph."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.nn import global_add_pool, global_max_pool, global_mean_pool

from graphpoly.errors import unknown
from graphpoly.ops.entry import check_batch

__all__ = ["POOLS", "check_pool", "pool_nodes"]

POOLS = {"add": global_add_pool, "max": global_max_pool, "mean": global_mean_pool}


def check_pool(pool: str | None) -> None:
    """Raise unless the name is one of :data:`POOLS` or None."""
    if pool is not None and pool not in POOLS:
        raise unknown("pool", pool, POOLS)


def pool_nodes(
    x: Tensor, pool: str | None, batch: Tensor | None, batch_size: int | None = None
) -> Tensor:
    """Return ``[B, F]``, or ``x`` itself where ``pool`` is None; graphs without nodes are 0.

    Args:
        x: ``[N, F]``.
        pool: ``"add"``, ``"max"``, ``"mean"`` or None.
        batch: Graph of each node, ``[N]``, or None for one graph.
        batch_size: Number of graphs, if known.

    Raises:
        TypeError: If ``batch`` is no index.
        ValueError: If ``batch`` has not N places, or a graph lies outside ``batch_size``.

    >>> import torch
    >>> pool_nodes(torch.tensor([[1.0], [3.0]]), "mean", None).tolist()
    [[2.0]]
    """
    if pool is None:
        return x
    check_batch(batch, x.size(0), batch_size)
    if batch is None and not x.size(0):  # PyG has no mean of nothing, and 0 for it in a batch
        pool = "add"
    graph = None if batch is None else batch.long()
    out: Tensor = POOLS[pool](x, graph, batch_size)
    return out
