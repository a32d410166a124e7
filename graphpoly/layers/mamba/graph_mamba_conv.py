"""Graph Mamba: a scan over subgraphs around each node, then one over the nodes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_batch, check_features, check_size
from graphpoly.layers.cooperative.aggregate_conv import AggregateConv
from graphpoly.layers.layer_of_layers import LayerOfLayers
from graphpoly.layers.linear import width_of
from graphpoly.layers.mamba.bidirectional_mamba import BidirectionalMamba
from graphpoly.layers.mamba.walk_tokens import TokenEncoder, draw_tokens, induced_tokens
from graphpoly.ops import CSR, hash64, to_csr
from graphpoly.ops.batching import count_graphs, nodes_of_each, places
from graphpoly.ops.entry import check_index
from graphpoly.registry import register

__all__ = ["GraphMambaConv"]

_TIES = "nodes of one degree are scanned in the order of their numbers"
_SIZES = "how many members the subgraphs have is in the values"
_END = "what is read stands at the end of a sequence, where the scan from the end begins"


@register(
    "layer",
    paper="Behrouz, Hashemi. Graph Mamba: Towards Learning on Graphs with State Space Models. "
    "KDD 2024",
    arxiv="2402.08678",
    example=lambda: GraphMambaConv(
        8, 4, walk_length=2, num_walks=2, expand=1, states=2, kernel_size=2
    ),
    tags={
        "expressivity": "not bounded by any WL test, for subgraphs are sampled",
        "complexity": "O(|V| s m (M m C + C^2) + |E|) time and memory",
    },
)
class GraphMambaConv(LayerOfLayers):
    r"""Graph Mamba, from `Graph Mamba: Towards Learning on Graphs with State Space Models
    <https://arxiv.org/abs/2402.08678>`_ (Behrouz and Hashemi, KDD 2024).

    .. math::
        T_{\hat m}^j(v) &= \bigcup_{i=1}^{M} \{\text{nodes of a random walk of length } \hat m
        \text{ from } v\} \\
        \Phi_v &= \big(\varphi(G[T_m^1(v)]), \dots, \varphi(G[T_m^s(v)]), \dots,
        \varphi(G[T_1^s(v)]), \varphi(G[\{v\}])\big) \\
        y_v &= \mathrm{BiMamba}(\Phi_v)_{sm+1}, \qquad
        X' = \mathrm{BiMamba}\big((y_v)_{v \text{ by degree}}\big) + \Psi(G, X W)

    For each node, the subgraphs that walks of each length find, from the longest to the node
    itself, are a sequence, which selective scans (:class:`BidirectionalMamba`) read; what stands at
    its end is the node's. Then all nodes of a graph are a sequence, by degree, the largest last.
    With ``walk_length=0`` there is nothing but this one. :math:`\varphi` is :class:`TokenEncoder`,
    :math:`\Psi` two rounds of message passing.

    Walks go against the edges, to where messages come from. In ``train()`` they are drawn anew in
    each call, by torch's generator; in ``eval()`` they are those of ``seed``. Where a ``generator``
    is given they come from it in both.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size C of each output feature.
        walk_length: Length m of the longest walks; 0 for a sequence of nodes alone.
        num_walks: Walks M that make a subgraph.
        samples: Subgraphs s of each length.
        token_layers: Scans over the subgraphs of each node.
        node_layers: Scans over the nodes.
        local_layers: Rounds of message passing within a subgraph.
        expand: Channels of a scan for each of the layer's.
        states: Numbers of the state of each of them.
        kernel_size: Steps that the convolution before a scan sees.
        message_passing: Add :math:`\Psi`.
        dropout: Probability on what each scan adds.
        seed: Of the walks in ``eval()``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes (the values of ``adj_t`` weigh the messages of
          :math:`\Psi` and nothing else), ``batch`` :math:`(N)` (optional)
        - **output:** :math:`(N, C)`

    Complexity:
        O(N s m) subgraphs of at most 1 + M m nodes each; scans are linear in their length, and
        nothing is padded.

    Example:
        >>> import torch
        >>> from graphpoly.layers import GraphMambaConv
        >>> conv = GraphMambaConv(16, 8, walk_length=2, num_walks=3)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 8])

    Differences from the paper: no code of it is public. The node itself is one token, not s equal
    ones; each scan has a residual, as in Mamba. :math:`\varphi` and :math:`\Psi` are plain message
    passing, where the paper names gated GCN and features of walks. Positional encodings are left to
    transforms such as :class:`~torch_geometric.transforms.AddRandomWalkPE`.
    """

    printed: ClassVar[dict[str, object]] = {
        "walk_length": 0,
        "num_walks": 1,
        "samples": 1,
        "token_layers": 1,
        "node_layers": 1,
        "local_layers": 1,
        "expand": 2,
        "states": 16,
        "kernel_size": 4,
        "message_passing": True,
        "dropout": 0.0,
        "seed": 0,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        walk_length: int = 0,
        num_walks: int = 1,
        samples: int = 1,
        token_layers: int = 1,
        node_layers: int = 1,
        local_layers: int = 1,
        expand: int = 2,
        states: int = 16,
        kernel_size: int = 4,
        message_passing: bool = True,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.walk_length = walk_length
        self.num_walks = num_walks
        self.samples = samples
        self.token_layers = token_layers
        self.node_layers = node_layers
        self.local_layers = local_layers
        self.expand = expand
        self.states = states
        self.kernel_size = kernel_size
        self.message_passing = message_passing
        self.dropout = dropout
        self.seed = seed
        for name in ("num_walks", "samples", "token_layers", "expand", "states", "kernel_size"):
            check_size(name, getattr(self, name))
        for name in ("walk_length", "node_layers", "local_layers"):
            check_size(name, getattr(self, name), least=0)
        self.lin_in = Linear(in_channels, out_channels)
        self.encoder = TokenEncoder(out_channels, local_layers) if walk_length else None
        self.tokens = self._scans(token_layers if walk_length else 0)
        self.nodes = self._scans(node_layers)
        rounds = 2 if message_passing else 0
        self.convs = nn.ModuleList(AggregateConv(out_channels, out_channels) for _ in range(rounds))

    def _scans(self, count: int) -> nn.ModuleList:
        return nn.ModuleList(
            BidirectionalMamba(
                self.out_channels,
                expand=self.expand,
                states=self.states,
                kernel_size=self.kernel_size,
                dropout=self.dropout,
            )
            for _ in range(count)
        )

    @property
    def num_hops(self) -> int:
        """How far the walks and the messages go."""
        return max(self.walk_length, len(self.convs))

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        found = {}
        if self.node_layers:
            found["num_hops"] = "scans over nodes see all of the graph"
        if self.node_layers or self.walk_length:
            found["node_permutation"] = _TIES
        if self.walk_length:
            found |= dict.fromkeys(("compile", "export"), _SIZES) | {"used_parameters": _END}
        return found

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (self.lin_in, self.encoder, self.tokens, self.nodes, self.convs):
            reset(module)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        generator: torch.Generator | None = None,
        visited: Tensor | None = None,
    ) -> Tensor:
        """Scan the subgraphs of each node, then the nodes of each graph.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            generator: Where walks come from; default torch's global generator in ``train()``, and
                ``seed`` in ``eval()``.
            visited: What :meth:`draw` gave, to read the same subgraphs again.

        Raises:
            ValueError: If ``visited`` has another shape or holds what is no node, or beside it
                there is a generator.
        """
        check_features(type(self).__name__, x, width_of(self.lin_in))
        check_batch(batch)
        count_graphs(batch, batch_size, x.size(0))  # refuses what does not fit
        adj = to_csr(edge_index, num_nodes=x.size(0), transposed=torch.is_grad_enabled())
        adj = adj.with_weight(None)
        h = out = self.lin_in(x)
        if self.encoder is not None:
            if visited is None:
                visited = self._draw(adj, batch, batch_size, generator)
            elif generator is not None:
                raise ValueError("give generator or visited, not both")
            elif visited.dim() != 3 or visited.size(0) != x.size(0):
                shape = tuple(visited.shape)
                raise ValueError(f"visited: got shape {shape}, expected [{x.size(0)}, T, W]")
            else:
                check_index("visited", visited.flatten(), x.size(0))
            out = self._read(h, adj, visited)
        if len(self.nodes):
            order, ptr = _by_degree(adj, batch, batch_size)
            scanned = out[order]
            for scan in self.nodes:
                scanned = scan(scanned, ptr)
            out = torch.empty_like(scanned).index_copy(0, order, scanned)
        for i, conv in enumerate(self.convs):
            h = conv(h if i == 0 else F.gelu(h), edge_index)
        return out + h if len(self.convs) else out

    def draw(
        self,
        edge_index: Any,
        num_nodes: int,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw the nodes of the subgraphs of each node; see :func:`draw_tokens`."""
        return self._draw(to_csr(edge_index, num_nodes=num_nodes), batch, batch_size, generator)

    def _draw(
        self,
        adj: CSR,
        batch: Tensor | None,
        batch_size: int | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        place = torch.arange(adj.num_rows, device=adj.col.device)
        if batch is not None:
            place, _, _ = places(batch, count_graphs(batch, batch_size, adj.num_rows))
        if self.training or generator is not None:
            device = getattr(generator, "device", place.device)
            fresh = torch.randint(2**62, (1,), generator=generator, device=device)
            place = hash64(self.seed, place, fresh.to(place.device))
        return draw_tokens(
            adj,
            length=self.walk_length,
            walks=self.num_walks,
            samples=self.samples,
            seed=self.seed,
            place=place,
        )

    def _read(self, h: Tensor, adj: CSR, visited: Tensor) -> Tensor:
        assert self.encoder is not None
        out = self.encoder(h, induced_tokens(adj, visited))
        num_nodes, length = visited.shape[:2]
        ptr = torch.arange(num_nodes + 1, device=h.device) * length
        *before, last = self.tokens
        for scan in before:
            out = scan(out, ptr)
        found: Tensor = last(out, ptr, last=True)
        return found

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), *self.options()]
        return f"{type(self).__name__}({', '.join(arguments)})"


def _by_degree(adj: CSR, batch: Tensor | None, batch_size: int | None) -> tuple[Tensor, Tensor]:
    """Nodes graph by graph, those that hear from few first, and where each graph begins."""
    order = torch.argsort(adj.rowptr.diff(), stable=True)
    if batch is None:
        return order, torch.arange(2, device=order.device) * adj.num_rows
    order = order[torch.argsort(batch[order], stable=True)]
    count = nodes_of_each(batch, count_graphs(batch, batch_size, adj.num_rows))
    return order, torch.cat([count.new_zeros(1), count.cumsum(0)])
