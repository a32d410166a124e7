"""Feature expansion: every hop and the structure itself as features, each with its own weights."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_batch, check_size
from graphpoly.layers.linear import is_map, width_of
from graphpoly.layers.spectral.operator_conv import OperatorConv
from graphpoly.ops import CSR, column_space, spmm, to_csr
from graphpoly.ops.batching import count_graphs
from graphpoly.registry import register

__all__ = ["FEConv"]


@register(
    "layer",
    paper="Sun, Chen, Ke, Wang, Zhang. Feature Expansion for Graph Neural Networks. ICML 2023",
    arxiv="2305.06142",
    example=lambda: FEConv(8, 4, K=2, rank=2),
    tags={
        "expressivity": "not permutation-equivariant with rank > 0",
        "complexity": "O(K |E| F + |E| q + |V| q^2 + |V| K F C) time, O(|V| (K F + q)) memory",
    },
)
class FEConv(OperatorConv):
    r"""Linear map of an expanded feature space, from `Feature Expansion for Graph Neural Networks
    <https://arxiv.org/abs/2305.06142>`_ (Sun et al., ICML 2023).

    .. math::
        Z = \sum_{k=0}^{K} \mathrm{cols}(P^k\, \mathrm{rows}(X))\, W_k + \hat S\, W_s + b

    rows and cols scale rows and columns to length 1. Each hop has a matrix of its own, where a
    filter has one and K + 1 numbers. :math:`\hat S` ``[N, q]`` is an orthonormal basis of the best
    column space of dimension q of the bare adjacency :math:`D^{-1/2} A`
    (:func:`graphpoly.ops.column_space`): what the positions of nodes say without any feature.

    The layer has a filter for each pair of an input and an output channel; scaling makes them
    depend on the data.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Number of hops.
        rank: q; 0 for none.
        seed: Start of the search for :math:`\hat S`.
        cached: Keep the expanded features of the first call; only for one fixed graph with fixed
            features.
        bias: Whether the layer has the vector b.
        separate: Keep the matrices apart, as the published code does: hop 0 has two, and each of
            the K + 3 starts as :class:`torch.nn.Linear` does, with a bias of its own.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional), ``batch``
          :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

        Columns run over the whole graph: on a batch of graphs give ``batch``, so that each is
        treated as it would be alone. :math:`\hat S` ignores ``edge_weight``.

    Complexity:
        K sparse products and one dense; with rank q, nine products of q columns and as many
        orthonormalisations, O(E q + N q^2). O(N (K F + q)) memory. With ``cached=True`` all but the
        dense product is done once.

    Differences from the paper:
        The published code makes the adjacency dense for its singular value decomposition, without a
        seed, and expands anew in every call. Its :math:`\hat S` has the left singular vectors as
        columns, here any basis of their span: the free :math:`W_s` makes up for the rotation, and
        so does its weight decay. It adds :math:`\mathrm{cols}(\mathrm{rows}(X))` twice, with two
        matrices, and every matrix has a bias; here there is one of each unless ``separate=True``.

    Example:
        >>> import torch
        >>> conv = FEConv(16, 7, K=3, rank=2)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    parameter_roles: ClassVar[dict[str, str]] = {}
    printed: ClassVar[dict[str, object]] = {
        **OperatorConv.printed,
        "rank": 0,
        "seed": 0,
        "separate": False,
    }
    exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "columns are scaled over the whole graph; num_hops is the number of hops that "
        "messages take",
        "node_permutation": "the basis of the structure's column space starts from numbers that "
        "belong to places, and another basis of it is as good",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 3,
        *,
        rank: int = 0,
        seed: int = 0,
        cached: bool = False,
        bias: bool = True,
        separate: bool = False,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            K,
            cached=cached,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
        )
        check_size("rank", rank, least=0)
        self.rank = rank
        self.seed = seed
        self.separate = separate
        if separate:
            if in_channels < 0:
                raise ValueError("in_channels: separate matrices need a size, got -1")
            sizes = [in_channels] * (K + 1) + ([rank] if rank else [])
            self.lin: Any = SeparateLinear(sizes, out_channels, bias=bias)
        else:
            size = -1 if in_channels < 0 else (K + 1) * in_channels + rank
            self.lin = Linear(size, out_channels, bias=bias, weight_initializer="glorot")
        self._cached_features: Tensor | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the matrices anew and forget the cached features."""
        super().reset_parameters()
        self.lin.reset_parameters()
        self._cached_features = None

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Map the expanded features.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_batch(batch)
        features = self._cached_features
        if features is None or (features.dtype, features.device) != (x.dtype, x.device):
            features = self.expand(x, edge_index, edge_weight, batch, batch_size)
            if self.cached:
                features = features.detach()
                self._cached_features = features
        out: Tensor = self.lin(features)
        return out

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        bare = "the bare structure has an entry for each edge, whatever it weighs"
        names = ("zero_weight_edges", "zero_weight_loops", "split_weights")
        structural = dict.fromkeys(names if self.rank > 0 else (), bare)
        return {**super().compliance_exceptions, **structural}

    @property
    def width(self) -> int:
        """Columns of x that forward takes; -1 where the first input has yet to say so."""
        width = width_of(self.lin)
        if self.in_channels > 0 or width < 0:
            return self.in_channels
        return (width - self.rank) // (self.K + 1)

    def expand(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        r"""Return the features of every hop and :math:`\hat S`, ``[N, (K+1) in_channels + rank]``.

        Arguments as for :meth:`forward`.
        """
        adj = self.operator(x, edge_index, edge_weight)
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        hops = torch.cat(self._hops(x, adj), 1)
        features = [_columns_of_length_one(hops, batch, num_graphs)]
        if self.rank > 0:
            bare = _bare(edge_index, x.size(0))
            structure = column_space(
                bare, self.rank, seed=self.seed, batch=batch, batch_size=batch_size
            )
            features.append(structure.to(x.dtype))
        return torch.cat(features, 1)

    def _hops(self, x: Tensor, adj: CSR) -> list[Tensor]:
        hops = [_rows_of_length_one(x)]
        for _ in range(self.K):
            hops.append(spmm(adj, hops[-1]))
        return hops

    def basis(
        self,
        lambdas: Tensor,
        x: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        r"""Evaluate :math:`\lambda^k` over the length of its column, at ``lambdas`` ``[L]``.

        Args:
            lambdas: ``[L]``.
            x: The layer's input, ``[N, in_channels]``, on one graph.
            edge_index: The graph.
            edge_weight: ``[E]``.

        Returns:
            ``[K+1, L, in_channels]``: for each feature of length 1 in its row.

        Raises:
            ValueError: If ``x`` or ``edge_index`` is missing.
        """
        if x is None or edge_index is None:
            raise ValueError("FEConv: the basis depends on the data; give x and edge_index")
        hops = torch.stack(self._hops(x, self.operator(x, edge_index, edge_weight)))
        scale = _inverse_root(hops.square().sum(1, keepdim=True))
        power = torch.arange(self.K + 1, device=lambdas.device).view(-1, 1, 1)
        return lambdas.unsqueeze(-1) ** power * scale

    def response(
        self,
        lambdas: Tensor,
        x: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """Evaluate the filter of each pair of channels, ``[L, in_channels, out_channels]``.

        Arguments as for :meth:`basis`.
        """
        basis = self.basis(lambdas, x, edge_index, edge_weight)
        size = basis.size(0) * basis.size(2)
        matrices = self.lin.weight[:, :size].view(-1, basis.size(0), basis.size(2))
        return torch.einsum("klf,ckf->lfc", basis, matrices.to(basis.dtype))

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.lin.bias is None else [])


class SeparateLinear(nn.Module):
    """The sum of linear maps of consecutive blocks of columns, the first of which has two.

    Args:
        sizes: Columns of each block.
        out_channels: Size of the output.
        bias: Whether each map has a bias.
    """

    def __init__(self, sizes: list[int], out_channels: int, *, bias: bool = True) -> None:
        super().__init__()
        self.sizes = sizes
        self.maps: Any = nn.ModuleList(
            nn.Linear(size, out_channels, bias=bias) for size in [sizes[0], *sizes]
        )

    def reset_parameters(self) -> None:
        """Draw all maps anew."""
        for linear in self.maps:
            reset(linear)

    @property
    def weight(self) -> Tensor:
        """The one matrix that the maps come to, ``[out_channels, sum of sizes]``."""
        doubled, first, *rest = [linear.weight for linear in self.maps]
        return torch.cat([doubled + first, *rest], 1)

    @property
    def bias(self) -> Tensor | None:
        """The one bias that theirs come to."""
        if self.maps[0].bias is None:
            return None
        return torch.stack([linear.bias for linear in self.maps]).sum(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, out_channels]``."""
        if is_map(*self.maps):
            return F.linear(x, self.weight, self.bias)
        doubled, *maps = self.maps
        blocks = x.split(self.sizes, 1)
        parts = [linear(block) for linear, block in zip(maps, blocks, strict=True)]
        return torch.stack([doubled(blocks[0]), *parts]).sum(0)


def _bare(edge_index: Any, num_nodes: int) -> CSR:
    """The adjacency without its weights, rows of a simple graph scaled to length 1."""
    adj = to_csr(edge_index, num_nodes=num_nodes, transposed=True)
    scale = adj.rowptr.diff().double().clamp(min=1).rsqrt()
    return adj.with_weight(scale[adj.rows()])


def _rows_of_length_one(x: Tensor) -> Tensor:
    return x * _inverse_root(x.square().sum(1, keepdim=True))


def _columns_of_length_one(x: Tensor, batch: Tensor | None, num_graphs: int) -> Tensor:
    if batch is None:
        return x * _inverse_root(x.square().sum(0))
    square = x.new_zeros(num_graphs, x.size(1)).index_add(0, batch, x.square())
    return x * _inverse_root(square)[batch]


def _inverse_root(square: Tensor) -> Tensor:
    """Rows and columns of zeros stay what they are."""
    alive = square > 0
    return torch.where(alive, torch.where(alive, square, 1).rsqrt(), 0)
