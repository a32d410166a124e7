"""The edge mask of PyG's explainers, for layers that act through an operator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphpoly.ops import CSR

__all__ = ["edge_mask", "masked"]


def edge_mask(conv: MessagePassing) -> Tensor | None:
    """Return what each edge counts, ``[E]``, where an explainer asks.

    Raises:
        ValueError: If it asks for the messages, of which such a layer sends none.
    """
    if not conv.explain:
        return None
    mask = conv._edge_mask
    if mask is None:
        raise ValueError(
            f"{type(conv).__name__}: got an explainer that reads the message of each edge; "
            "accepted are those that weigh edges by a mask, such as GNNExplainer"
        )
    return mask.sigmoid() if conv._apply_sigmoid else mask


def masked(conv: MessagePassing, adj: CSR) -> CSR:
    """Weigh each edge by the mask that an explainer has set on the layer; else return ``adj``.

    Entries behind the edges are self-loops that the layer has added, and keep their weights.
    """
    mask = edge_mask(conv)
    if mask is None:
        return adj
    mask = torch.cat([mask, mask.new_ones(adj.num_entries - mask.size(0))])
    mask = mask if adj.perm is None else mask[adj.perm]
    return adj.with_weight(mask if adj.weight is None else adj.weight * mask)
