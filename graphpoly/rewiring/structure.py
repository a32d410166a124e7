"""What rewiring looks at: simple undirected graphs, one or many side by side."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.utils import cumsum

__all__ = ["Changes", "Graphs", "net_changes"]


class Graphs(NamedTuple):
    """Simple undirected graphs in compressed rows, without loops and duplicates.

    Attributes:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``, int64; each edge stands in both its rows.
        ptr: Where the nodes of each graph begin, ``[G+1]``, int64.
    """

    rowptr: Tensor
    col: Tensor
    ptr: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, num_nodes: int, ptr: Tensor | None = None) -> Graphs:
        """Drop loops and duplicates, and put the neighbours in order.

        Args:
            edge_index: Both directions of each edge, ``[2, E]``.
            num_nodes: Number of nodes.
            ptr: Where the nodes of each graph begin; one graph by default.

        Raises:
            ValueError: If an edge has one direction only, lies outside the nodes, or joins two
                graphs.

        Complexity: O(E log E).

        >>> Graphs.of(torch.tensor([[0, 1, 1, 1], [1, 0, 1, 0]]), 3).col.tolist()
        [1, 0]
        """
        pairs = edge_index.cpu().long()
        if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < num_nodes:
            raise ValueError(
                f"edge_index: got nodes {int(pairs.min())} to {int(pairs.max())}, the graph has "
                f"{num_nodes}"
            )
        row, col = pairs[:, pairs[0] != pairs[1]]
        key = torch.unique(row * num_nodes + col)
        row, col = key // max(num_nodes, 1), key % max(num_nodes, 1)
        back = torch.sort(col * num_nodes + row).values
        if not torch.equal(back, key):
            lonely = int(key[~torch.isin(key, back)][0])
            raise ValueError(
                f"edge_index: the edge {lonely // num_nodes} -> {lonely % num_nodes} has no "
                "reverse; undirected graphs are accepted, or give symmetrize=True"
            )
        if ptr is None:
            ptr = torch.tensor([0, num_nodes], device="cpu")
        else:
            ptr = ptr.cpu().long()
            owner = torch.repeat_interleave(ptr.diff())
            if bool((owner[row] != owner[col]).any()):
                raise ValueError("edge_index: an edge joins two graphs of the batch")
        rowptr = cumsum(torch.bincount(row, minlength=num_nodes))
        return cls(rowptr, col, ptr)

    @property
    def num_nodes(self) -> int:
        """Number of nodes N of all graphs."""
        return self.rowptr.size(0) - 1

    @property
    def num_graphs(self) -> int:
        """Number of graphs G."""
        return self.ptr.size(0) - 1

    @property
    def degree(self) -> Tensor:
        """Number of neighbours, ``[N]``."""
        return self.rowptr.diff()

    @property
    def row(self) -> Tensor:
        """Row of each entry, ``[E]``."""
        return torch.repeat_interleave(self.degree)

    @property
    def edges(self) -> Tensor:
        """Each edge once, the smaller node first, in lexicographic order, ``[2, E/2]``."""
        row = self.row
        return torch.stack([row, self.col])[:, row < self.col]

    def single(self, graph: int) -> Graphs:
        """Return one of the graphs."""
        if self.num_graphs == 1:
            return self
        first, last = int(self.ptr[graph]), int(self.ptr[graph + 1])
        rowptr = self.rowptr[first : last + 1]
        col = self.col[int(rowptr[0]) : int(rowptr[-1])] - first
        ptr = torch.tensor([0, last - first], device="cpu")
        return Graphs(rowptr - rowptr[0], col, ptr)

    def after(self, changes: Changes) -> Graphs:
        """Return the graphs without the removed edges and with the added ones.

        >>> path = Graphs.of(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 3)
        >>> path.after(Changes(torch.tensor([[0], [2]]), torch.tensor([[1], [0]]))).edges.tolist()
        [[0, 1], [2, 2]]
        """
        size = max(self.num_nodes, 1)
        low, high = changes.removed.sort(0).values
        kept = self.edges[:, ~torch.isin(self.edges[0] * size + self.edges[1], low * size + high)]
        pairs = torch.cat([kept, changes.added], 1)
        return Graphs.of(torch.cat([pairs, pairs.flip(0)], 1), self.num_nodes, self.ptr)

    def dense(self, graph: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
        """Return the adjacency matrix of one graph, ``[n, n]``."""
        one = self.single(graph)
        matrix = torch.zeros(one.num_nodes, one.num_nodes, dtype=dtype, device=one.col.device)
        return matrix.index_put((one.row, one.col), matrix.new_ones(()))


class Changes(NamedTuple):
    """What a method does to the edges of graphs.

    Attributes:
        added: Pairs that were not joined before, ``[2, A]``, each once.
        removed: Edges that are taken away, ``[2, R]``, each once.
        kind: What sort of edge each added one is, ``[A]``, from 1; None if all are alike.
    """

    added: Tensor
    removed: Tensor
    kind: Tensor | None = None


def net_changes(graphs: Graphs, steps: Tensor, adds: Tensor) -> Changes:
    """Return what is different in the end, after edges were added and removed in turn.

    Args:
        graphs: The graphs before.
        steps: The pair of each step, in the order in which they were taken, ``[2, S]``.
        adds: Whether the step added its pair or removed it, ``[S]``.

    >>> graphs = Graphs.of(torch.tensor([[0, 1], [1, 0]]), 3)
    >>> steps = torch.tensor([[0, 2, 0], [2, 0, 1]])
    >>> net_changes(graphs, steps, torch.tensor([True, False, False]))
    Changes(added=tensor([], size=(2, 0), dtype=torch.int64), removed=tensor([[0],
            [1]]), kind=None)
    """
    n = graphs.num_nodes
    low, high = steps.min(0).values, steps.max(0).values
    key, step = torch.unique(low * n + high, return_inverse=True)
    place = torch.arange(step.numel(), device=step.device)
    last = torch.full_like(key, -1).scatter_reduce(0, step, place, "amax")
    held = torch.isin(key, graphs.edges[0] * n + graphs.edges[1])
    now = adds[last]
    pairs = torch.stack([key // max(n, 1), key % max(n, 1)])
    return Changes(pairs[:, now & ~held], pairs[:, ~now & held])
