"""The message passing network of quantum chemistry: tied steps, a master node, a set readout."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import Set2Set
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import MPNNConv
from graphpoly.layers.arguments import (
    NamedArguments,
    check_batch,
    check_features,
    check_size,
    check_sizes,
)
from graphpoly.models.pooling import POOLS, pool_nodes
from graphpoly.ops import pool as pooled
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["MPNN", "READOUTS"]

READOUTS = ("set2set", *POOLS)


@register(
    "model",
    paper="Gilmer, Schoenholz, Riley, Vinyals, Dahl. Neural Message Passing for Quantum Chemistry. "
    "ICML 2017",
    arxiv="1704.01212",
    example=lambda: MPNN(8, 16, 4, edge_dim=3, edge_channels=5, master_channels=6),
    tags={
        "expressivity": "1-WL with features of edges",
        "complexity": "O(T K (|E| C + |V| C^2)) time, O(T K (|E| + |V| C)) memory",
    },
)
class MPNN(Pretrained, NamedArguments):
    r"""One :class:`~graphpoly.layers.MPNNConv`, applied T times, and a readout.

    .. math::
        h^{(0)} &= W x + b, \qquad h^{(t+1)} = \mathrm{MPNNConv}(h^{(t)}) \\
        \hat y &= \psi\Big(\mathrm{set2set}_M\{ U [h_i^{(T)}, x_i] + c \}\Big)

    with one conv for all steps and a perceptron :math:`\psi`. A master node is joined to all nodes
    of its graph by edges of their own kind. It has a state u of its own size, which begins at
    zero, and each step becomes

    .. math::
        m_i \leftarrow m_i + V_{down}\, u^{(t)}, \qquad
        u^{(t+1)} = \mathrm{GRU}_u\Big(\sum_i V_{up}\, h_i^{(t)},\; u^{(t)}\Big)

    so that it speaks from the second step on, and two steps join any two nodes.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size C of the states.
        out_channels: Numbers for each node or graph.
        num_layers: Steps T.
        edge_dim: Size of ``edge_attr``, or None.
        edge_channels: Hidden channels K of the edge network; None for a linear one.
        messages: ``"edge"`` or ``"pair"``, see the layer.
        master_channels: Size of the master node's state, or None for none.
        readout: ``"set2set"``, ``"add"``, ``"mean"`` or ``"max"`` over the nodes of a graph; None
            for nodes.
        set2set_steps: Steps M of the set readout.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_attr`` :math:`(E, D)`,
          ``batch`` :math:`(N)`
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``readout``

    Differences from the paper: those of the layer; a linear map in place of padding, which is one.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> net = MPNN(8, 16, 1, edge_dim=4, readout="set2set")
    >>> net(torch.randn(3, 8), edge_index, torch.randn(4, 4)).shape
    torch.Size([1, 1])
    """

    printed: ClassVar[dict[str, object]] = {
        "edge_dim": None,
        "edge_channels": 32,
        "messages": "edge",
        "master_channels": None,
        "readout": None,
        "set2set_steps": 3,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 3,
        *,
        edge_dim: int | None = None,
        edge_channels: int | None = 32,
        messages: str = "edge",
        master_channels: int | None = None,
        readout: str | None = None,
        set2set_steps: int = 3,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels)
        check_sizes(out_channels=out_channels, num_layers=num_layers, set2set_steps=set2set_steps)
        if master_channels is not None:
            check_size("master_channels", master_channels)
            if num_layers < 2:
                raise ValueError(
                    "num_layers: got 1, but a master node speaks from the second step on"
                )
        if readout is not None and readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.edge_dim = edge_dim
        self.edge_channels = edge_channels
        self.messages = messages
        self.master_channels = master_channels
        self.readout = readout
        self.set2set_steps = set2set_steps
        width = hidden_channels
        self.lin_in = nn.Linear(in_channels, width)
        self.conv = MPNNConv(
            width, width, edge_dim=edge_dim, edge_channels=edge_channels, messages=messages
        )
        self.master = None if master_channels is None else _Master(width, master_channels)
        self.lin_read = nn.Linear(width + in_channels, width)
        self.set2set = Set2Set(width, set2set_steps) if readout == "set2set" else None
        read = 2 * width if readout == "set2set" else width
        self.head = nn.Sequential(nn.Linear(read, width), nn.ReLU(), nn.Linear(width, out_channels))

    @property
    def num_hops(self) -> int:
        """Steps along edges."""
        return self.num_layers

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What a node that is joined to all others hears, and a set that is read once."""
        held = {}
        if self.master is not None:
            held["num_hops"] = "the master node joins all nodes of a graph"
        if self.readout == "set2set" and self.set2set_steps == 1:
            held["used_parameters"] = "the first step of set2set has nothing to read and forget"
        return held

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            edge_attr: ``[E, edge_dim]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_features("MPNN", x, self.in_channels)
        check_batch(batch)
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        graph = x.new_zeros(x.size(0), dtype=torch.long) if batch is None else batch
        h = before = self.lin_in(x)
        u = x.new_zeros(num_graphs, self.master_channels or 0)
        for step in range(self.num_layers):
            said = None
            if self.master is not None and step:  # at first its state is zero, which says nothing
                u = self.master(before, u, graph)
                said = take_rows(self.master.lin_down(u), graph)
            h, before = self.conv(h, edge_index, edge_attr, also_heard=said), h
        read = self.lin_read(torch.cat([h, x], dim=1))
        if self.set2set is not None:
            read = self.set2set(read, graph, dim_size=num_graphs)
        else:
            read = pool_nodes(read, self.readout, graph, num_graphs)
        out: Tensor = self.head(read)
        return out

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, self.out_channels, self.num_layers)
        return f"MPNN({', '.join([*map(str, sizes), *self.options()])})"


class _Master(nn.Module):
    """A node of each graph that is joined to all others.

    Args:
        channels: Size of the others' states.
        master_channels: Size of its own.
    """

    def __init__(self, channels: int, master_channels: int) -> None:
        super().__init__()
        self.lin_up = nn.Linear(channels, master_channels, bias=False)
        self.lin_down = nn.Linear(master_channels, channels, bias=False)
        self.gru = nn.GRUCell(master_channels, master_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(self, h: Tensor, u: Tensor, graph: Tensor) -> Tensor:
        """Return the next states of the master nodes, ``[B, master_channels]``."""
        out: Tensor = self.gru(pooled(self.lin_up(h), graph, batch_size=u.size(0)), u)
        return out
