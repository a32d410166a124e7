"""One step of the message passing that learned the quantum mechanics of molecules."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import (
    check_features,
    check_size,
    entry_attr,
)
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.edge_message import EdgeMessage, messages_and_sums
from graphpoly.layers.edge_network import EdgeNetwork
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.ops import CSR, sum_entries, to_csr
from graphpoly.registry import register

__all__ = ["MESSAGES", "MPNNConv"]

MESSAGES = ("edge", "pair")


@register(
    "layer",
    paper="Gilmer, Schoenholz, Riley, Vinyals, Dahl. Neural Message Passing for Quantum Chemistry. "
    "ICML 2017",
    arxiv="1704.01212",
    example=lambda: MPNNConv(8, 8, edge_dim=3, edge_channels=5),
    tags={
        "expressivity": "1-WL with features of edges",
        "complexity": "O(K (|E| C + |V| C^2)) time, O(K (|E| + |V| C)) memory, K = edge_channels",
    },
)
class MPNNConv(FusedLayer):
    r"""Messages through the edges, and a gated recurrent unit that remembers them.

    .. math::
        m_i = \sum_{j \to i} M(h_i, h_j, e_{ji}), \qquad h_i' = \mathrm{GRU}(m_i, h_i)

    with one of two messages of the paper, the edge network and the pair message,

    .. math::
        M(h_i, h_j, e) = A(e)\, h_j, \qquad M(h_i, h_j, e) = f(h_i, h_j, e)

    where A makes a matrix of an edge and f is a perceptron of two layers. Features that are fewer
    than ``out_channels`` are a state that is padded with zeros, as in the paper. The network of the
    paper applies one and the same layer several times. Where edges carry nothing, A is one matrix,
    and the layer that of PyG's ``GatedGraphConv``.

    No matrix A(e) is ever stored: its last linear map acts on sums over the edges, see
    :class:`~graphpoly.layers.edge_network.EdgeNetwork`.

    Args:
        in_channels: Size F of each input feature, at most ``out_channels``, or -1 to take it from
            the first input.
        out_channels: Size C of the states and of the messages.
        edge_dim: Size of ``edge_attr``, or None where edges carry nothing.
        edge_channels: Hidden channels K of the edge network; None for a matrix that is linear in
            ``edge_attr``. The pair message has none of it.
        messages: ``"edge"`` for the edge network, ``"pair"`` for f.
        bias: Whether the recurrent unit has biases.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes (values of a sparse one are not read), ``edge_attr``
          :math:`(E, D)`
        - **output:** states :math:`(N, C)`

    Complexity: O(K (E F + N F C)) time and O(K (E + N F)) memory for the edge network, with K = D
    where there is no ``edge_channels``; O(E C^2) and O(E C) for the pair message.

    Example:
        >>> import torch
        >>> from graphpoly.layers import MPNNConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> MPNNConv(5, 16, edge_dim=4)(torch.randn(3, 5), edge_index, torch.randn(4, 4)).shape
        torch.Size([3, 16])

    Differences from the paper: messages along edges in one direction; an undirected graph has both.
    The paper does not print its perceptrons: that of the edge network has one hidden layer with
    ReLU, f is the message of :class:`EGNNConv`. Its towers are not built.
    """

    num_hops = 1
    printed: ClassVar[dict[str, object]] = {
        "edge_dim": None,
        "edge_channels": 32,
        "messages": "edge",
        "bias": True,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        edge_dim: int | None = None,
        edge_channels: int | None = 32,
        messages: str = "edge",
        bias: bool = True,
    ) -> None:
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        for name, size in (("edge_dim", edge_dim), ("edge_channels", edge_channels)):
            if size is not None:
                check_size(name, size)
        if messages not in MESSAGES:
            raise unknown("messages", messages, MESSAGES)
        if in_channels > out_channels:
            raise ValueError(
                f"in_channels: got {in_channels}, expected at most out_channels, {out_channels}: "
                "features are padded to a state"
            )
        super().__init__(aggr=None)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.edge_channels = edge_channels
        self.messages = messages
        self.bias = bias
        self.said: EdgeNetwork | EdgeMessage
        if messages == "edge":
            self.said = EdgeNetwork(in_channels, out_channels, edge_dim, edge_channels)
        else:
            self.said = EdgeMessage(in_channels, out_channels, edge_dim or 0)
        self.gru = nn.GRUCell(out_channels, out_channels, bias=bias)

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What features that are padded leave alone."""
        if self.said.in_channels == self.out_channels:
            return {}
        return {"used_parameters": "features that are padded to a state end in zeros"}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        reset(self.said)
        self.gru.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        *,
        also_heard: Tensor | None = None,
    ) -> Tensor:
        """Return the next states.

        Args:
            x: States h, ``[N, in_channels]``.
            edge_index: The graph.
            edge_attr: ``[E, edge_dim]``, in the order of ``edge_index``.
            also_heard: ``[N, out_channels]``, added to the messages, such as what a node that is
                joined to all others says.
        """
        check_features("MPNNConv", x, self.said.in_channels)
        if x.size(1) > self.out_channels:
            raise ValueError(
                f"x: got {x.size(1)} columns, expected at most {self.out_channels}, which they are "
                "padded to"
            )
        adj = to_csr(edge_index, None, x.size(0), transposed=torch.is_grad_enabled())
        heard = self._heard(adj, x, entry_attr(adj, edge_attr, self.edge_dim))
        if also_heard is not None:
            heard = heard + also_heard
        out: Tensor = self.gru(heard, F.pad(x, (0, self.out_channels - x.size(1))))
        return out

    def _heard(self, adj: CSR, x: Tensor, edge_attr: Tensor | None) -> Tensor:
        mask = masked(self, adj.with_weight(None)).weight
        if isinstance(self.said, EdgeNetwork):
            return self.said(adj, x, edge_attr, mask)
        carried = x.new_empty(adj.num_entries, 0) if edge_attr is None else edge_attr
        if mask is None:
            return messages_and_sums(self.said, adj, x, carried)[1]
        return sum_entries(adj, self.said(adj, x, carried) * mask.unsqueeze(-1))

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), *self.options()]
        return f"MPNNConv({', '.join(arguments)})"
