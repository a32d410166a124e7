"""PPGN: a network on all pairs of nodes, as strong as 2-FWL."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import PPGNBlock
from graphpoly.layers.arguments import (
    NamedArguments,
    check_batch,
    check_features,
    check_size,
    check_sizes,
)
from graphpoly.models.pair_input import pair_input
from graphpoly.ops import PairBlocks, pair_blocks, pair_pool
from graphpoly.ops.main_memory import check_fits
from graphpoly.ops.normalize import NORMALIZATIONS
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PPGN"]

POOLS = ("add", "max", "mean")
_OPS = {"add": "sum", "max": "max", "mean": "mean"}


@register(
    "model",
    paper="Maron, Ben-Hamu, Serviansky, Lipman. Provably Powerful Graph Networks. NeurIPS 2019",
    arxiv="1905.11136",
    example=lambda: PPGN(8, 16, 4, num_layers=2, pool=None),
    tags={
        "expressivity": "2-FWL (3-WL)",
        "complexity": "O(L (C n^3 + C^2 n^2)) time, O(L C n^2) memory for each graph of n nodes",
    },
)
class PPGN(Pretrained, NamedArguments):
    r"""Provably powerful graph networks: blocks of matrix products on all pairs of nodes.

    .. math::
        X^{(0)} = [A \,\Vert\, E \,\Vert\, \mathrm{diag}(x) \,\Vert\, F], \qquad
        X^{(l)} = W_l\, [X^{(l-1)} \,\Vert\, m_1(X^{(l-1)}) \cdot m_2(X^{(l-1)})] + b_l

    .. math::
        \mathrm{out} = \sum_{l=1}^{L} V_l\,
        \big[\max_i X^{(l)}_{ii} \,\Vert\, \max_{i \ne j} X^{(l)}_{ij}\big] + c_l

    A is the adjacency matrix (with ``edge_weight``), E holds edge features, F features of pairs.
    The blocks are :class:`~graphpoly.layers.PPGNBlock`.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width of all blocks.
        out_channels: Number of classes or targets.
        num_layers: L, number of blocks, at least 1.
        mlp_layers: Layers of each perceptron.
        edge_dim: Size of ``edge_attr``.
        pair_dim: Number of features of pairs.
        normalization: Of A: ``"sym"``, as published for TUDataset, ``"rw"`` or None.
        pool: Over the pairs of a graph, ``"max"`` as published, ``"mean"`` or ``"add"``; None for a
            row for each node, read off the diagonals.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)`, ``edge_attr``
          :math:`(E, D)` (with ``edge_dim``), ``batch`` :math:`(N)`, ``pair_features``
          :math:`(\sum n^2, D')` (with ``pair_dim``)
        - **output:** :math:`(B, F_{out})`, or :math:`(N, F_{out})` with ``pool=None``; no softmax

    Complexity:
        For each graph of n nodes :math:`O(L (C n^3 + C^2 n^2))` time and :math:`O(L C n^2)` memory:
        in training about ``8 L C n^2`` numbers, so that one graph of 620 nodes with 3 blocks of 64
        channels takes 2.4 GB in float32. Graphs of a batch lie side by side without padding
        (:mod:`graphpoly.ops.pair_blocks`).

    Differences from the paper:
        :math:`X_{ij}` belongs to the edge from i to j; on directed graphs PPGN sees no transpose
        and tells apart less than 2-FWL. The published runs on TUDataset add the
        normalised adjacency to the channels of the node labels, too, and have batches of graphs of
        one size. The published second variant of the head, three layers on the last block, is not
        here; :class:`~graphpoly.models.PPGNPlusPlus` has two. Of no pairs, such as those off
        the diagonal of a graph of one node, the maximum is 0. The rows of nodes are ours.

    >>> PPGN(7, 400, 2, normalization="sym")
    PPGN(7, 400, 2, normalization='sym')
    """

    transposed: ClassVar[bool] = False  # whether the first perceptrons see the transpose
    identity: ClassVar[bool] = False  # whether each block is given the identity matrix
    printed: ClassVar[dict[str, object]] = {  # arguments and the defaults that repr leaves out
        "num_layers": 3,
        "mlp_layers": 2,
        "edge_dim": None,
        "pair_dim": None,
        "normalization": None,
        "pool": "max",
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "perceptrons with a bias join all pairs of nodes; num_hops is the length of "
        "the longest walks that the products count",
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 3,
        mlp_layers: int = 2,
        edge_dim: int | None = None,
        pair_dim: int | None = None,
        normalization: str | None = None,
        pool: str | None = "max",
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        check_size("num_layers", num_layers)
        if normalization is not None and normalization not in NORMALIZATIONS:
            raise unknown("normalization", normalization, NORMALIZATIONS)
        if pool is not None and pool not in POOLS:
            raise unknown("pool", pool, POOLS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.mlp_layers = mlp_layers
        self.edge_dim = edge_dim
        self.pair_dim = pair_dim
        self.normalization = normalization
        self.pool = pool
        first = 1 + (edge_dim or 0) + in_channels + (pair_dim or 0)
        self.blocks = nn.ModuleList(
            PPGNBlock(
                (hidden_channels if layer else first) + self.identity,
                hidden_channels,
                mlp_layers=mlp_layers,
                transposed=self.transposed,
            )
            for layer in range(num_layers)
        )
        self._make_head((1 if pool is None else 2) * hidden_channels)

    def _make_head(self, width: int) -> None:
        """Make what reads the rows of graphs or nodes, ``[., width]`` after each block."""
        self.heads = nn.ModuleList(
            nn.Linear(width, self.out_channels) for _ in range(self.num_layers)
        )

    @property
    def num_hops(self) -> int:
        """Length of the longest walks that the products count: each block doubles it."""
        return 2**self.num_layers

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in self.children():
            reset(module)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        pair_features: Tensor | None = None,
        blocks: PairBlocks | None = None,
    ) -> Tensor:
        """Return logits.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            edge_attr: ``[E, edge_dim]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            pair_features: ``[P, pair_dim]``: all pairs of nodes of the first graph row by row, then
                those of the second; an attribute ``[n * n, pair_dim]`` of each graph becomes that
                in PyG's batches.
            blocks: What :func:`graphpoly.ops.pair_blocks` makes of ``batch``, if it is at hand.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        if blocks is None:
            blocks = pair_blocks(batch, x.size(0), batch_size, device=x.device)
        self._check_memory(blocks, x)
        _check_size("edge_attr", edge_attr, self.edge_dim)
        _check_size("pair_features", pair_features, self.pair_dim)
        pairs = pair_input(
            blocks,
            x,
            edge_index,
            edge_weight=edge_weight,
            edge_attr=edge_attr,
            pair_features=pair_features,
            normalization=self.normalization,
        )
        eye = pairs.new_zeros(blocks.num_pairs).index_fill(0, blocks.diagonal, 1.0).unsqueeze(0)
        states = []
        for block in self.blocks:
            if self.identity:
                pairs = torch.cat([pairs, eye.to(pairs.dtype)])
            pairs = block(pairs, blocks)
            states.append(pairs)
        return self._read(states, blocks)

    def _check_memory(self, blocks: PairBlocks, x: Tensor) -> None:
        """Refuse pairs that there is no memory for: two factors, a product and a sum a block."""
        kept = self.num_layers if torch.is_grad_enabled() else 1
        first = 1 + (self.edge_dim or 0) + self.in_channels + (self.pair_dim or 0)
        size = blocks.num_pairs * (first + 4 * kept * self.hidden_channels) * x.dtype.itemsize
        name = type(self).__name__
        check_fits(lambda: f"{name} of {blocks.num_pairs:,} pairs of nodes", size, x.device)

    def _read(self, states: list[Tensor], blocks: PairBlocks) -> Tensor:
        """Turn the output of all blocks into logits."""
        out = self.heads[0](self._rows(states[0], blocks))
        for head, state in zip(list(self.heads)[1:], states[1:], strict=True):
            out = out + head(self._rows(state, blocks))
        return out

    def _rows(self, pairs: Tensor, blocks: PairBlocks) -> Tensor:
        """``[B, 2 C]``, or ``[N, C]`` where there is no pooling."""
        if self.pool is None:
            return pairs.index_select(1, blocks.diagonal).t()
        return pair_pool(blocks, pairs, _OPS[self.pool])

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.hidden_channels), str(self.out_channels)]
        return f"{type(self).__name__}({', '.join([*arguments, *self.options()])})"


def _check_size(name: str, given: Tensor | None, size: int | None) -> None:
    """Refuse features that the network has no channels for, and channels without features."""
    wanted = f"[., {size}]" if size else "none"
    if given is None:
        if size:
            raise ValueError(f"{name}: got none, the network was made for {wanted}")
    elif given.dim() != 2 or given.size(1) != (size or 0):
        raise ValueError(
            f"{name}: got shape {tuple(given.shape)}, the network was made for {wanted}"
        )
