"""Blocks that mix the patches of each graph, and leave out those that have no nodes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.linear import Linear
from graphpoly.ops import dropout

__all__ = ["ATTENTIONS", "AttentionBlock", "MixerBlock"]

ATTENTIONS = ("hadamard", "standard", "graph", "kernel", "additive")
_DIFFUSION = 8  # steps of the walk of "kernel", as published


class MixerBlock(nn.Module):
    r"""A perceptron along the patches, and one along the channels.

    .. math::
        U = T + (W_2\, \mathrm{GELU}(W_1\, \mathrm{LN}(T))), \qquad
        Y = U + (W_4\, \mathrm{GELU}(W_3\, \mathrm{LN}(U)^T))^T

    Patches without nodes are zero in what is read, and in what is returned: the result is that of a
    block without their rows of :math:`W_1` and :math:`W_2`.

    Args:
        num_patches: Number of patches P.
        channels: Number of channels C; :math:`W_1` has 4 C rows, :math:`W_3` half of C.
        dropout: Before each linear map.
    """

    def __init__(self, num_patches: int, channels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(channels)
        self.token_mlp = _perceptron(num_patches, 4 * channels, dropout)
        self.channel_norm = nn.LayerNorm(channels)
        self.channel_mlp = _perceptron(channels, max(channels // 2, 1), dropout)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(self, x: Tensor, held: Tensor) -> Tensor:
        """Return ``[B, P, C]`` from ``[B, P, C]`` and which patches have nodes, ``[B, P]``."""
        mask = held.unsqueeze(-1).to(x.dtype)
        read = self.token_norm(x) * mask
        x = x + self.token_mlp(read.transpose(1, 2)).transpose(1, 2) * mask
        return x + self.channel_mlp(self.channel_norm(x)) * mask


class AttentionBlock(nn.Module):
    r"""Attention among the patches, and a perceptron along the channels.

    With A what patches share, :math:`S = Q K^T / \sqrt{d}`, and :math:`\odot` entry by entry,
    attention is one of

    .. math::
        A \odot \mathrm{softmax}(S), \quad \mathrm{softmax}(S), \quad
        \mathrm{softmax}(A \odot S), \quad \mathrm{softmax}((D^{-1} A)^8 \odot S), \quad
        \mathrm{softmax}(S + w A)

    called ``"hadamard"``, ``"standard"``, ``"graph"``, ``"kernel"`` and ``"additive"``, with a
    number w for each head. Keys have no bias, which softmax would cancel but in ``"graph"`` and
    ``"kernel"``: those are the paper's, where its code has :math:`A \odot \exp(S)` in the softmax.

    Args:
        channels: Number of channels C.
        heads: Number of heads.
        attention: One of :data:`ATTENTIONS`.
        dropout: On attention, on what it gives, and before and behind the second map of the
            perceptron.
    """

    def __init__(
        self, channels: int, heads: int, *, attention: str = "hadamard", dropout: float = 0.0
    ) -> None:
        super().__init__()
        if attention not in ATTENTIONS:
            raise unknown("attention", attention, ATTENTIONS)
        if heads < 1 or channels % heads:
            raise ValueError(
                f"heads: got {heads}, expected a divisor of hidden_channels, {channels}"
            )
        self.heads = heads
        self.attention = attention
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(channels)
        self.lin_query = nn.Linear(channels, channels)
        self.lin_key = nn.Linear(channels, channels, bias=False)
        self.lin_value = nn.Linear(channels, channels)
        self.lin_out = nn.Linear(channels, channels)
        self.lin_bias = nn.Linear(1, heads, bias=False) if attention == "additive" else None
        self.norm2 = nn.LayerNorm(channels)
        self.lin1 = nn.Linear(channels, 2 * channels)
        self.lin2 = nn.Linear(2 * channels, channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(self, x: Tensor, overlap: Tensor, held: Tensor) -> Tensor:
        """Return ``[B, P, C]``.

        Args:
            x: ``[B, P, C]``.
            overlap: Nodes that patches share, ``[B, P, P]``.
            held: Whether a patch has nodes, ``[B, P]``.
        """
        mask = held.unsqueeze(-1).to(x.dtype)
        x = x + self._dropped(self._attended(self.norm1(x), overlap, held)) * mask
        update = self.lin2(self._dropped(self.lin1(self.norm2(x)).relu()))
        return x + self._dropped(update) * mask

    def _attended(self, x: Tensor, overlap: Tensor, held: Tensor) -> Tensor:
        query, key, value = (
            lin(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for lin in (self.lin_query, self.lin_key, self.lin_value)
        )
        score = query @ key.transpose(-1, -2) / math.sqrt(query.size(-1))
        if self.attention == "graph":
            score = score * overlap.unsqueeze(1)
        elif self.attention == "kernel":
            walk = overlap / overlap.sum(-1, keepdim=True).clamp(min=1)
            score = score * torch.linalg.matrix_power(walk, _DIFFUSION).unsqueeze(1)
        elif self.lin_bias is not None:
            score = score + self.lin_bias(overlap.unsqueeze(-1)).movedim(-1, 1)
        # finite, so that a graph without patches has a softmax, too
        lowest = torch.finfo(score.dtype).min
        weight = score.masked_fill(~held[:, None, None, :], lowest).softmax(-1)
        if self.attention == "hadamard":
            weight = weight * overlap.unsqueeze(1)
        mixed = self._dropped(weight) @ value
        out: Tensor = self.lin_out(mixed.transpose(1, 2).flatten(-2))
        return out

    def _dropped(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


def _perceptron(size: int, width: int, dropout: float) -> FeedForward:
    return FeedForward(
        Dropout(dropout),
        Linear(size, width),
        nn.GELU(),
        Dropout(dropout),
        Linear(width, size),
    )
