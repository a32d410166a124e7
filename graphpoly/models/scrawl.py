"""SCRaWl: layers that read walks on the simplices of each dimension, and on nodes alone CRaWl."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers import SCRaWlConv
from graphpoly.layers.arguments import (
    NamedArguments,
    check_batch,
    check_features,
    check_size,
    check_sizes,
)
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import SimplicialNeighbors, clique_complex, pool, simplicial_neighbors
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["SCRaWl"]


@register(
    "model",
    paper="Frantzen, Schaub. Learning From Simplicial Data Based on Random Walks and 1D "
    "Convolutions. ICLR 2024",
    arxiv="2404.03434",
    example=lambda: SCRaWl(8, 6, 4, 2, dim=1, walk_length=4, window=2, virtual_node=True),
    tags={
        "expressivity": "incomparable with k-WL (walks, in expectation)",
        "complexity": "O(M l (s log P + s C + C^2) + P C^2) a layer, M simplices, P pairs of them",
    },
)
class SCRaWl(Pretrained, NamedArguments):
    r"""Layers of :class:`~graphpoly.layers.SCRaWlConv`, one for the simplices of each dimension.

    .. math::
        H_k^{(l+1)} = \mathrm{SCRaWlConv}_{k, l}\big(H_k^{(l)},\; \mathcal{N}_k,\;
        [H_{k-1}^{(l)}, H_{k+1}^{(l)}]\big), \qquad
        \hat y = \mathrm{MLP}\big(\mathrm{readout}\,\mathrm{ReLU}(\mathrm{BN}(H_0^{(L)}))\big)

    A step of a walk on k-simplices leads over a common face or coface to another one, and carries
    its state: the left half of the edge's features is of a face, the right half of a coface, and
    the other is 0. Simplices are the cliques of the graph, their first state is the mean of their
    nodes' features. With ``dim=0`` there are walks on nodes alone, along the edges that are given:
    that is CRaWl. What nothing reads is not updated, so that dimension k is gone through by all
    layers but the last k.

    The virtual node of a graph adds to each of its nodes, behind all layers but the last,

    .. math::
        u^{(l+1)} = \mathrm{MLP}_l\Big(u^{(l)} + \sum_i H_{0,i}^{(l+1)}\Big), \qquad u^{(0)} = 0

    In ``train()`` walks are new in each call, by torch's generator; in ``eval()`` they are those of
    ``seed``, others in each layer. Where a ``generator`` is given they come from it in both.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        out_channels: Numbers for each node or graph.
        num_layers: Number of layers L, at least ``dim``.
        dim: Highest dimension of simplices.
        walk_length: Steps l of each walk, more than ``window``.
        window: Positions s that a position is compared with, and the width of the kernel, less one.
        edge_dim: Size of ``edge_attr``, or None; read with ``dim=0``.
        backtracking: Allow steps straight back; otherwise only where there is no other.
        virtual_node: Join all nodes of a graph by one more.
        dropout: Probability inside the virtual node's perceptrons, and before the last one.
        pool: ``"add"``, ``"mean"`` or ``"max"`` over the nodes of a graph; None for nodes.
        seed: Of the walks in ``eval()``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_attr`` :math:`(E, D)`
          (with ``edge_dim``), ``batch`` :math:`(N)`
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    Differences from the paper: simplices are lifted from the graph, and nodes alone are read out;
    those of the layer, whose perceptron has no norm.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> SCRaWl(8, 16, 3, dim=2, pool="mean")(torch.randn(3, 8), edge_index).shape
    torch.Size([1, 3])
    """

    printed: ClassVar[dict[str, object]] = {
        "dim": 0,
        "walk_length": 50,
        "window": 8,
        "edge_dim": None,
        "backtracking": False,
        "virtual_node": False,
        "dropout": 0.0,
        "pool": None,
        "seed": 0,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 3,
        *,
        dim: int = 0,
        walk_length: int = 50,
        window: int = 8,
        edge_dim: int | None = None,
        backtracking: bool = False,
        virtual_node: bool = False,
        dropout: float = 0.0,
        pool: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels)
        check_sizes(out_channels=out_channels)
        check_size("dim", dim, least=0)
        check_size("num_layers", num_layers, least=max(dim, 1))
        check_pool(pool)
        if edge_dim is not None and dim:
            raise ValueError(f"edge_dim: got {edge_dim}, features of edges are read with dim=0")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dim = dim
        self.walk_length = walk_length
        self.window = window
        self.edge_dim = edge_dim
        self.backtracking = backtracking
        self.virtual_node = virtual_node
        self.dropout = dropout
        self.pool = pool
        self.seed = seed
        width = hidden_channels
        self.layers = nn.ModuleList()
        for layer in range(num_layers):
            size = width if layer else in_channels
            convs = nn.ModuleList()
            for k in range(min(dim, num_layers - 1 - layer) + 1):
                conv = SCRaWlConv(
                    size,
                    width,
                    walk_length=walk_length,
                    window=window,
                    edge_dim=size * ((k > 0) + (k < dim)) if dim else edge_dim,
                    backtracking=backtracking,
                    seed=(seed * num_layers + layer) * (dim + 1) + k,
                )
                if dim:  # the edges of such a layer are none that an explainer knows
                    conv.explain = False
                convs.append(conv)
            self.layers.append(convs)
        joins = num_layers - 1 if virtual_node else 0
        self.virtual = nn.ModuleList(_virtual(width, dropout) for _ in range(joins))
        self.norm = BatchNorm(width)
        self.head = FeedForward(
            Dropout(dropout), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out_channels)
        )

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Those of the layer, and of complexes, which have no loops and no parallel edges."""
        held = dict(SCRaWlConv.compliance_exceptions)
        if self.dim:
            del held["edge_order"]
            still = "a walk on simplices stands still where one has no neighbours, and nowhere else"
            held["used_parameters"] = still
        return held

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field: how far the walks of all layers may come from."""
        return self.num_layers * self.walk_length

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the running statistics."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form; undirected where ``dim`` is not 0.
            edge_attr: ``[E, edge_dim]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            generator: Where walks come from; default torch's global generator in ``train()``, and
                ``seed`` in ``eval()``.
        """
        check_features("SCRaWl", x, self.in_channels)
        check_batch(batch)
        if edge_attr is not None and self.dim:
            raise ValueError("edge_attr: features of edges are read with dim=0")
        states, around = [x], []
        if self.dim:
            simplices = clique_complex(edge_index, x.size(0), self.dim)
            around = [simplicial_neighbors(simplices, k) for k in range(self.dim + 1)]
            states += [take_rows(x, each).mean(0) for each in simplices[1:]]
        graph = x.new_zeros(x.size(0), dtype=torch.long) if batch is None else batch
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        u = x.new_zeros(num_graphs, self.hidden_channels)
        for layer, convs in enumerate(self.layers):
            assert isinstance(convs, nn.ModuleList)
            if self.dim:
                states = [
                    conv(
                        states[k],
                        around[k].edge_index,
                        _carried(states, around[k], k),
                        generator=generator,
                    )
                    for k, conv in enumerate(convs)
                ] + states[len(convs) :]
            else:
                states = [convs[0](states[0], edge_index, edge_attr, generator=generator)]
            if layer < len(self.virtual):
                u = self.virtual[layer](u + pool(states[0], graph, batch_size=num_graphs))
                states[0] = states[0] + take_rows(u, graph)
        h = pool_nodes(self.norm(states[0]).relu(), self.pool, graph, num_graphs)
        out: Tensor = self.head(h)
        return out

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, self.out_channels, self.num_layers)
        return f"SCRaWl({', '.join([*map(str, sizes), *self.options()])})"


def _carried(states: list[Tensor], around: SimplicialNeighbors, k: int) -> Tensor:
    """Return the state of what joins each pair of k-simplices, faces left and cofaces right."""
    parts = [states[k - 1]] if k else []
    before = parts[0].size(0) if parts else 0
    parts += states[k + 1 : k + 2]
    return take_rows(torch.block_diag(*parts), around.via + before * around.upper)


def _virtual(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width, bias=False),
        BatchNorm(width),
        nn.ReLU(),
        Dropout(dropout),
        nn.Linear(width, width, bias=False),
    )
