"""An LSTM over the paths that lead to each node."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.arguments import (
    check_edge_attr,
    check_features,
    check_size,
)
from graphpoly.layers.edge_mask import edge_mask
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import maps_nothing, width_of
from graphpoly.ops import CSR, Paths, PathTrie, enumerate_paths, path_trie, to_csr
from graphpoly.ops.enumerate_paths import MAX_PATHS, PATHS
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["PathConv"]

_PAPER = (
    "Michel, Nikolentzos, Lutzeyer, Vazirgiannis. Path Neural Networks: Expressive and Accurate "
    "Graph Neural Networks. ICML 2023"
)
REDUCTIONS = ("sum", "mean")


@register(
    "layer",
    paper=_PAPER,
    arxiv="2306.05955",
    example=lambda: PathConv(8, 4, K=3, paths="simple", distances=True, edge_dim=3),
    tags={
        "expressivity": "beyond 1-WL from K = 2 (shortest or simple paths)",
        "complexity": "O(P_k C^2) time, O(P_k C) memory, P_k distinct beginnings of paths",
    },
)
class PathConv(FusedLayer):
    r"""Adds to each node what an LSTM makes of the paths of one length that end there.

    .. math::
        x_v' = W x_v + \sum_{(p_0, \dots, p_k = v)}
        \mathrm{LSTM}\big(z_{p_0}, \dots, z_{p_k}\big), \qquad
        z_{p_t} = \big[\, x_{p_t} \,\|\, e_{d(p_t, v)} \,\|\, a_{p_{t-1} p_t} \,\big]

    where the LSTM's last state stands for the path, :math:`e` is a learned table of distances (with
    ``distances=True``) and :math:`a` the attributes of the edge by which the path arrives
    (with ``edge_dim``; zero at the far end). W is the identity where
    ``in_channels == out_channels``, as published.

    The LSTM reads from the far end, so that equal beginnings have equal states: each is computed
    once (:func:`graphpoly.ops.path_trie`), and :math:`x` is multiplied by the input matrix once for
    each node instead of once for each step of each path.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature and of the LSTM's state.
        K: Edges of the paths that are read; also the longest that forward may be asked for.
        paths: ``"simple"``: all simple paths. ``"shortest"``: all shortest ones. ``"single"``: one
            shortest path from each node at distance k. Which one that is depends on the numbers of
            the nodes (``seed=None``: at each step the smallest predecessor) or on a seeded draw,
            so that this variant alone is not invariant under renaming, and the draw of a seed is
            another one where the graph lies in a batch.
        distances: Encode how far each node of a path is from its end. On shortest paths that says
            no more than the position does.
        edge_dim: Size of ``edge_attr``, or None where edges carry nothing.
        reduce: ``"sum"``, or ``"mean"`` over the paths of a node (0 where it has none).
        seed: Of ``paths="single"``.
        max_paths: Refuse to list more paths than this in forward; None for no limit.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_attr`` :math:`(E, D)` (with ``edge_dim``)
        - **output:** :math:`(N, F_{out})`

    Complexity: O(P C^2) time and O(P C) memory for P distinct beginnings of paths, besides listing
    the paths, whose number grows as :math:`d^k`; directed graphs are welcome, bipartite ones are
    refused. Parallel edges make one step, with the mean of their attributes.

    Example:
        >>> import torch
        >>> from graphpoly.layers import PathConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> PathConv(16, 7, K=2)(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])

    Differences from the paper: forward lists the paths itself where they are not given; they follow
    the direction of the edges; W, so that sizes may differ; a single shortest path is chosen for
    each ordered pair of nodes (the published code reads one path in both directions).
    """

    printed: ClassVar[dict[str, object]] = {
        "paths": "shortest",
        "distances": False,
        "edge_dim": None,
        "reduce": "sum",
        "seed": None,
        "max_paths": MAX_PATHS,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 1,
        *,
        paths: str = "shortest",
        distances: bool = False,
        edge_dim: int | None = None,
        reduce: str = "sum",
        seed: int | None = None,
        max_paths: int | None = MAX_PATHS,
    ) -> None:
        super().__init__(aggr=None)
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        check_size("K", K)
        if paths not in PATHS:
            raise unknown("paths", paths, PATHS)
        if reduce not in REDUCTIONS:
            raise unknown("reduce", reduce, REDUCTIONS)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.K = K
        self.num_hops = K
        self.paths = paths
        self.distances = distances
        self.edge_dim = edge_dim
        self.reduce = reduce
        self.seed = seed
        self.max_paths = max_paths
        gates = 4 * out_channels
        same = in_channels == out_channels
        self.lin = None if same else Linear(in_channels, out_channels, bias=False)
        # the rows of the LSTM's input matrix, by what they read; the gates i, f, g, o
        self.lin_node = Linear(in_channels, gates)
        self.lin_state = Linear(out_channels, gates, bias=False)
        self.distance = nn.Embedding(K + 1, out_channels) if distances else None
        self.lin_distance = Linear(out_channels, gates, bias=False) if distances else None
        self.lin_edge = None if edge_dim is None else Linear(edge_dim, gates, bias=False)
        if self.distance is not None:
            nn.init.xavier_uniform_(self.distance.weight)
        if paths == "single":
            order = "which shortest path is read follows the numbers of the nodes"
            self.compliance_exceptions = {"node_permutation": order}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for module in (self.lin, self.lin_node, self.lin_state, self.lin_distance, self.lin_edge):
            if module is not None:
                module.reset_parameters()
        if self.distance is not None:
            nn.init.xavier_uniform_(self.distance.weight)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        *,
        paths: Paths | PathTrie | None = None,
        K: int | None = None,
    ) -> Tensor:
        """Read the paths.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph; read only where there is something to learn from it: edge
                attributes, or the paths.
            edge_attr: ``[E, edge_dim]``.
            paths: Paths of one length, such as :func:`graphpoly.features.stored_paths` returns, or
                a trie of them; listed here where they are not given.
            K: Length of the paths that are listed here; default the layer's own.
        """
        total = self.aggregate(x, edge_index, edge_attr, paths=paths, K=K)
        if maps_nothing(self.lin, x.size(1)):
            self.lin = None
        return total + (x if self.lin is None else self.lin(x))

    def aggregate(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        *,
        paths: Paths | PathTrie | None = None,
        K: int | None = None,
    ) -> Tensor:
        """Return what the paths bring to each node, without what the node has; see forward."""
        check_features(type(self).__name__, x, width_of(self.lin_node))
        trie = self._trie(x, edge_index, paths, K)
        message = self.read(x, trie, self._edges(x, edge_index, edge_attr))
        end = trie.node[-1]
        total = message.new_zeros(x.size(0), self.out_channels).index_add(0, end, message)
        if self.reduce == "sum":
            return total
        count = total.new_zeros(x.size(0)).index_add(0, end, total.new_ones(end.size(0)))
        return total / count.clamp(min=1).unsqueeze(-1)

    def read(self, x: Tensor, trie: PathTrie, edges: PathEdges | None = None) -> Tensor:
        """Return the LSTM's last state of each path, ``[P, out_channels]``."""
        projected = self.lin_node(x)
        near = None
        if self.distance is not None:
            if trie.distance is None:
                raise ValueError("paths: got none with distances, distances=True needs them")
            assert self.lin_distance is not None
            near = self.lin_distance(self.distance(torch.arange(self.K + 1, device=x.device)))
        state = cell = weight = None
        for t, node in enumerate(trie.node):
            gates = take_rows(projected, node)  # a copy, so that sums can stay in place
            if near is not None:
                assert trie.distance is not None
                gates.add_(take_rows(near, trie.distance[t].long()))
            if t > 0:
                parent = trie.parent[t - 1]
                assert state is not None
                assert cell is not None
                # multiplied before it is copied to the branches
                gates.add_(take_rows(self.lin_state(state), parent))
                cell = take_rows(cell, parent)
                if edges is not None:
                    step = edges.find(trie.node[t - 1].index_select(0, parent), node)
                    if edges.gates is not None:
                        gates.add_(take_rows(edges.gates, step))
                    if edges.mask is not None:
                        seen = take_rows(edges.mask, step)
                        weight = seen if weight is None else take_rows(weight, parent) * seen
            state, cell = _lstm_cell(gates, cell)
        assert state is not None
        return state if weight is None else state * weight.unsqueeze(-1)

    def _trie(
        self, x: Tensor, edge_index: Any, paths: Paths | PathTrie | None, K: int | None
    ) -> PathTrie:
        if isinstance(paths, PathTrie):
            trie = paths
        else:
            if paths is None:
                k = self.K if K is None else K
                (paths,) = enumerate_paths(
                    edge_index,
                    k,
                    x.size(0),
                    paths=self.paths,
                    shortest=k,
                    distances=self.distances,
                    seed=self.seed,
                    max_paths=self.max_paths,
                )
            trie = path_trie(paths, share=not torch.compiler.is_compiling())
        if trie.length > self.K:
            raise ValueError(f"paths: got length {trie.length}, the layer has {self.K}")
        return trie

    def _edges(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None) -> PathEdges | None:
        gates = None
        if self.lin_edge is not None:
            if edge_attr is None:
                raise ValueError(f"edge_attr: got None, edge_dim is {self.edge_dim}")
            check_edge_attr(edge_attr, width_of(self.lin_edge))
            gates = self.lin_edge(edge_attr)
        elif edge_attr is not None:
            raise ValueError("edge_attr: given to a layer without edge_dim")
        mask = edge_mask(self)
        if gates is None and mask is None:
            return None
        adj = to_csr(edge_index, None, x.size(0))
        if edge_attr is not None:
            check_edge_attr(edge_attr, -1, adj.num_entries)
        return PathEdges(adj, gates, mask)

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), f"K={self.K}"]
        return f"{type(self).__name__}({', '.join([*arguments, *self.options()])})"


