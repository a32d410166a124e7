"""The classic networks as they are tuned: residual connections, norms, dropout, encodings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_batch, check_features, check_sizes
from graphpoly.layers.linear import Linear
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained

__all__ = ["ResidualGNN"]

CONVS: dict[str, Callable[..., nn.Module]] = {
    "gcn": GCNConv,
    "sage": SAGEConv,
    "gat": partial(GATConv, add_self_loops=False, bias=False),
}
NORMS: dict[str | None, Callable[[int], nn.Module]] = {
    None: lambda channels: nn.Identity(),
    "batch_norm": BatchNorm,
    "layer_norm": nn.LayerNorm,
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
}


class ResidualGNN(Pretrained):
    r"""Layers of PyG's, each with a linear map of its input beside it, or its input itself.

    .. math::
        H^{(l)} = s\, H^{(l-1)} + \mathrm{Dropout}\Big(\sigma\big(\mathrm{Norm}(
        \mathrm{Conv}_l(H^{(l-1)}, A) + H^{(l-1)} W_l)\big)\Big)

    with s = 0, or 1 with ``skip``, and linear maps behind the last, or behind the pooling of each
    graph. Self-loops are for the graph to have: GCN alone adds those that are missing.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        conv: ``"gcn"``, ``"sage"`` or ``"gat"``, with one head.
        residual: Add the linear map of the input.
        skip: Add the input itself, where it is as wide.
        norm: ``"batch_norm"``, ``"layer_norm"`` or None.
        activation: ``"relu"`` or ``"gelu"``.
        lin_in: Begin with a linear map and dropout.
        dropout: Probability behind each layer.
        pool: ``"mean"``, ``"add"`` or ``"max"`` over the nodes of a graph; None for nodes.
        head_layers: Linear maps at the end; before each of several is dropout, between them the
            activation.
        encoding_dim: Size of a positional encoding that is normalised and mapped to columns beside
            the features, or None.
        encoding_channels: Number of these columns.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that PyG's layers
          take, ``batch`` :math:`(N)`, ``encoding`` :math:`(N, F_{enc})`
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    Raises:
        ValueError: If a size is below 1, a name is unknown, or ``skip`` would add columns to others
            than there are.

    Luo, Shi and Wu, "Classic GNNs are Strong Baselines: Reassessing GNNs for Node Classification",
    NeurIPS 2024, arXiv:2406.08993; for graphs after Tönshoff, Ritzert, Rosenbluth and Grohe, "Where
    Did the Gap Go? Reassessing the Long-Range Graph Benchmark", TMLR 2024, arXiv:2309.00367.

    >>> import torch
    >>> net = ResidualGNN(8, 16, 4, conv="sage", norm="layer_norm")
    >>> net(torch.zeros(3, 8), torch.empty(2, 0, dtype=torch.long)).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        conv: str = "gcn",
        residual: bool = True,
        skip: bool = False,
        norm: str | None = "batch_norm",
        activation: str = "relu",
        lin_in: bool = False,
        dropout: float = 0.5,
        pool: str | None = None,
        head_layers: int = 1,
        encoding_dim: int | None = None,
        encoding_channels: int = 28,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        check_sizes(head_layers=head_layers)
        check_pool(pool)
        if conv not in CONVS:
            raise unknown("conv", conv, CONVS)
        if norm not in NORMS:
            raise unknown("norm", norm, [name for name in NORMS if name is not None])
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        self.in_channels = in_channels
        self.dropout = dropout
        self.skip = skip
        self.activation = activation
        self.pool = pool
        beside, width = 0, hidden_channels
        self.encode: nn.Module | None = None
        if encoding_dim is not None:
            check_sizes(encoding_dim=encoding_dim, encoding_channels=encoding_channels)
            beside = encoding_channels
            self.encode = nn.Sequential(BatchNorm(encoding_dim), Linear(encoding_dim, beside))
        if lin_in and beside >= width:
            raise ValueError(
                f"encoding_channels: got {beside}, expected less than {width}, the width"
            )
        self.lin_in = Linear(in_channels, width - beside) if lin_in else None
        first = width if lin_in else in_channels + beside
        if skip and first != width:
            raise ValueError(
                f"skip: the first layer reads {first} columns and gives {width}; set lin_in=True"
            )
        widths = [first, *[width] * (num_layers - 1)]
        self.convs = nn.ModuleList(CONVS[conv](each, width) for each in widths)
        self.lins = nn.ModuleList(Linear(each, width) for each in (widths if residual else ()))
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in widths)
        self.head = nn.ModuleList(Linear(width, width) for _ in range(head_layers - 1))
        self.lin_out = Linear(width, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        encoding: Tensor | None = None,
    ) -> Tensor:
        """Return logits, a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            encoding: ``[N, encoding_dim]``, such as PyG's ``AddRandomWalkPE`` gives.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        if (encoding is None) != (self.encode is None):
            got, has = ("None", "an") if encoding is None else ("a tensor", "no")
            raise ValueError(f"encoding: got {got}, the network has {has} encoding_dim")
        act = ACTIVATIONS[self.activation]
        if self.lin_in is not None:
            x = dropout(self.lin_in(x), self.dropout, self.training)
        if self.encode is not None:
            x = torch.cat([x, self.encode(encoding)], dim=-1)
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            heard = conv(x, edge_index)
            if len(self.lins):
                heard = heard + self.lins[layer](x)
            heard = dropout(act(norm(heard)), self.dropout, self.training)
            x = x + heard if self.skip else heard
        if self.pool is not None:
            x = pool_nodes(x, self.pool, batch, batch_size)
        for lin in self.head:
            x = act(lin(dropout(x, self.dropout, self.training)))
        if len(self.head):
            x = dropout(x, self.dropout, self.training)
        out: Tensor = self.lin_out(x)
        return out
