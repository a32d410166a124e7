"""Message passing between matrix functions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import BatchNorm

from graphpoly.layers import MatrixFunctionConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import dropout, spmm
from graphpoly.ops.normalize import normalized
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["MatrixFunctionGNN"]


@register(
    "model",
    paper="Batatia, Schaaf, Csányi, Ortner, Faber. Equivariant Matrix Function Neural Networks. "
    "ICLR 2024",
    arxiv="2310.10434",
    example=lambda: MatrixFunctionGNN(8, 16, 4, num_layers=2, matrices=2, poles=2),
    tags={
        "expressivity": "beyond 1-WL (closed walks of all lengths)",
        "complexity": "dense O(L C P sum_g n_g^3); sparse, product: O(L C P |E|) an iteration",
    },
)
@passes_on(MatrixFunctionConv)
class MatrixFunctionGNN(Pretrained, NamedArguments):
    r"""MFN: layers of a graph convolution and a matrix function, both with a residual.

    .. math::
        X' = X + \mathrm{BN}(\mathrm{SiLU}(\tilde P X W + b)), \qquad
        X'' = X' + \mathrm{BN}(\mathrm{MatrixFunctionConv}(X'))

    with :math:`\tilde P` the normalised adjacency with self-loops, a linear map before and a
    two-layer perceptron after, on nodes or on pooled graphs.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the features between.
        out_channels: Number of classes or targets.
        num_layers: Number of layers.
        dropout: Probability before the last linear map.
        pool: ``"mean"``, ``"add"`` or ``"max"`` for a row for each graph, None for nodes.
        **kwargs: Further arguments of :class:`~graphpoly.layers.MatrixFunctionConv`, such as
            ``matrices``, ``poles``, ``readout``, ``solver``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), ``batch`` :math:`(N)` (optional)
        - **output:** logits :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    >>> MatrixFunctionGNN(7, 64, 2, num_layers=3, pool="mean", poles=2)
    MatrixFunctionGNN(7, 64, 2, num_layers=3, dropout=0.0, pool='mean', poles=2)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 2,
        dropout: float = 0.0,
        pool: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        check_pool(pool)
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.dropout = dropout
        self.pool = pool
        width = hidden_channels
        self.lin1 = nn.Linear(in_channels, width)
        self.near = nn.ModuleList(nn.Linear(width, width) for _ in range(num_layers))
        self.far = nn.ModuleList(
            MatrixFunctionConv(width, width, **kwargs) for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(
            BatchNorm(width, allow_single_element=True) for _ in range(2 * num_layers)
        )
        self.lin2 = nn.Linear(width, width)
        self.lin3 = nn.Linear(width, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (self.lin1, *self.near, *self.far, *self.norms, self.lin2, self.lin3):
            module.reset_parameters()

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
        adj = normalized(
            edge_index,
            edge_weight,
            x.size(0),
            add_self_loops=True,
            dtype=torch.promote_types(x.dtype, torch.float32),
            transposed=torch.is_grad_enabled(),
        )
        x = self.lin1(x)
        for layer in range(self.num_layers):
            near = F.silu(spmm(adj, self.near[layer](x)))
            x = x + self.norms[2 * layer](near)
            far = self.far[layer](x, edge_index, edge_weight, batch, batch_size)
            x = x + self.norms[2 * layer + 1](far)
        x = pool_nodes(x, self.pool, batch, batch_size)
        x = dropout(F.silu(self.lin2(x)), self.dropout, self.training)
        out: Tensor = self.lin3(x)
        return out

    def __repr__(self) -> str:
        layer: Any = self.far[0]
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"num_layers={self.num_layers}", f"dropout={self.dropout}", f"pool={self.pool!r}"),
            *layer.options(),
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"
