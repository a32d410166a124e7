"""Layers of parameterised decomposition and filtering that share one set of filters."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import BatchNorm
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import PDFConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PDFNet"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


@register(
    "model",
    paper="Yang, Feng, Shen, Hooi. Towards Better Graph Representation Learning with Parameterized "
    "Decomposition & Filtering. ICML 2023",
    arxiv="2305.06102",
    example=lambda: PDFNet(8, 16, 4, num_layers=2, powers=(1, 2), hops=None),
    tags={
        "expressivity": "beyond 1-WL (closed walks)",
        "complexity": "O(X K |E| n + L P C + P C^2) time, or O(X K T + ...) for T entries in balls "
        "around nodes; O(L P C) memory for P pairs",
    },
)
@passes_on(PDFConv, without=("encoder",))
class PDFNet(Pretrained, NamedArguments):
    r"""PDF: convolutions and perceptrons in turn, both with a residual.

    .. math::
        X' = X + \mathrm{PDFConv}(X), \qquad X'' = X' + \mathrm{FFN}(X')

    FFN is twice linear, batch normalisation, activation. The filters are made once and serve all
    layers. A linear map stands before, linear-activation-dropout-linear after, on nodes or on
    pooled graphs.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the features between.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        dropout: Probability before the last linear map.
        filter_dropout: Probability on the filters, before their softmax.
        layer_dropout: Probability on what each convolution and perceptron adds.
        activation: ``"gelu"`` or ``"relu"``.
        pool: ``"mean"``, ``"add"`` or ``"max"`` for a row for each graph, None for nodes.
        norm: Batch normalisation in filters and perceptrons.
        **kwargs: Further arguments of :class:`~graphpoly.layers.PDFConv`, such as ``exponents``,
            ``powers``, ``hops``, ``softmax``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    >>> PDFNet(7, 64, 2, num_layers=3, pool="mean", hops=None)
    PDFNet(7, 64, 2, num_layers=3, dropout=0.0, filter_dropout=0.0, pool='mean', hops=None)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 4,
        dropout: float = 0.0,
        filter_dropout: float = 0.0,
        layer_dropout: float = 0.0,
        activation: str = "gelu",
        pool: str | None = None,
        norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        check_pool(pool)
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.filter_dropout = filter_dropout
        self.layer_dropout = layer_dropout
        self.activation = activation
        self.pool = pool
        width = hidden_channels
        self.lin1 = nn.Linear(in_channels, width)
        self.convs = nn.ModuleList(
            PDFConv(width, width, norm=norm, encoder=layer == 0, **kwargs)
            for layer in range(num_layers)
        )
        self.ffns = nn.ModuleList(_perceptron(width, activation, norm) for _ in range(num_layers))
        self.lin2 = nn.Linear(width, width)
        self.lin3 = nn.Linear(width, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (self.lin1, *self.convs, *self.ffns, self.lin2, self.lin3):
            reset(module)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return logits, ``[N, out_channels]`` or ``[B, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        first: Any = self.convs[0]
        dropped = self.filter_dropout
        filters = first.filters(x, edge_index, edge_weight, batch, batch_size, dropout=dropped)
        x = self.lin1(x)
        for conv, ffn in zip(self.convs, self.ffns, strict=True):
            x = x + dropout(conv(x, edge_index, filters=filters), self.layer_dropout, self.training)
            x = x + dropout(ffn(x), self.layer_dropout, self.training)
        x = pool_nodes(x, self.pool, batch, batch_size)
        x = dropout(ACTIVATIONS[self.activation]()(self.lin2(x)), self.dropout, self.training)
        out: Tensor = self.lin3(x)
        return out

    def __repr__(self) -> str:
        first: Any = self.convs[0]
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"num_layers={self.num_layers}", f"dropout={self.dropout}"),
            *(f"filter_dropout={self.filter_dropout}", f"pool={self.pool!r}"),
            *([f"layer_dropout={self.layer_dropout}"] if self.layer_dropout else []),
            *([f"activation={self.activation!r}"] if self.activation != "gelu" else []),
            *first.options(norm=True),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


def _perceptron(width: int, activation: str, norm: bool) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(2):
        parts.append(nn.Linear(width, width))
        if norm:
            parts.append(BatchNorm(width, allow_single_element=True))
        parts.append(ACTIVATIONS[activation]())
    return nn.Sequential(*parts)
