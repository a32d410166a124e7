"""The GIN and GCN with features of edges that OGB measures its sets of graphs with."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import GINEConv, MessagePassing, global_add_pool, global_mean_pool
from torch_geometric.utils import degree

from graphpoly.acceleration.dense import Perceptron
from graphpoly.data import ogb_evaluator
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["AssociationGNN", "BondGCNConv", "MoleculeGNN", "encoders"]


class BondGCNConv(MessagePassing):
    r"""GCN's operator with an embedding of each edge inside the message, as in OGB's baseline.

    .. math::
        x_i' = \sum_{j \to i} \frac{\mathrm{ReLU}(W x_j + b + e_{ji})}{\sqrt{d_i d_j}}
        + \frac{\mathrm{ReLU}(W x_i + b + r)}{d_i}

    with :math:`d` one more than the degree, and a learned root :math:`r`.

    Args:
        channels: Size of node and edge features, and of the output.

    Shapes:
        - **input:** :math:`(N, C)`, ``edge_index``, ``edge_attr`` :math:`(E, C)`
        - **output:** :math:`(N, C)`
    """

    def __init__(self, channels: int) -> None:
        super().__init__(aggr="add")
        self.lin = nn.Linear(channels, channels)
        self.root = nn.Embedding(1, channels)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Aggregate."""
        x = self.lin(x)
        deg = degree(edge_index[0], x.size(0), dtype=x.dtype) + 1
        scale = deg.rsqrt()
        norm = (scale[edge_index[0]] * scale[edge_index[1]]).unsqueeze(-1)
        out = self.propagate(edge_index, x=x, edge_attr=edge_attr, norm=norm)
        return out + F.relu(x + self.root.weight) / deg.unsqueeze(-1)

    def message(self, x_j: Tensor, edge_attr: Tensor, norm: Tensor) -> Tensor:
        """Weigh what one edge brings."""
        return norm * F.relu(x_j + edge_attr)


@register(
    "baseline",
    paper="Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020",
    arxiv="2005.00687",
    example=lambda: MoleculeGNN("gin", 16, 1, num_layers=2),
    tags={"expressivity": "1-WL"},
)
class MoleculeGNN(Pretrained):
    """Atom embedding, layers with bond embeddings, mean over the atoms, one linear map.

    Args:
        conv: ``"gin"`` or ``"gcn"``.
        hidden_channels: Size of all embeddings.
        out_channels: Number of tasks.
        num_layers: Number of convolutions, each followed by batch normalisation and dropout.
        dropout: Probability after each layer.
        virtual_node: Join the atoms of each molecule to a node of its own, which starts as the same
            learned vector everywhere and takes their sum through a perceptron after each layer but
            the last.
    """

    def __init__(
        self,
        conv: str,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 5,
        dropout: float = 0.5,
        virtual_node: bool = False,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.atoms = self._node_encoder(hidden_channels)
        self.bonds = nn.ModuleList(self._edge_encoder(hidden_channels) for _ in range(num_layers))
        self.convs = nn.ModuleList(_conv(conv, hidden_channels) for _ in range(num_layers))
        self.norms = nn.ModuleList(BatchNorm(hidden_channels) for _ in range(num_layers))
        self.readout = nn.Linear(hidden_channels, out_channels)
        self.virtual: nn.Parameter | None = None
        self.updates = nn.ModuleList()
        if virtual_node:
            self.virtual = nn.Parameter(torch.zeros(1, hidden_channels))
            self.updates.extend(_update(hidden_channels) for _ in range(num_layers - 1))

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Return one row of logits for each graph.

        Args:
            x: Atoms' categories, ``[N, 9]``.
            edge_index: ``[2, E]``.
            edge_attr: Bonds' categories, ``[E, 3]``.
            batch: Graph of each atom, ``[N]``.
        """
        x = self.atoms(x)
        virtual: Tensor | None = self.virtual
        parts = zip(self.bonds, self.convs, self.norms, strict=True)
        for layer, (bond, conv, norm) in enumerate(parts):
            last = layer == len(self.convs) - 1
            if virtual is not None:
                x = x + (virtual if layer == 0 else virtual[batch])
                if not last:
                    virtual = self.updates[layer](global_add_pool(x, batch) + virtual)
                    virtual = dropout(virtual, self.dropout, self.training)
            x = norm(conv(x, edge_index, bond(edge_attr)))
            x = dropout(x if last else F.relu(x), self.dropout, self.training)
        return self.readout(global_mean_pool(x, batch))

    def _node_encoder(self, channels: int) -> nn.Module:
        encoder: nn.Module = encoders().AtomEncoder(channels)
        return encoder

    def _edge_encoder(self, channels: int) -> nn.Module:
        encoder: nn.Module = encoders().BondEncoder(channels)
        return encoder


@register(
    "baseline",
    paper="Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020",
    arxiv="2005.00687",
    example=lambda: AssociationGNN("gin", 3, 16, 2, num_layers=2),
    tags={"expressivity": "1-WL"},
)
class AssociationGNN(MoleculeGNN):
    """:class:`MoleculeGNN` for graphs of proteins: nodes are alike, edges have numbers.

    All nodes start as the same learned vector, whatever their features are; each layer maps the
    numbers of an edge by one linear map.

    Args:
        conv: ``"gin"`` or ``"gcn"``.
        edge_channels: Columns of ``edge_attr``.
        hidden_channels: Size of all embeddings.
        out_channels: Number of classes.
        num_layers: Number of convolutions, each followed by batch normalisation and dropout.
        dropout: Probability after each layer.
        virtual_node: Join the nodes of each graph to one of their own, as there.
    """

    def __init__(
        self,
        conv: str,
        edge_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 5,
        dropout: float = 0.5,
        virtual_node: bool = False,
    ) -> None:
        self.edge_channels = edge_channels
        super().__init__(
            conv,
            hidden_channels,
            out_channels,
            num_layers=num_layers,
            dropout=dropout,
            virtual_node=virtual_node,
        )

    def _node_encoder(self, channels: int) -> nn.Module:
        return _Alike(1, channels)

    def _edge_encoder(self, channels: int) -> nn.Module:
        return nn.Linear(self.edge_channels, channels)


class _Alike(nn.Embedding):
    """One vector for every node."""

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(x.size(0), -1)


def _conv(name: str, channels: int) -> nn.Module:
    if name == "gcn":
        return BondGCNConv(channels)
    mlp = Perceptron(
        nn.Linear(channels, 2 * channels),
        nn.BatchNorm1d(2 * channels),
        nn.ReLU(),
        nn.Linear(2 * channels, channels),
    )
    return GINEConv(mlp, train_eps=True)


def _update(channels: int) -> nn.Module:
    return Perceptron(
        nn.Linear(channels, 2 * channels),
        nn.BatchNorm1d(2 * channels),
        nn.ReLU(),
        nn.Linear(2 * channels, channels),
        nn.BatchNorm1d(channels),
        nn.ReLU(),
    )


def encoders() -> Any:
    """Return OGB's module of encoders of atoms and bonds."""
    # the gateway has imported ogb without its search for updates
    ogb_evaluator("ogbg-molhiv")
    from ogb.graphproppred import mol_encoder

    return mol_encoder
