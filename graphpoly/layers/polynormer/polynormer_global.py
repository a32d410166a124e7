"""One global layer of Polynormer: linear attention within each graph, multiplied by a gate."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers.polynormer.gate import Gate
from graphpoly.ops import dropout, linear_attention

__all__ = ["PolynormerGlobal"]


class PolynormerGlobal(nn.Module):
    r"""Global polynomial attention.

    .. math::
        Q = K = \mathrm{sigmoid}(X W_k), \qquad
        Z = \sigma\!\left(\left(\mathrm{LN}\!\left(\frac{Q (K^\top X W_v)}{Q (K^\top 1)}\right)
        \odot (X W_h + \beta)\right) W_o\right)

    head by head, graph by graph (:func:`graphpoly.ops.linear_attention`). Channels belong to heads
    as in :class:`PolynormerLocal`: those of one head stand together.

    Args:
        channels: Size of the features, all heads together.
        heads: Number of attention heads, a divisor of ``channels``.
        beta: As for :class:`PolynormerConv`.
        relu: Whether :math:`\sigma` is ReLU or the identity.
        dropout: Probability at the end.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 1,
        beta: float | None = None,
        relu: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.heads = heads
        self.relu = relu
        self.dropout = dropout
        self.lin_key = nn.Linear(channels, channels)
        self.lin_value = nn.Linear(channels, channels)
        self.lin_gate = nn.Linear(channels, channels)
        self.norm: nn.Module = nn.LayerNorm(channels)
        self.gate = Gate(channels, beta)
        self.lin_out = nn.Linear(channels, channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in self.children():
            reset(module)

    def forward(
        self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Return ``[N, channels]``."""
        attended = self.attend(x, batch, batch_size)
        x = self.lin_out(self.norm(attended) * (self.lin_gate(x) + self.gate()))
        if self.relu:
            x = x.relu()
        return dropout(x, self.dropout, self.training)

    def attend(self, x: Tensor, batch: Tensor | None, batch_size: int | None) -> Tensor:
        """Return the attention's output alone, ``[N, channels]``."""
        shape = (-1, self.heads, self.channels // self.heads)
        key = self.lin_key(x).sigmoid().view(shape)
        value = self.lin_value(x).view(shape)
        return linear_attention(key, key, value, batch=batch, batch_size=batch_size).flatten(1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, heads={self.heads})"
