"""Message passing inside of patches that share nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import (
    GATConv,
    GCNConv,
    GINConv,
    GINEConv,
    ResGatedGraphConv,
    TransformerConv,
)
from torch_geometric.nn.inits import reset

from graphpoly.acceleration import accelerate
from graphpoly.errors import unknown
from graphpoly.layers.linear import Linear
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.ops import dropout, pool
from graphpoly.ops.take_rows import take_rows

__all__ = ["CONVS", "PatchEncoder", "reads_edges", "rectified"]

Conv = Callable[[int, bool], nn.Module]
_HEADS = 8


def rectified(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return Linear-BN-ReLU; the normalisation has the bias."""
    linear = Linear(in_channels, out_channels, bias=False)
    return nn.Sequential(linear, BatchNorm(out_channels), nn.ReLU())


def _gine(channels: int, edges: bool) -> nn.Module:
    mlp = rectified(channels, channels).append(Linear(channels, channels, bias=False))
    return GINEConv(mlp, train_eps=True) if edges else GINConv(mlp, train_eps=True)


def _transformer(channels: int, edges: bool) -> nn.Module:
    if channels % _HEADS:
        raise ValueError(f"hidden_channels: got {channels}, expected a multiple of {_HEADS}")
    edge_dim = channels if edges else None
    return TransformerConv(channels, channels // _HEADS, _HEADS, edge_dim=edge_dim)


CONVS: dict[str, Conv] = {
    "gine": _gine,
    "gcn": lambda channels, edges: GCNConv(channels, channels),
    "gat": lambda channels, edges: GATConv(
        channels, channels, edge_dim=channels if edges else None
    ),
    "gated": lambda channels, edges: ResGatedGraphConv(
        channels, channels, edge_dim=channels if edges else None
    ),
    "transformer": _transformer,
}


def reads_edges(conv: str | Conv) -> bool:
    """Return whether a layer can be given features of edges."""
    return conv != "gcn"


class PatchEncoder(nn.Module):
    r"""Layers on the copies of nodes, between which patches and copies hear of each other.

    With :math:`h_{v,p}` the state of node v in patch p, before each layer but the first

    .. math::
        h_{v,p} \leftarrow h_{v,p} + U\big(\operatorname*{mean}_{u \in p} h_{u,p}\big), \qquad
        h_{v,p} \leftarrow \operatorname*{mean}_{q \ni v} h_{v,q}

    and in each :math:`h \leftarrow W (h + \mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}(h)))) + b`.

    Args:
        channels: Size of all states.
        num_layers: Number of layers.
        conv: A name of :data:`CONVS`, or a function from the channels, and from whether there are
            features of edges, to a layer that is called with ``(x, edge_index)`` and these. Layers
            of PyG run on our kernels (:func:`graphpoly.acceleration.accelerate`).
        edges: Whether there are features of edges, of so many channels.
        dropout: Behind each ReLU.
    """

    def __init__(
        self, channels: int, num_layers: int, *, conv: str | Conv, edges: bool, dropout: float
    ) -> None:
        super().__init__()
        if isinstance(conv, str):
            if conv not in CONVS:
                raise unknown("conv", conv, CONVS)
            conv = CONVS[conv]
        self.dropout = dropout
        self.convs = nn.ModuleList(conv(channels, edges) for _ in range(num_layers))
        self.norms = nn.ModuleList(BatchNorm(channels) for _ in range(num_layers))
        self.lins = nn.ModuleList(Linear(channels, channels) for _ in range(num_layers))
        self.updates = nn.ModuleList(rectified(channels, channels) for _ in range(num_layers - 1))
        accelerate(self.convs)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        node: Tensor,
        patch: Tensor,
        num_patches: int,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """Return the states of the copies, ``[S, C]``.

        Args:
            x: States of the nodes, ``[N, C]``.
            node, patch: Of each copy, ``[S]`` both.
            num_patches: Number of patches of all graphs.
            edge_index: Between copies, ``[2, T]``.
            edge_attr: ``[T, C]``.
        """
        features = () if edge_attr is None else (edge_attr,)
        h = take_rows(x, node)
        for i, (conv, norm, lin) in enumerate(zip(self.convs, self.norms, self.lins, strict=True)):
            if i:
                mean = pool(h, patch, "mean", batch_size=num_patches)
                told: Any = self.updates[i - 1]
                # the map is that of patches, the normalisation that of their copies
                h = h + told[1:](take_rows(told[0](mean), patch))
                h = take_rows(pool(h, node, "mean", batch_size=x.size(0)), node)
            update = norm(conv(h, edge_index, *features)).relu()
            h = lin(h + dropout(update, self.dropout, self.training))
        return h
