"""Problems that an algorithm solves as operators, and where a node points among its edges."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.ops import CSR, Triplets, list_triplets, segment_logsumexp, to_csr
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.entry import check_values
from graphpoly.ops.pool import segments

__all__ = ["Pointing", "Problem", "problem_of"]


class Problem(NamedTuple):
    """What a batch of problems is, the edges target after target.

    Attributes:
        adj: The operator of the edges as they were given.
        edges: Source and target of its entries, ``[2, E]``.
        weight: Of these, ``[E, 1]``.
        triplets: Of these, None where nothing reads them.
        x: Features of the nodes.
        graph: Of each node, ``[N]``.
        num_graphs: How many.
    """

    adj: CSR
    edges: Tensor
    weight: Tensor
    triplets: Triplets | None
    x: Tensor
    graph: Tensor
    num_graphs: int

    def chances(self, score: Tensor, kind: str) -> Tensor:
        """Return log-probabilities of the edges into each node, or of the nodes of each graph."""
        if kind == "pointer":
            return score - segment_logsumexp(self.adj, score).index_select(0, self.edges[1])
        graphs = segments(self.graph, self.num_graphs)
        total = segment_logsumexp(graphs, score.index_select(0, graphs.col.long()))
        return score - total.index_select(0, self.graph)

    def places(self) -> Tensor:
        """Return which of the edges as they were given each one is, ``[E]``."""
        perm = self.adj.perm
        every = torch.arange(self.edges.size(1), device=self.edges.device)
        return every if perm is None else perm.long()

    def as_given(self, value: Tensor) -> Tensor:
        """Return values of edges in the order in which these were given."""
        return torch.empty_like(value).index_copy(0, self.places(), value)


def problem_of(
    x: Tensor,
    edge_index: Any,
    edge_weight: Tensor | None,
    batch: Tensor | None,
    batch_size: int | None,
    *,
    weighted: bool,
    paired: bool,
) -> Problem:
    """Put the edges in order and list their triplets, if ``paired``; others as of a network."""
    adj = to_csr(edge_index, num_nodes=x.size(0))
    if edge_weight is not None:
        check_values("edge_weight", edge_weight, adj.num_entries, device=x.device)
        adj = to_csr(edge_index, edge_weight, x.size(0))
    weight = adj.weight if weighted else x.new_ones(adj.num_entries)
    if weight is None or (edge_weight is not None and not weighted):
        got = "None" if weight is None else "a tensor"
        raise ValueError(f"edge_weight: got {got}, the network has weighted={weighted}")
    weight = weight.to(x.dtype)
    edges = torch.stack([adj.col, adj.rows()]).long()
    triplets = list_triplets(to_csr(edges, num_nodes=x.size(0))) if paired else None
    graph = x.new_zeros(x.size(0), dtype=torch.long) if batch is None else batch
    num_graphs = count_graphs(batch, batch_size, x.size(0))
    return Problem(adj, edges, weight.unsqueeze(1), triplets, x, graph, num_graphs)


class Pointing(nn.Module):
    """Scores of edges, of how likely the target is to point at the source."""

    def __init__(self, node_channels: int, edge_channels: int, width: int) -> None:
        super().__init__()
        self.lin_target = nn.Linear(node_channels, width)
        self.lin_source = nn.Linear(node_channels, width)
        self.lin_edge = nn.Linear(edge_channels, width, bias=False)
        self.lin_out = nn.Linear(width, 1, bias=False)  # a bias would be the same for all

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(self, nodes: Tensor, edges: Tensor, edge_index: Tensor) -> Tensor:
        """Return ``[E]``."""
        source, target = edge_index
        along = self.lin_source(nodes).index_select(0, source) + self.lin_edge(edges)
        best = torch.maximum(self.lin_target(nodes).index_select(0, target), along)
        out: Tensor = self.lin_out(best).squeeze(1)
        return out
