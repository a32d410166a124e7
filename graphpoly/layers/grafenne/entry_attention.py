"""Attention between nodes and features, that reads the value which joins them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.nn.inits import glorot

from graphpoly.ops import CSR, block_spmm, dropout, entry_sum, segment_softmax, sum_entries

__all__ = ["EntryAttention"]

_SLOPE = 0.2


class EntryAttention(nn.Module):
    r"""GAT's attention over the entries of a matrix, whose values are heard, too.

    For each head, over the entries x of row i,

    .. math::
        \alpha_{ij} = \operatorname*{softmax}_j\,
        \mathrm{LeakyReLU}(a^\top W h_j + b^\top h_i + c\, x_{ij}), \qquad
        y_i = \sum_j \alpha_{ij}\, (W h_j + x_{ij}\, w)

    and 0 for a row without entries. Without :math:`x_{ij} w`, a node with one feature would not
    hear what its value is, for its only weight is 1; nor would any node where features are alike.

    Args:
        source_channels: Size of the states h_j.
        target_channels: Size of the states h_i.
        out_channels: Size C of y, all heads together.
        heads: Number H of heads, a divisor of C.
        dropout: Probability that an entry of a head is dropped.

    Shapes:
        - **input:** an operator of R rows, S columns and n entries, states :math:`(S, F_s)` and
          :math:`(R, F_t)`
        - **output:** :math:`(R, C)`

    Complexity: O(n C + S F C + R H F) time, O(n H + (R + S) C) memory.
    """

    def __init__(
        self,
        source_channels: int,
        target_channels: int,
        out_channels: int,
        *,
        heads: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if out_channels % heads:
            raise ValueError(
                f"heads: got {heads}, expected a divisor of the {out_channels} channels"
            )
        self.heads = heads
        self.dropout = dropout
        self.lin_source = nn.Linear(source_channels, out_channels)
        self.lin_target = nn.Linear(target_channels, heads, bias=False)
        size = out_channels // heads
        self.att_source = Parameter(torch.empty(heads, size))
        self.att_entry = Parameter(torch.empty(1, heads))
        self.entry = Parameter(torch.empty(heads, size))
        self._draw()

    def _draw(self) -> None:
        for weight in (self.att_source, self.att_entry, self.entry):
            glorot(weight)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.lin_source.reset_parameters()
        self.lin_target.reset_parameters()
        self._draw()

    def forward(self, adj: CSR, source: Tensor, target: Tensor) -> Tensor:
        """Return ``[R, out_channels]``.

        Args:
            adj: The entries (target, source) and their values.
            source: ``[S, source_channels]``.
            target: ``[R, target_channels]``.
        """
        assert adj.weight is not None
        entry = adj.weight.unsqueeze(-1)
        value = self.lin_source(source).unflatten(-1, (self.heads, -1))
        ends = entry_sum(adj, self.lin_target(target), (value * self.att_source).sum(-1))
        score = F.leaky_relu(ends + entry * self.att_entry, _SLOPE)
        weight = dropout(segment_softmax(adj, score), self.dropout, self.training)
        heard = sum_entries(adj, weight * entry).unsqueeze(-1) * self.entry
        out: Tensor = (block_spmm(adj, weight, value) + heard).flatten(1)
        return out
