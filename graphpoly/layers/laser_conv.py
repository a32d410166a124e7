"""A convolution with weights of its own for each snapshot of a rewired graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.dense.linear import Linear

from graphpoly.layers.arguments import check_features, check_size
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import width_of
from graphpoly.ops import CSR, spmm, to_csr
from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["LASERConv"]

_INT32_MAX = 2**31 - 1


@register(
    "layer",
    paper="Barbero, Velingker, Saberi, Bronstein, Di Giovanni. Locality-Aware Graph Rewiring in "
    "GNNs. ICLR 2024",
    arxiv="2310.01668",
    example=lambda: LASERConv(8, 4, num_relations=3),
    tags={
        "expressivity": "1-WL of the graph with typed edges",
        "complexity": "O(|E| C + |V| R C^2) time, O(|E| + |V| R C) memory, R relations",
    },
)
class LASERConv(FusedLayer):
    r"""Graph convolutions over the graph and each of its snapshots, added up.

    .. math::
        X' = X W + \sum_{r = 0}^{R - 1} D_r^{-1/2} A_r D_r^{-1/2} X W_r + b

    where :math:`A_r` holds the edges of type r, as :class:`~graphpoly.rewiring.LASER` or any other
    rewiring with ``typed=True`` has them: 0 for the graph, l for snapshot l. Rows and columns are
    scaled by what comes in and goes out over edges of that type; a node with none of a type gets
    nothing from it.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        num_relations: Number of types R, one more than there are snapshots.
        normalize: Scale by the degrees; otherwise plain sums.
        root_weight: Add :math:`X W`.
        bias: Add :math:`b`.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_type`` :math:`(E)`, int64, in the order of
          ``edge_index``, ``edge_weight`` :math:`(E)`
        - **output:** :math:`(N, F_{out})`

    Complexity: one sparse product for all types; :math:`X W_r` is made for all nodes and types.

    Example:
        >>> import torch
        >>> from graphpoly.layers import LASERConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2, 0, 2], [1, 0, 2, 1, 2, 0]])
        >>> edge_type = torch.tensor([0, 0, 0, 0, 1, 1])
        >>> LASERConv(16, 7, num_relations=2)(torch.randn(3, 16), edge_index, edge_type).shape
        torch.Size([3, 7])

    Differences from the paper: every layer tells the snapshots apart; in the published code only
    the last one does.
    """

    num_hops = 1
    reads_both_ways = True  # degrees of what goes out

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_relations: int = 2,
        *,
        normalize: bool = True,
        root_weight: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__(aggr="add")
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        check_size("num_relations", num_relations)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_relations = num_relations
        self.normalize = normalize
        self.root_weight = root_weight
        self.lin = Linear(in_channels, num_relations * out_channels, bias=False)
        self.lin_root = Linear(in_channels, out_channels, bias=False) if root_weight else None
        self.bias = torch.nn.Parameter(torch.zeros(out_channels)) if bias else None
        if num_relations > 1:
            alone = "weights of types that no edge has are not used"
            self.compliance_exceptions = {"used_parameters": alone}

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        self.lin.reset_parameters()
        if self.lin_root is not None:
            self.lin_root.reset_parameters()
        if self.bias is not None:
            torch.nn.init.zeros_(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_type: Tensor | None = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """Convolve.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph with all its snapshots.
            edge_type: Which of them each edge belongs to, ``[E]``; default all to the graph.
            edge_weight: ``[E]``.

        Raises:
            ValueError: If a type lies outside ``[0, num_relations)`` or their number is another one
                than that of the edges.
        """
        if isinstance(x, tuple | list):
            raise ValueError(
                "LASERConv needs a square operator: got a tuple of node features; message passing "
                "on bipartite graphs is not supported"
            )
        check_features("LASERConv", x, width_of(self.lin))
        adj = to_csr(edge_index, edge_weight, x.size(0))
        dtype = torch.promote_types(x.dtype, torch.float32)  # what degrees are counted in
        if adj.weight is not None:
            adj = adj.with_weight(adj.weight.to(dtype))
        mask = masked(self, adj.with_weight(None)).weight
        adj = self._typed(adj, edge_type, dtype)
        if mask is not None:
            adj = adj.with_weight(mask if adj.weight is None else adj.weight * mask)
        message = self.lin(x).view(-1, self.out_channels)  # row u R + r is X W_r of node u
        out = spmm(adj, message)
        if self.lin_root is not None:
            out = out + self.lin_root(x)
        return out if self.bias is None else out + self.bias

    def _typed(self, adj: CSR, edge_type: Tensor | None, dtype: torch.dtype) -> CSR:
        """The same entries, from one source for each node and type."""
        num_cols = adj.num_cols * self.num_relations
        wide = torch.compiler.is_exporting() or num_cols >= _INT32_MAX
        col = adj.col.long() if wide else adj.col
        kind = None
        if edge_type is not None:
            self._check(edge_type, adj.num_entries)
            kind = (edge_type if adj.perm is None else edge_type[adj.perm]).to(col.dtype)
        col = col * self.num_relations
        col = col if kind is None else col + kind
        weight = adj.weight
        if self.normalize:
            rows = adj.rows().long() * self.num_relations
            rows = rows if kind is None else rows + kind
            ones = torch.ones(adj.num_entries, dtype=dtype, device=col.device)
            value = ones if weight is None else weight
            zeros = value.new_zeros(num_cols)
            one, other = (take_rows(zeros.index_add(0, e, value), e) for e in (rows, col))
            scale = one * other
            root = torch.where(scale > 0, scale, 1).rsqrt()
            weight = torch.where(scale > 0, value * root, 0)
        return trusted_csr(adj.rowptr.to(col.dtype), col, weight, None, num_cols, None)

    def _check(self, edge_type: Tensor, num_edges: int) -> None:
        if edge_type.shape != (num_edges,):
            raise ValueError(f"edge_type: got {list(edge_type.shape)}, expected [{num_edges}]")
        if edge_type.is_floating_point():
            raise TypeError(f"edge_type: got dtype {edge_type.dtype}, an integer one is accepted")
        if torch.compiler.is_compiling() or not num_edges:
            return
        low, high = (int(one) for one in edge_type.aminmax())
        if low < 0 or high >= self.num_relations:
            raise ValueError(
                f"edge_type: got types {low} to {high}, expected 0 to {self.num_relations - 1}"
            )

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels)]
        arguments.append(f"num_relations={self.num_relations}")
        held = {"normalize": self.normalize, "root_weight": self.root_weight}
        held["bias"] = self.bias is not None
        arguments += [f"{name}=False" for name, value in held.items() if not value]
        return f"LASERConv({', '.join(arguments)})"
