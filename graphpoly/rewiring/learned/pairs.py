"""Pairs of nodes within the graphs of a batch, as rows that are padded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphpoly.ops.entry import as_array
from graphpoly.rewiring.structure import Graphs

__all__ = ["PaddedPairs", "candidate_pairs", "existing_pairs", "pad_pairs"]


class PaddedPairs(NamedTuple):
    """A row of pairs for each graph.

    Attributes:
        pairs: ``[2, P]``, the smaller node first.
        place: Where each pair stands in the rows, ``[P]``, an index into ``[G * width]``.
        mask: Where there is a pair, ``[G, width]``.
    """

    pairs: Tensor
    place: Tensor
    mask: Tensor

    def rows(self, value: Tensor) -> Tensor:
        """Spread a value of each pair into the rows, 0 elsewhere."""
        flat = value.new_zeros(self.mask.numel()).index_put((self.place,), value)
        return flat.view(self.mask.shape)

    def flat(self, rows: Tensor) -> Tensor:
        """Collect the value of each pair from the rows."""
        return rows.reshape(-1)[self.place]


def pad_pairs(pairs: Tensor, batch: Tensor, num_graphs: int) -> PaddedPairs:
    """Arrange pairs in a row for each graph.

    Args:
        pairs: ``[2, P]``, each within one graph.
        batch: Graph of each node, ``[N]``.
        num_graphs: Number of graphs.
    """
    owner = batch[pairs[0]]
    order = torch.argsort(owner, stable=True)
    pairs, owner = pairs[:, order], owner[order]
    count = torch.bincount(owner, minlength=num_graphs)
    width = int(count.max()) if count.numel() else 0
    start = count.cumsum(0) - count
    place = owner * width + torch.arange(owner.numel(), device=owner.device) - start[owner]
    mask = torch.zeros(num_graphs * width, dtype=torch.bool, device=owner.device)
    mask[place] = True
    return PaddedPairs(pairs, place, mask.view(num_graphs, width))


def existing_pairs(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Return each undirected edge once, ``[2, M]``, and which of them each given edge is, ``[E]``.

    Loops are no pair and belong to none: -1.
    """
    low, high = edge_index.long().aminmax(dim=0)
    key = low * num_nodes + high
    proper = low != high
    every, inverse = torch.unique(key[proper], return_inverse=True)
    which = torch.full_like(key, -1)
    which[proper] = inverse
    size = max(num_nodes, 1)
    return torch.stack([every // size, every % size]), which


def candidate_pairs(
    edge_index: Tensor, num_nodes: int, ptr: Tensor, most: int | None = None
) -> Tensor:
    """Return pairs that are not joined, ``[2, P]``.

    Args:
        edge_index: Graphs, ``[2, E]``; directions do not matter.
        num_nodes: N.
        ptr: Where the nodes of each graph begin, ``[G+1]``.
        most: Keep so many of each graph, those farthest apart; pairs in different parts are
            farther than any, and of equally far ones the smaller nodes come first.

    Complexity: O(n E) for each graph, a breadth-first search from every node.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import shortest_path

    graphs = Graphs.of(torch.cat([edge_index, edge_index.flip(0)], 1), num_nodes, ptr)
    found = [torch.empty(2, 0, dtype=torch.int64, device="cpu")]
    for g in range(graphs.num_graphs):
        one = graphs.single(g)
        n = one.num_nodes
        low, high = torch.triu_indices(n, n, 1, device="cpu")
        if not low.numel():
            continue
        entries = np.ones(one.col.numel(), np.float32), as_array(one.col), as_array(one.rowptr)
        away = torch.from_numpy(shortest_path(csr_matrix(entries, shape=(n, n)), unweighted=True))
        distance = away[low, high]
        keep = (distance > 1).nonzero().flatten()
        if most is not None and keep.numel() > most:
            order = torch.sort(distance[keep], descending=True, stable=True).indices
            keep = keep[order[:most]].sort().values
        found.append(torch.stack([low[keep], high[keep]]) + graphs.ptr[g])
    return torch.cat(found, 1).to(edge_index.device)
