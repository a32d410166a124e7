"""A network that hears neighbours and all others, to say which of two graphs has more."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import spmm, to_csr
from graphpoly.ops.batching import count_graphs
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["ComparatorNet"]


@register(
    "model",
    paper="Brusca, Quaedvlieg, Skoulakis, Chrysos, Cevher. Maximum Independent Set: Self-Training "
    "through Dynamic Programming. NeurIPS 2023",
    arxiv="2310.18672",
    example=lambda: ComparatorNet(8, 16, 4, num_layers=2),
    tags={
        "expressivity": "1-WL with the number of nodes",
        "complexity": "O(L (|E| C + |V| C^2)) time, O(L |V| C) memory",
    },
)
class ComparatorNet(Pretrained, NamedArguments):
    r"""Layers that sum over neighbours and over all others, and a perceptron with a skip.

    .. math::
        H_{l+1} = \mathrm{LN}\big(\mathrm{GELU}\,[\,H_l W_s + b_s \,\|\, (A + I)(H_l W_f + b_f)
        \,\|\, (J - A)(H_l W_a + b_a)\,]\big)

    with J all ones within a graph. Of the mean over the nodes of a graph four linear maps follow,
    the last of which reads the first one's output beside the third's. What it gives a graph is a
    score: of two graphs the one of the higher score is preferred, and with one output the
    comparator of the paper is the softmax of both (see :func:`~graphpoly.models.train_comparator`).

    Args:
        in_channels: Size of each input feature, such as 1 for a column of ones.
        hidden_channels: Width C of each of the three parts.
        out_channels: Numbers for each node or graph.
        num_layers: Number L of layers.
        pool: ``"add"``, ``"mean"`` or ``"max"`` over the nodes of a graph; None for nodes.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`,
          ``batch`` :math:`(N)`
        - **output:** :math:`(N, F_{out})`; :math:`(B, F_{out})` with ``pool``

    Differences from the published code: the product with :math:`J - A` is a sum over the graph less
    one over neighbours, so that nothing is of the size of :math:`|V|^2`; it begins with features,
    of which a column of ones stands for the zeros there.

    >>> import torch
    >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> ComparatorNet(1, 16, 1, pool="mean")(torch.ones(3, 1), edge_index).shape
    torch.Size([1, 1])
    """

    printed: ClassVar[dict[str, object]] = {"num_layers": 3, "pool": None}

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 3,
        pool: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels,
            hidden_channels=hidden_channels,
            out_channels=out_channels,
            num_layers=num_layers,
        )
        check_pool(pool)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.pool = pool
        width = hidden_channels
        sizes = [in_channels, *[3 * width] * num_layers]
        self.lins = nn.ModuleList(nn.Linear(a, 3 * width) for a in sizes[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(3 * width) for _ in self.lins)
        dense = [3 * width, width, width, width]
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(dense))
        self.dense_norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.dense)
        self.lin_out = nn.Linear(2 * width, out_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (*self.lins, *self.norms, *self.dense, *self.dense_norms, self.lin_out):
            part.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            edge_weight: ``[E]``, the entries of A.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_features("ComparatorNet", x, self.in_channels)
        check_batch(batch)
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        adj = to_csr(edge_index, edge_weight, num_nodes=x.size(0))
        width = self.hidden_channels
        h = x
        for lin, norm in zip(self.lins, self.norms, strict=True):
            h = lin(h)
            own, near, far = h.split(width, dim=1)
            heard = spmm(adj, h[:, width:])
            total = pool_nodes(far, "add", batch, num_graphs)
            total = total if batch is None else total[batch]
            parts = [own, near + heard[:, :width], total - heard[:, width:]]
            h = norm(F.gelu(torch.cat(parts, 1)))
        h = pool_nodes(h, self.pool, batch, num_graphs)
        first = None
        for lin, norm in zip(self.dense, self.dense_norms, strict=True):
            h = norm(lin(h).relu())
            first = h if first is None else first
        assert first is not None
        out: Tensor = self.lin_out(torch.cat([h, first], 1))
        return out

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, self.out_channels)
        return f"ComparatorNet({', '.join([*map(str, sizes), *self.options()])})"
