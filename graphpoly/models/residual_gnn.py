"""The classic networks as they are tuned: linear maps beside the layers, norms, and dropout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_features, check_sizes
from graphpoly.layers.linear import Linear
from graphpoly.models.batch_norm import BatchNorm
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


class ResidualGNN(Pretrained):
    r"""Layers of PyG's, each with a linear map of its input beside it.

    .. math::
        H^{(l)} = \mathrm{Dropout}\Big(\mathrm{ReLU}\big(\mathrm{Norm}(
        \mathrm{Conv}_l(H^{(l-1)}, A) + H^{(l-1)} W_l)\big)\Big)

    and a linear map behind the last. Self-loops are for the graph to have: GCN alone adds those
    that are missing.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        conv: ``"gcn"``, ``"sage"`` or ``"gat"``, with one head.
        residual: Add the linear map of the input.
        norm: ``"batch_norm"``, ``"layer_norm"`` or None.
        lin_in: Begin with a linear map and dropout.
        dropout: Probability behind each layer.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that PyG's layers take
        - **output:** :math:`(N, F_{out})`

    Raises:
        ValueError: If a size is below 1, or a name is unknown.

    Luo, Shi and Wu, "Classic GNNs are Strong Baselines: Reassessing GNNs for Node Classification",
    NeurIPS 2024, arXiv:2406.08993.

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
        norm: str | None = "batch_norm",
        lin_in: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        if conv not in CONVS:
            raise unknown("conv", conv, CONVS)
        if norm not in NORMS:
            raise unknown("norm", norm, [name for name in NORMS if name is not None])
        self.in_channels = in_channels
        self.dropout = dropout
        self.lin_in = Linear(in_channels, hidden_channels) if lin_in else None
        first = hidden_channels if lin_in else in_channels
        widths = [first, *[hidden_channels] * (num_layers - 1)]
        self.convs = nn.ModuleList(CONVS[conv](width, hidden_channels) for width in widths)
        self.lins = nn.ModuleList(
            Linear(width, hidden_channels) for width in (widths if residual else ())
        )
        self.norms = nn.ModuleList(NORMS[norm](hidden_channels) for _ in widths)
        self.lin_out = Linear(hidden_channels, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        if self.lin_in is not None:
            x = dropout(self.lin_in(x), self.dropout, self.training)
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            heard = conv(x, edge_index)
            if len(self.lins):
                heard = heard + self.lins[layer](x)
            x = dropout(norm(heard).relu(), self.dropout, self.training)
        out: Tensor = self.lin_out(x)
        return out
