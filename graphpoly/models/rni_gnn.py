"""The network of random node initialisation: some of each node's features are noise."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import RandomNodeFeatures
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.layers.dropout import Dropout
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import spmm, to_csr
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["RNIGNN"]

REDUCES = ("mean", "sum")


@register(
    "model",
    paper="Abboud, Ceylan, Grohe, Lukasiewicz. The Surprising Power of Graph Neural Networks with "
    "Random Node Initialization. IJCAI 2021",
    arxiv="2010.01179",
    example=lambda: RNIGNN(8, 16, 4, num_layers=2, ratio=0.5, dropout=0.0, fixed=True),
    tags={
        "expressivity": "universal with high probability; 1-WL with ratio 0",
        "complexity": "O(L (|E| C + |V| C^2)) time, O(L |V| C) memory",
    },
)
class RNIGNN(Pretrained, NamedArguments):
    r"""Graph convolutions on features of which a share is drawn anew in each forward pass.

    .. math::
        H^{(0)} = [\, \tanh(\mathrm{GC}(\tanh(\mathrm{GC}(X)))) \,\|\, Z \,], \qquad
        H^{(l+1)} = \tanh(\mathrm{GC}_l(H^{(l)})), \qquad
        \mathrm{GC}(H)_v = W_1 h_v + W_2 \operatorname*{mean}_{u \to v} h_u + b

    with :math:`Z` of :math:`\lfloor \rho C \rfloor` columns, and a perceptron
    :math:`C \to C \to C/2 \to F_{out}` with ELU behind the pooling. With :math:`\rho = 1` there is
    nothing but noise; with :math:`\rho = 0` there is none, and the network is at most 1-WL.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        out_channels: Numbers for each graph or node.
        num_layers: Convolutions behind the noise.
        ratio: Share :math:`\rho` of the features that is noise, from 0 to 1.
        distribution: See :func:`graphpoly.ops.random_features`.
        reduce: ``"mean"`` over the neighbours, as published, or ``"sum"``.
        dropout: Inside the perceptron.
        pool: ``"max"``, ``"mean"`` or ``"add"`` over the nodes of a graph; None for nodes.
        fixed: Draw the same noise in each call of ``eval()``; see
            :class:`~graphpoly.layers.RandomNodeFeatures`.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)` and
          ``batch`` :math:`(N)` (both optional)
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    Differences from the paper: none known; its parameters are drawn as :class:`torch.nn.Linear`
    draws them.

    >>> RNIGNN(2, 64, 2, ratio=0.125, pool="max")
    RNIGNN(2, 64, 2, num_layers=8, ratio=0.125, pool='max')
    """

    printed: ClassVar[dict[str, object]] = {
        "distribution": "normal",
        "reduce": "mean",
        "dropout": 0.5,
        "pool": None,
        "fixed": False,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 8,
        *,
        ratio: float = 0.5,
        distribution: str = "normal",
        reduce: str = "mean",
        dropout: float = 0.5,
        pool: str | None = None,
        fixed: bool = False,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels, num_layers=num_layers)
        check_sizes(hidden_channels=hidden_channels)
        check_pool(pool)
        if not 0 <= ratio <= 1:
            raise ValueError(f"ratio: got {ratio}, expected a share from 0 to 1")
        if reduce not in REDUCES:
            raise unknown("reduce", reduce, REDUCES)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.ratio = ratio
        self.distribution = distribution
        self.reduce = reduce
        self.dropout = dropout
        self.pool = pool
        self.fixed = fixed
        noise = int(ratio * hidden_channels)
        read = hidden_channels - noise
        self.encoder = nn.ModuleList()
        if read:
            width = max(hidden_channels // 2, 1)
            self.encoder.extend([_Convolution(in_channels, width), _Convolution(width, read)])
        self.noise = None
        if noise:
            self.noise = RandomNodeFeatures(noise, distribution=distribution, fixed=fixed)
        self.convs = nn.ModuleList(
            _Convolution(hidden_channels, hidden_channels) for _ in range(num_layers)
        )
        half = max(hidden_channels // 2, 1)
        self.head = nn.Sequential(
            nn.Linear(hidden_channels, hidden_channels),
            nn.ELU(),
            Dropout(dropout),
            nn.Linear(hidden_channels, half),
            nn.ELU(),
            nn.Linear(half, out_channels),
        )

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.num_layers + len(self.encoder)

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What noise in the features cannot keep."""
        if self.noise is None:
            return {}
        told = "the noise of a node hangs on its place among those that are passed together"
        names = ("node_permutation", "batch")
        varied = {} if self.fixed else {"eval_determinism": "noise is drawn anew, as published"}
        drawn = {"float64": "noise in float64 is other noise than in float32"}
        return {**dict.fromkeys(names, told), **varied, **drawn}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.encoder, self.convs, self.head):
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            edge_weight: What each neighbour's features are multiplied by, ``[E]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            generator: Where noise comes from; see :class:`~graphpoly.layers.RandomNodeFeatures`.
        """
        check_features("RNIGNN", x, self.in_channels)
        check_batch(batch)
        adj = to_csr(edge_index, edge_weight, num_nodes=x.size(0), transposed=True)
        h = x if self.encoder else x[:, :0]
        for conv in self.encoder:
            h = conv(h, adj, self.reduce).tanh()
        if self.noise is not None:
            h = self.noise(h, generator=generator)
        for conv in self.convs:
            h = conv(h, adj, self.reduce).tanh()
        out: Tensor = self.head(pool_nodes(h, self.pool, batch, batch_size))
        return out

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.hidden_channels}, {self.out_channels}"
        shape = [f"num_layers={self.num_layers}", f"ratio={self.ratio}"]
        return f"RNIGNN({', '.join([sizes, *shape, *self.options()])})"


class _Convolution(nn.Module):
    """One map for a node and one for its neighbours."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin_self = nn.Linear(in_channels, out_channels)
        self.lin_neighbors = nn.Linear(in_channels, out_channels, bias=False)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        self.lin_self.reset_parameters()
        self.lin_neighbors.reset_parameters()

    def forward(self, x: Tensor, adj: Any, reduce: str) -> Tensor:
        """Aggregate."""
        return self.lin_self(x) + spmm(adj, self.lin_neighbors(x), reduce)
