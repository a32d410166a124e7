"""Messages over triplets of nodes, for what edges carry on, beside messages over edges."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import (
    check_batch,
    check_edge_attr,
    check_features,
    check_size,
)
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import width_of
from graphpoly.ops import CSR, Triplets, entry_sum, list_triplets, spmm, to_csr, triplets_min_plus
from graphpoly.ops.entry import check_index
from graphpoly.ops.pool import ranges
from graphpoly.registry import register

__all__ = ["TripletConv"]

REDUCTIONS = ("max", "min")


@register(
    "layer",
    paper="Ibarz et al. A Generalist Neural Algorithmic Learner. LoG 2022",
    arxiv="2209.11142",
    example=lambda: TripletConv(8, 4, 3),
    tags={
        "expressivity": "nodes 1-WL; edges see triangles",
        "complexity": "O(|E| C^2 + P T) time, O(|E| C + P T) memory, P triplets of T channels",
    },
)
class TripletConv(FusedLayer):
    r"""Updates nodes by messages from neighbours, and edges by messages from triplets.

    .. math::
        x_i' &= U_1 x_i + U_2 \max_{j \to i}
        \mathrm{MLP}\big(V_1 x_i + V_2 x_j + V_3 e_{ji} + V_4 g\big) \\
        e_{ij}' &= U_3 \max_{k\,:\, i \to k \to j}
        \big(W_1 x_i + W_2 x_j + W_3 x_k + W_4 e_{ij} + W_5 e_{ik} + W_6 e_{kj} + W_7 g\big)

    where j to i is an edge, and k runs over the nodes with an edge from i and one to j. In the
    complete graph with loops these are all nodes: with :math:`W_5 = W_6 = 1`, the other W zero and
    the minimum, the second line is
    :math:`d_{ij}' = \min_k d_{ik} + d_{kj}`, of which :math:`\lceil \log_2 n \rceil` rounds are the
    distances of all pairs, as of Floyd and Warshall. The first line is a round of Bellman-Ford in
    the same way. A maximum over nothing is 0.

    A triplet is a sum, so that only what depends on k is listed for each k. Where edges are
    parallel, the extreme is taken over them, too.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size C of each output feature and of the messages.
        edge_dim: Size of ``edge_attr``.
        edge_channels: Size of the new attributes of edges; default ``out_channels``.
        triplet_channels: Size T of the messages over triplets.
        graph_dim: Size of ``graph_attr``, or None where graphs carry nothing.
        reduce: ``"max"`` or ``"min"``, over neighbours and over triplets.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes (values of a sparse one are not read), ``edge_attr``
          :math:`(E, D)`, ``graph_attr`` :math:`(B, G)` with ``batch`` :math:`(N)`
        - **output:** features :math:`(N, C)`; with ``return_edge_attr=True`` beside them the new
          attributes :math:`(E, D')`, in the order of the edges

    Complexity: O(E C^2 + P T) time and O(E C + P T) memory for P triplets, which are at most
    :math:`E^{3/2}`; without ``return_edge_attr`` none is listed. How many there are is no shape, so
    that a compiled layer wants them given.

    Example:
        >>> import torch
        >>> from graphpoly.layers import TripletConv
        >>> edge_index = torch.tensor([[0, 1, 0], [1, 2, 2]])
        >>> conv = TripletConv(16, 7, 3, edge_channels=5)
        >>> x, e = conv(torch.randn(3, 16), edge_index, torch.randn(3, 3), return_edge_attr=True)
        >>> x.shape, e.shape
        (torch.Size([3, 7]), torch.Size([3, 5]))

    Differences from the paper: triplets of the edges that are there, where the paper has a complete
    graph; the ReLU behind both lines, the gate and the normalisation of its processor are left to
    the network around. Its code has the edges from k to i and to j in the second line, where the
    paper and this layer have those from i to k and on to j.
    """

    num_hops = 1
    printed: ClassVar[dict[str, object]] = {
        "triplet_channels": 8,
        "graph_dim": None,
        "reduce": "max",
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "used_parameters": "lin_triplet makes what edges carry on, which return_edge_attr=True "
        "returns beside the nodes",
        "explainer": "an edge that gives no node its extreme has no gradient in the edge mask",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        edge_dim: int,
        *,
        edge_channels: int | None = None,
        triplet_channels: int = 8,
        graph_dim: int | None = None,
        reduce: str = "max",
    ) -> None:
        super().__init__(aggr=None)
        check_size("in_channels", in_channels, lazy=True)
        edge_channels = out_channels if edge_channels is None else edge_channels
        for name, size in (
            ("out_channels", out_channels),
            ("edge_dim", edge_dim),
            ("edge_channels", edge_channels),
            ("triplet_channels", triplet_channels),
            ("graph_dim", 1 if graph_dim is None else graph_dim),
        ):
            check_size(name, size)
        if reduce not in REDUCTIONS:
            raise unknown("reduce", reduce, REDUCTIONS)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.edge_dim = edge_dim
        self.edge_channels = edge_channels
        self.triplet_channels = triplet_channels
        self.graph_dim = graph_dim
        self.reduce = reduce
        channels, triple = out_channels, triplet_channels
        # rows of the maps: V, then W of what does not depend on k, then of what does
        self.lin_target = Linear(in_channels, channels + 2 * triple)  # V1, W2, W3
        self.lin_source = Linear(in_channels, channels + triple, bias=False)  # V2, W1
        self.lin_edge = Linear(edge_dim, channels + 3 * triple, bias=False)  # V3, W4, W5, W6
        self.lin_graph = None
        if graph_dim is not None:
            self.lin_graph = Linear(graph_dim, channels + triple, bias=False)  # V4, W7
        self.mlp = nn.Sequential(
            nn.ReLU(), Linear(channels, channels), nn.ReLU(), Linear(channels, channels)
        )
        self.lin_root = Linear(in_channels, channels)
        self.lin_message = Linear(channels, channels, bias=False)
        self.lin_triplet = Linear(triple, edge_channels)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor,
        *,
        graph_attr: Tensor | None = None,
        batch: Tensor | None = None,
        triplets: Triplets | None = None,
        return_edge_attr: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Update nodes, and edges where that is asked for.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_attr: ``[E, edge_dim]``, in the order of ``edge_index``.
            graph_attr: ``[B, graph_dim]``, with ``graph_dim``.
            batch: Graph of each node, ``[N]``; read only with ``graph_dim``, default all of one.
            triplets: Those that :func:`graphpoly.ops.list_triplets` finds in
                ``to_csr(edge_index, num_nodes=N)``; listed here where they are not given. Many
                steps on one graph need them once.
            return_edge_attr: Return the new attributes of edges, too.
        """
        check_features("TripletConv", x, width_of(self.lin_root))
        adj = to_csr(edge_index, None, x.size(0), transposed=torch.is_grad_enabled())
        check_edge_attr(edge_attr, self.edge_dim, adj.num_entries)
        message, rest, first, second = self._parts(adj, x, edge_attr, graph_attr, batch)
        nodes = self._nodes(adj, x, message)
        if not return_edge_attr:
            return nodes
        triplets = list_triplets(adj) if triplets is None else triplets
        if triplets.pair.size(0) != adj.num_entries:
            raise ValueError(
                f"triplets: got those of {triplets.pair.size(0)} edges, expected {adj.num_entries}"
            )
        best = triplets_min_plus(triplets, first, second, largest=self.reduce == "max")
        some = (triplets.sizes() > 0).unsqueeze(-1)
        edges = self.lin_triplet(torch.where(some, rest + best, 0))
        if adj.perm is not None:
            edges = torch.empty_like(edges).index_copy(0, adj.perm.long(), edges)
        return nodes, edges

    def _parts(
        self,
        adj: CSR,
        x: Tensor,
        edge_attr: Tensor,
        graph_attr: Tensor | None,
        batch: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Return the sums over V, over W without k, over W3 and W5, and W6, for each entry."""
        channels, triple = self.out_channels, self.triplet_channels
        target = self.lin_target(x)
        graphs = self._graphs(x, graph_attr, batch)
        if graphs is not None:
            target = target + F.pad(graphs, (0, triple))
        ends = entry_sum(adj, target, F.pad(self.lin_source(x), (0, triple)))
        ordered = edge_attr if adj.perm is None else edge_attr.index_select(0, adj.perm)
        whole = self.lin_edge(ordered) + F.pad(ends, (0, triple))
        return whole.split([channels, triple, triple, triple], dim=1)

    def _graphs(self, x: Tensor, graph_attr: Tensor | None, batch: Tensor | None) -> Tensor | None:
        """Return what the graph of each node says to it, ``[N, C + T]``."""
        check_batch(batch)
        if self.lin_graph is None:
            if graph_attr is not None:
                raise ValueError("graph_attr: given to a layer without graph_dim")
            return None
        if graph_attr is None:
            raise ValueError(f"graph_attr: got None, graph_dim is {self.graph_dim}")
        if graph_attr.dim() != 2 or graph_attr.size(1) != self.graph_dim:
            raise ValueError(
                f"graph_attr: got shape {list(graph_attr.shape)}, expected [B, {self.graph_dim}]"
            )
        said = self.lin_graph(graph_attr)
        if batch is not None:
            check_index("batch", batch, said.size(0), x.size(0))
            return said.index_select(0, batch)
        if said.size(0) != 1:
            raise ValueError(f"batch: got None, graph_attr is that of {said.size(0)} graphs")
        return said.expand(x.size(0), -1)

    def _nodes(self, adj: CSR, x: Tensor, message: Tensor) -> Tensor:
        message = self.mlp(message)
        mask = masked(self, adj.with_weight(None)).weight
        if mask is not None:
            message = message * mask.unsqueeze(-1)
        out: Tensor = self.lin_root(x) + self.lin_message(self._heard(adj, message))
        return out

    def _heard(self, adj: CSR, message: Tensor) -> Tensor:
        return spmm(ranges(adj.rowptr, adj.num_entries), message, self.reduce)

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), str(self.edge_dim)]
        if self.edge_channels != self.out_channels:
            arguments.append(f"edge_channels={self.edge_channels}")
        return f"TripletConv({', '.join([*arguments, *self.options()])})"
