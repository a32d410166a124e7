"""Subgraphs around each node: what some random walks visit, and the edges between."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.ops import CSR, intersect_rows, random_walks, sort_rows, spmm
from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.take_rows import take_rows

__all__ = ["TokenEncoder", "Tokens", "draw_tokens", "induced_tokens"]


class Tokens(NamedTuple):
    """Induced subgraphs side by side.

    Attributes:
        node: Node of the graph that each member is, token by token, ``[P]``.
        members: The operator whose row t lists the members of token t, ``[T, P]``.
        edges: The edges between members of the same token, ``[P, P]``.
    """

    node: Tensor
    members: CSR
    edges: CSR


def draw_tokens(
    adj: CSR, *, length: int, walks: int, samples: int, seed: int, place: Tensor | None = None
) -> Tensor:
    r"""Draw the nodes of the tokens of each node, those of the longest walks first.

    For each node v and each length from ``length`` down to 1 there are ``samples`` tokens, each of
    the nodes on ``walks`` walks of that length from v; the last token is v alone.

    Args:
        adj: The graph. The order of the edges does not matter.
        length: Steps m of the longest walks.
        walks: Walks M of a token.
        samples: Tokens s of each length.
        seed: Decides the draws, together with ``place``.
        place: Number of each node within its graph, ``[N]``: so a graph is walked on in a batch as
            it is alone. Default its own number.

    Returns:
        ``[N, s m + 1, M (m + 1)]``, with repetitions.

    Complexity: O(N s m M (m + 1)) time and memory.
    """
    num_nodes, tokens = adj.num_rows, samples * length
    node = torch.arange(num_nodes, device=adj.col.device)
    kind = torch.arange(tokens * walks, device=node.device)
    place = node if place is None else place
    name = (place.unsqueeze(1) * kind.numel() + kind).flatten()
    start = node.repeat_interleave(kind.numel())
    drawn = random_walks(adj, start, length, seed=seed, name=name).node
    drawn = drawn.view(num_nodes, tokens, walks, length + 1)
    # a shorter walk is the beginning of a longer one
    step = torch.arange(length + 1, device=node.device)
    longest = length - torch.arange(tokens, device=node.device) // samples
    own = node.view(-1, 1, 1, 1)
    drawn = torch.where(step <= longest.view(-1, 1, 1), drawn, own)
    alone = own.expand(num_nodes, 1, walks, length + 1)
    return torch.cat([drawn, alone], 1).flatten(2)


def induced_tokens(adj: CSR, visited: Tensor) -> Tokens:
    """Return the subgraphs that sets of nodes induce.

    Args:
        adj: The graph; values are not read, and an edge that stands there twice counts once.
        visited: Nodes of each token, ``[N, T, W]`` or ``[T, W]``, with repetitions.

    Complexity: O(T W log(T W)), and for each member the smaller of its degree and the size of its
    token, times the logarithm of the larger where they differ much.
    """
    size, width = adj.num_cols, visited.size(-1)
    node = visited.reshape(-1, width)
    token = torch.arange(node.size(0), device=node.device).unsqueeze(1)
    key = torch.unique(token * size + node)  # ascending
    token, node = key // max(size, 1), key % max(size, 1)
    count = torch.bincount(token, minlength=visited.numel() // max(width, 1))
    rowptr = torch.cat([count.new_zeros(1), count.cumsum(0)])
    sets = trusted_csr(rowptr, node, None, None, size, None)
    sorted_rows = sort_rows(adj)
    shared = intersect_rows(_wide(sorted_rows), sets, torch.stack([node, token]))
    row = shared.rows().long()
    place = torch.searchsorted(key, token[row] * size + shared.col.long())
    place = place.to(shared.rowptr.dtype)
    everyone = torch.arange(key.numel(), device=key.device)
    return Tokens(
        node=node,
        members=trusted_csr(rowptr, everyone, None, None, key.numel(), None),
        edges=trusted_csr(shared.rowptr, place, None, None, key.numel(), None),
    )


def _wide(adj: CSR) -> CSR:
    return trusted_csr(adj.rowptr.long(), adj.col.long(), None, None, adj.num_cols, None)


class TokenEncoder(nn.Module):
    r"""A vector for each induced subgraph: message passing inside of it, and the mean.

    .. math::
        h'_u = h_u + \mathrm{ReLU}\Big(W_1 h_u + b + W_2 \sum_{w \in T,\, w \to u} h_w\Big),
        \qquad \varphi(G[T]) = \operatorname*{mean}_{u \in T} h_u

    Args:
        channels: Size of the features and of the vector.
        num_layers: Rounds of message passing.
    """

    def __init__(self, channels: int, num_layers: int = 1) -> None:
        super().__init__()
        self.own = nn.ModuleList(nn.Linear(channels, channels) for _ in range(num_layers))
        self.sent = nn.ModuleList(
            nn.Linear(channels, channels, bias=False) for _ in range(num_layers)
        )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        reset(self.own)
        reset(self.sent)

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Return a row for each token, ``[T, C]``, of the features of the nodes, ``[N, C]``."""
        h = take_rows(x, tokens.node)
        for i, (lin_own, lin_sent) in enumerate(zip(self.own, self.sent, strict=True)):
            # the first maps are made once for a node, in however many tokens it is
            own, sent = (
                lin(h) if i else take_rows(lin(x), tokens.node) for lin in (lin_own, lin_sent)
            )
            h = h + (own + spmm(tokens.edges, sent)).relu()
        return spmm(tokens.members, h, "mean")
