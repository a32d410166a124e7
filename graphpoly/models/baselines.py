"""What every figure is held against: PyG's own networks, sized like ours."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import GAT, GCN, GIN, LINKX, GCN2Conv, GraphSAGE, SGConv
from torch_geometric.nn import MLP as Perceptron

from graphpoly import registry
from graphpoly.layers.linear import Linear, after_dropout
from graphpoly.models.residual_gnn import ResidualGNN
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained

__all__ = ["GCNII", "MLP", "Linkx"]


class MLP(Pretrained):
    """A perceptron, and no graph.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_layers: Linear maps.
        dropout: Probability after each activation.

    >>> import torch
    >>> MLP(8, 16, 4)(torch.zeros(3, 8), None).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        sizes = [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
        self.mlp = Perceptron(sizes, dropout=dropout, norm=None)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.mlp.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        out: Tensor = self.mlp(x)
        return out


class GCNII(Pretrained):
    r"""GCNII: initial residual and identity mapping, deep without smoothing everything away.

    .. math::
        H^{(l+1)} = \mathrm{ReLU}\big(((1-\alpha) \hat P H^{(l)} + \alpha H^{(0)})
        ((1-\beta_l) I + \beta_l W^{(l)})\big), \qquad \beta_l = \log(\theta / l + 1)

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        dropout: Probability before each layer.
        alpha: Share of the first representation.
        theta: Strength of the weights.

    >>> import torch
    >>> net = GCNII(8, 16, 4, num_layers=2)
    >>> net(torch.zeros(3, 8), torch.empty(2, 0, dtype=torch.long)).shape
    torch.Size([3, 4])
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 16,
        *,
        dropout: float = 0.5,
        alpha: float = 0.1,
        theta: float = 0.5,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.lin_in = Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList(
            GCN2Conv(hidden_channels, alpha, theta, layer) for layer in range(1, num_layers + 1)
        )
        self.lin_out = nn.Linear(hidden_channels, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (self.lin_in, *self.convs, self.lin_out):
            module.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        x = first = after_dropout(self.lin_in, x, self.dropout if self.training else 0.0).relu()
        for conv in self.convs:
            x = dropout(x, self.dropout, self.training)
            x = conv(x, first, edge_index, edge_weight).relu()
        return self.lin_out(dropout(x, self.dropout, self.training))


class Linkx(Pretrained):
    """LINKX of PyG on one graph: rows of the adjacency matrix and features, each a perceptron.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width.
        out_channels: Number of classes or targets.
        num_nodes: Nodes of the graph: the network knows each of them.
        num_layers: Linear maps of the last perceptron.
        dropout: Probability after each activation.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_nodes: int,
        num_layers: int = 1,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.net = LINKX(
            num_nodes, in_channels, hidden_channels, out_channels, num_layers, dropout=dropout
        )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.net.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        out: Tensor = self.net(x, edge_index, edge_weight)
        return out


_PAPERS: dict[str, tuple[Any, str, str | None]] = {
    "MLP": (MLP, "a perceptron on the features alone", None),
    "GCN": (
        GCN,
        "Kipf, Welling. Semi-Supervised Classification with Graph Convolutional Networks. "
        "ICLR 2017",
        "1609.02907",
    ),
    "SAGE": (
        GraphSAGE,
        "Hamilton, Ying, Leskovec. Inductive Representation Learning on Large Graphs. NeurIPS 2017",
        "1706.02216",
    ),
    "GIN": (
        GIN,
        "Xu, Hu, Leskovec, Jegelka. How Powerful are Graph Neural Networks? ICLR 2019",
        "1810.00826",
    ),
    "GAT": (
        GAT,
        "Veličković, Cucurull, Casanova, Romero, Liò, Bengio. Graph Attention Networks. ICLR 2018",
        "1710.10903",
    ),
    "GCNII": (
        GCNII,
        "Chen, Wei, Huang, Ding, Li. Simple and Deep Graph Convolutional Networks. ICML 2020",
        "2007.02133",
    ),
    "ResidualGNN": (
        ResidualGNN,
        "Luo, Shi, Wu. Classic GNNs are Strong Baselines: Reassessing GNNs for Node "
        "Classification. NeurIPS 2024",
        "2406.08993",
    ),
    "SGC": (
        SGConv,
        "Wu et al. Simplifying Graph Convolutional Networks. ICML 2019",
        "1902.07153",
    ),
    "LINKX": (
        Linkx,
        "Lim et al. Large Scale Learning on Non-Homophilous Graphs: New Benchmarks and Strong "
        "Simple Methods. NeurIPS 2021",
        "2110.14446",
    ),
}
_STRENGTH = {"MLP": "that of the features", "LINKX": "not permutation-equivariant"}
for _name, (_cls, _paper, _arxiv) in _PAPERS.items():
    _tags = {"expressivity": _STRENGTH.get(_name, "1-WL")}
    registry.add("baseline", _name, _cls, paper=_paper, arxiv=_arxiv, tags=_tags)
