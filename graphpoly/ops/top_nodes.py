"""The first nodes of each graph in a given order, and the edges among them."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.library import implement

__all__ = ["top_nodes_reference"]


def top_nodes_reference(
    order: Tensor, batch: Tensor, edge_index: Tensor, ratio: float, wide: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::top_nodes`` in plain PyTorch.

    Args:
        order: ``[N]``, int64, each node once.
        batch: ``[N]``, int64, the graph of each node, ascending.
        edge_index: ``[2, E]``, int64.
        ratio: Of n nodes, the first ``ceil(ratio * n)`` are kept; from 1 on, as many as the whole
            number below.
        wide: Whether that is computed in float64 rather than float32.

    Returns:
        The nodes kept ``[M]``, graph by graph and in the order given; the edges between them, in
        their own order and by the places of their ends in the first; and the place of each in
        ``edge_index``.
    """
    if not ratio >= 0:
        raise RuntimeError(f"top_nodes: ratio: got {ratio}, expected 0 or more")
    if not (batch.diff() >= 0).all():
        raise RuntimeError("top_nodes: batch: expected ascending ones")
    nodes = len(order)
    if nodes != len(batch):
        raise RuntimeError("top_nodes: batch: expected shape [N]")
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < nodes:
        raise RuntimeError("top_nodes: edge_index: an index is out of range")
    if nodes and not 0 <= int(order.min()) <= int(order.max()) < nodes:
        raise RuntimeError("top_nodes: order: an index is out of range")
    if len(order.unique()) < nodes:
        raise RuntimeError("top_nodes: order: expected each node once")
    order = order[batch[order].sort(stable=True).indices]
    _, graph, size = batch.unique_consecutive(return_inverse=True, return_counts=True)
    if ratio < 1:
        kind = torch.float64 if wide else torch.float32
        share = (size.new_tensor(ratio, dtype=kind) * size.to(kind)).ceil().long()
    else:
        share = size.clamp(max=int(ratio))
    rank = torch.arange(nodes, device=order.device) - (size.cumsum(0) - size)[graph]
    perm = order[rank < share[graph]]
    number = torch.full_like(batch, -1)
    number[perm] = torch.arange(len(perm), device=order.device)
    ends = number[edge_index]
    kept = (ends >= 0).all(dim=0).nonzero().view(-1)
    return perm, ends[:, kept], kept


def _fake(
    order: Tensor, batch: Tensor, edge_index: Tensor, ratio: float, wide: bool
) -> tuple[Tensor, Tensor, Tensor]:
    context = torch.library.get_ctx()
    nodes, edges = context.new_dynamic_size(), context.new_dynamic_size()
    return batch.new_empty(nodes), edge_index.new_empty(2, edges), edge_index.new_empty(edges)


implement("top_nodes", reference=top_nodes_reference, fake=_fake)