class PathEdges:
    """What edges carry, found by their ends: the mean over parallel edges.

    Args:
        adj: The graph.
        gates: What each edge adds to the gates, ``[E, 4 C]``, in the order of the input.
        mask: What each edge multiplies the paths through it by, ``[E]``.
    """

    def __init__(self, adj: CSR, gates: Tensor | None, mask: Tensor | None) -> None:
        self._num_nodes = adj.num_cols
        key = adj.rows().long() * self._num_nodes + adj.col.long()
        self._key, order = key.sort(stable=True)
        if adj.perm is not None:
            order = adj.perm.index_select(0, order)
        # a turn of the whole, for a slice of E - 1 edges would keep a trace from having two
        fresh = (self._key != self._key.roll(1)).long()
        self._group = fresh.cumsum(0) - fresh[:1]  # parallel edges have one number
        self._count = torch.zeros_like(self._key).index_add(
            0, self._group, torch.ones_like(self._key)
        )
        self.gates = None if gates is None else self._mean(take_rows(gates, order))
        self.mask = None if mask is None else self._mean(take_rows(mask, order))

    def _mean(self, value: Tensor) -> Tensor:
        total = torch.zeros_like(value).index_add(0, self._group, value)
        count = self._count.clamp(min=1).to(value.dtype)
        return total / count.view(-1, *[1] * (value.dim() - 1))

    def find(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the row of ``gates`` and ``mask`` of each edge."""
        key = target.long() * self._num_nodes + source.long()
        return self._group.index_select(0, torch.searchsorted(self._key, key))


def _lstm_cell(gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """One step from the sum of all that the gates i, f, g, o read; None is a cell of zeros."""
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = i.sigmoid() * g.tanh() if cell is None else f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell
