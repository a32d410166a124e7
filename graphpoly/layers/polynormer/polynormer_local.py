"""One local layer of Polynormer: attention over the edges, multiplied by a gate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.inits import glorot, reset
from torch_geometric.utils import softmax

from graphpoly.layers.polynormer.gate import Gate
from graphpoly.ops import CSR, dropout, gat_attention, to_csr

__all__ = ["PolynormerLocal"]


class PolynormerLocal(MessagePassing):
    r"""Local polynomial attention.

    .. math::
        X' &= \sigma(A(X) X W_v + X W), \qquad H = \sigma(X W_h) \\
        Z &= (1 - \beta) \odot \mathrm{LN}(H \odot X') + \beta \odot X'

    :math:`A(X)` is the attention of GAT over incoming edges, head by head, and :math:`\beta` a
    learned vector. With attention frozen, without LN and :math:`\sigma`, Z is a polynomial of twice
    the degree of X.

    Args:
        channels: Size of the features, all heads together.
        heads: Number of attention heads, a divisor of ``channels``.
        beta: As for :class:`PolynormerConv`.
        relu: Whether :math:`\sigma` is ReLU or the identity.
        dropout: Probability after the attention.
        negative_slope: Of the attention's LeakyReLU.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 1,
        beta: float | None = None,
        relu: bool = False,
        dropout: float = 0.0,
        negative_slope: float = 0.2,
    ) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.channels = channels
        self.heads = heads
        self.relu = relu
        self.dropout = dropout
        self.negative_slope = negative_slope
        self.lin_value = nn.Linear(channels, channels, bias=False)
        self.att_src = Parameter(torch.empty(heads, channels // heads))
        self.att_dst = Parameter(torch.empty(heads, channels // heads))
        self.lin = nn.Linear(channels, channels)
        self.lin_gate = nn.Linear(channels, channels)
        self.norm: nn.Module = nn.LayerNorm(channels)
        self.gate = Gate(channels, beta)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        glorot(self.lin_value.weight)
        glorot(self.att_src)
        glorot(self.att_dst)
        for module in (self.lin, self.lin_gate, self.norm, self.gate):
            reset(module)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        """Return ``[N, channels]``."""
        adj = to_csr(edge_index, num_nodes=x.size(0), transposed=torch.is_grad_enabled())
        gate = self.lin_gate(x)
        x = self.attend(x, adj.with_weight(None)) + self.lin(x)
        if self.relu:
            gate, x = gate.relu(), x.relu()
        x = dropout(x, self.dropout, self.training)
        beta = self.gate()
        return (1 - beta) * self.norm(gate * x) + beta * x

    def attend(self, x: Tensor, adj: CSR) -> Tensor:
        """Return the attention's output alone, ``[N, channels]``."""
        value = self.lin_value(x).view(-1, self.heads, self.channels // self.heads)
        source, target = ((value * att).sum(-1) for att in (self.att_src, self.att_dst))
        if self.explain:
            out = self._masked(adj, value, source, target)
        else:
            out = gat_attention(
                adj,
                value,
                alpha_src=source,
                alpha_dst=target,
                negative_slope=self.negative_slope,
            )
        return out.flatten(1)

    def _masked(self, adj: CSR, value: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """The same with an explainer's mask on each message, as PyG masks them: after softmax."""
        rows, col = adj.rows().long(), adj.col.long()
        score = nn.functional.leaky_relu(source[col] + target[rows], self.negative_slope)
        weight = softmax(score, rows, num_nodes=adj.num_rows)
        mask = self._edge_mask
        if mask is not None:
            mask = mask.sigmoid() if self._apply_sigmoid else mask
            weight = weight * (mask if adj.perm is None else mask[adj.perm]).unsqueeze(-1)
        message = weight.unsqueeze(-1) * value[col]
        return torch.zeros_like(value).index_add(0, rows, message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, heads={self.heads})"
