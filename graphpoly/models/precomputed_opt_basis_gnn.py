"""OptBasisGNN on raw features: the graph is seen once, and training takes any nodes at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import MLP

from graphpoly.layers import OptBasisConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.beyond_hops import beyond_hops
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PrecomputedOptBasisGNN"]


@register(
    "model",
    paper="Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023",
    arxiv="2302.12432",
    example=lambda: PrecomputedOptBasisGNN(8, 16, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| F + K^2 |V| F) once, then O(K F) a node"},
)
@passes_on(OptBasisConv, without=("linear", "bias"))
class PrecomputedOptBasisGNN(Pretrained, NamedArguments):
    r"""The scaled-up form of OptBasisGNN (section 4.5 of the paper).

    .. math::
        \mathrm{logits}_i = \mathrm{MLP}\Bigl(\sum_{k=0}^{K} \theta_k \odot v_{k,i}\Bigr), \qquad
        V_c^\top V_c = N I \;\text{for each feature}\; c

    No learned map comes before the basis, so that :meth:`precompute` makes the vectors of the raw
    features once; :meth:`readout` then needs the rows of the nodes of a batch and no edge. Train it
    with :class:`graphpoly.training.RowTask`.

    Args:
        in_channels: Size F of each input feature: the channels that are filtered.
        hidden_channels: Width of the perceptron.
        out_channels: Number of classes or targets.
        K: Order of the polynomial.
        num_layers: Linear maps of the perceptron.
        dropout: Probability before each of them but the first.
        filter_dropout: Probability behind the filter.
        **kwargs: Arguments of :class:`~graphpoly.layers.OptBasisConv`, such as ``normalization``.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **rows:** :math:`(N, K+1, F)`
        - **output:** logits :math:`(N, F_{out})`; no softmax

    Complexity:
        :meth:`precompute` O(K E F + K^2 N F) time, O(K N F) memory, which is what has to be stored;
        a step on B nodes O(B K F) and the perceptron.

    Differences from the paper:
        The published repository has no code for this form. The vectors have mean square 1, not
        length 1, so that what the perceptron sees does not shrink with the graph. Coefficients are
        1 at order 0 and 0 elsewhere at the start, as in the full form.

    >>> PrecomputedOptBasisGNN(500, 64, 3)
    PrecomputedOptBasisGNN(500, 64, 3, K=10, num_layers=2, dropout=0.5, filter_dropout=0.5)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        num_layers: int = 2,
        dropout: float = 0.5,
        filter_dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.filter_dropout = filter_dropout
        self.filter = OptBasisConv(in_channels, in_channels, K, linear=False, bias=False, **kwargs)
        self.mlp = MLP(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            num_layers=num_layers,
            dropout=dropout,
            norm=None,
        )

    @property
    def num_hops(self) -> int:
        """Order of the polynomial."""
        return self.filter.num_hops

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """That of the filter, if it reads the whole graph."""
        return beyond_hops(self.filter)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.filter.reset_parameters()
        self.mlp.reset_parameters()

    def precompute(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Return the rows of all nodes, ``[N, K+1, in_channels]``, in the dtype of ``x``."""
        adj = self.filter.operator(x, edge_index, edge_weight)
        vectors = self.filter.vectors(x, adj, batch)
        if batch is None:
            size = vectors.new_full((1,), max(x.size(0), 1))
        else:
            one = torch.ones_like(vectors[0, :, 0])
            size = torch.zeros_like(one).index_add(0, batch, one)[batch]
        return (vectors * size.sqrt().unsqueeze(-1)).transpose(0, 1).to(x.dtype)

    def readout(self, rows: Tensor) -> Tensor:
        """Return the logits of any nodes from their rows, ``[B, out_channels]``."""
        x = (rows * self.filter.weights().to(rows.dtype)).sum(1)
        out: Tensor = self.mlp(dropout(x, self.filter_dropout, self.training))
        return out

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Return logits, ``[N, out_channels]``: both steps, on all nodes."""
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        return self.readout(self.precompute(x, edge_index, edge_weight, batch))

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"K={self.filter.K}", f"num_layers={self.num_layers}", f"dropout={self.dropout}"),
            *(f"filter_dropout={self.filter_dropout}", *self.filter.options()),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
