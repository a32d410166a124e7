"""The edge mask of PyG's explainers, for layers that act through an operator."""

from __future__ import annotations

import torch
from torch_geometric.nn import MessagePassing

from graphpoly.ops import CSR

__all__ = ["masked"]


def masked(conv: MessagePassing, adj: CSR) -> CSR:
    """Weigh each edge by the mask that an explainer has set on the layer; else return ``adj``.

    Entries behind the edges are self-loops that the layer has added, and keep their weights.
    """
    mask = conv._edge_mask
    if not conv.explain or mask is None:
        return adj
    if conv._apply_sigmoid:
        mask = mask.sigmoid()
    mask = torch.cat([mask, mask.new_ones(adj.num_entries - mask.size(0))])
    mask = mask if adj.perm is None else mask[adj.perm]
    return adj.with_weight(mask if adj.weight is None else adj.weight * mask)
