"""What each training node's loss is made of, as a graph that a network can be given."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.privacy.sampling import Blocks, Readers

__all__ = ["Batch", "Examples", "apart", "keep_edges"]

_OF_EDGES = ("edge_weight", "edge_attr", "edge_type")


@dataclass(frozen=True)
class Batch:
    """Blocks as a network reads them.

    Attributes:
        data: ``x``, ``edge_index`` and what there is of ``edge_weight``, ``edge_attr`` and
            ``edge_type``.
        blocks: Which rows belong to whom.
        y: Label of each root.
    """

    data: Data
    blocks: Blocks
    y: Tensor


class Examples:
    """The blocks of training nodes.

    Args:
        data: ``x``, ``edge_index``, ``y``, and what there is about edges.
        num_hops: How far a prediction reads.
    """

    def __init__(self, data: Any, num_hops: int) -> None:
        self._data, self.num_hops = data, num_hops
        self._readers = Readers(data.edge_index, data.x.size(0))

    def __call__(self, nodes: Tensor) -> Batch:
        """Return the blocks of some nodes, in their order."""
        blocks = self._readers.blocks(nodes, self.num_hops)
        data = Data(x=self._data.x[blocks.node], edge_index=blocks.edge_index)
        for name in _OF_EDGES:
            value = getattr(self._data, name, None)
            if value is not None:
                data[name] = value[blocks.edge]
        return Batch(data, blocks, self._data.y[nodes])


def keep_edges(data: Any, places: Tensor) -> Any:
    """Return the graph with some of its edges alone; the original stays as it is."""
    kept = copy.copy(data)
    kept.edge_index = data.edge_index[:, places]
    for name in _OF_EDGES:
        value = getattr(data, name, None)
        if value is not None:
            setattr(kept, name, value[places])
    return kept


def apart(edge_index: Tensor, among: Tensor, kept: Tensor) -> Tensor:
    """Return the places of the edges that training kept, and of those outside of its nodes.

    No edge joins a training node with another: what is predicted for the others reads nothing of
    those whose privacy is kept.
    """
    source, target = edge_index
    outside = (~among[source] & ~among[target]).nonzero().view(-1)
    return torch.cat([kept, outside]).sort().values
