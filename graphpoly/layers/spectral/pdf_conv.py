"""Parameterised decomposition and filtering: a learned filter of many powers at once."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_batch, check_features
from graphpoly.layers.linear import width_of
from graphpoly.layers.operator_layer import OperatorLayer
from graphpoly.layers.spectral.pair_norm import PairEncoder, PairNorm
from graphpoly.ops import (
    CSR,
    block_spmm,
    label_names,
    number_keys,
    pairs_within,
    power_basis,
    segment_softmax,
)
from graphpoly.ops.dropout import dropout as drop
from graphpoly.ops.main_memory import check_fits
from graphpoly.ops.stamp import memory_allowed
from graphpoly.registry import register

__all__ = ["PDFConv", "PairFilters"]

_WIDE = 32  # channels from which on f costs more than the search for pairs that are alike


class PairFilters(NamedTuple):
    """What :meth:`PDFConv.filters` makes of a graph.

    Attributes:
        adj: The pairs of nodes that exchange messages.
        weight: What each message is multiplied by, ``[P, C]``.
    """

    adj: CSR
    weight: Tensor


@register(
    "layer",
    paper="Yang, Feng, Shen, Hooi. Towards Better Graph Representation Learning with Parameterized "
    "Decomposition & Filtering. ICML 2023",
    arxiv="2305.06102",
    example=lambda: PDFConv(8, 4, powers=(1, 2)),
    tags={
        "expressivity": "beyond 1-WL (closed walks)",
        "complexity": "O(X K |E| n + P (M C + C^2)) time, or O(X K T + ...) for T entries in balls "
        "around nodes; O(P C) memory for P pairs",
    },
)
class PDFConv(OperatorLayer):
    r"""Parameterised decomposition and filtering, from `Towards Better Graph Representation
    Learning with Parameterized Decomposition & Filtering <https://arxiv.org/abs/2305.06102>`_
    (Yang et al., ICML 2023).

    .. math::
        y_i = \sum_{j} f(b_{ij}) \odot \mathrm{GELU}(W x_j + c), \qquad
        b_{ij} = \Big(\delta_{ij},\; \big(\tilde D^{\varepsilon} \tilde A\,
        \tilde D^{\varepsilon}\big)^k_{ij}\Big)_{\varepsilon, k}

    with :math:`\tilde A = A + I` and :math:`f = \mathrm{GELU} \circ \mathrm{Lin} \circ
    \mathrm{GELU} \circ \mathrm{Lin}`, which makes a filter of all powers for each channel. Were f
    linear, each channel would be a polynomial filter.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        exponents: The :math:`\varepsilon`. Powers of those above -1/2 grow with the degrees.
        powers: The k.
        hops: Pairs (i, j) that take part: those within so many hops (the sparse form), or None for
            all pairs of a graph (the dense form).
        softmax: Normalise f over all j, channel by channel.
        norm: Batch normalisation inside f, over pairs; parallel edges are one of them.
        encoder: Whether the layer has f. Without it, :meth:`forward` needs the filters of a layer
            that has: the layers of a network share theirs.
        bias: Whether the layer has the vector c.
        normalization: Of A: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named, or
            ``"sym"``.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep pairs and powers of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional), ``batch``
          :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

        On a batch of graphs give ``batch`` for ``hops=None``; otherwise all nodes are one graph.

    Complexity:
        With M matrices and P pairs O(P (M C + C^2)) time and O(P C) memory. The powers take
        O(K n e) for each graph of n nodes and e edges; of a large graph with ``hops`` given,
        O(K T log T) where that is less, for T entries in balls of :math:`\lfloor (K + 1) / 2
        \rfloor` steps, or K steps for more than one hop, that go around hubs: O(N + E) on a star
        or a path. See :func:`~graphpoly.ops.power_basis` for the memory.

    Differences from the paper:
        Parallel edges count for one pair, of their common weight, with one hop. The published code
        takes powers with dense products for each graph beforehand; here they are part of the layer
        and differentiable in ``edge_weight``. Features of edges, and the standardisation of
        :math:`b` over a graph, are left out.

    Example:
        >>> import torch
        >>> conv = PDFConv(16, 7, exponents=(-0.5, -0.25), powers=(1, 2, 3), hops=None)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "exponents": (-0.5,),
        "powers": (1, 2, 3, 4),
        "hops": 1,
        "softmax": False,
        "norm": False,
        "encoder": True,
        **OperatorLayer.printed,
        "normalization": None,
        "add_self_loops": True,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        exponents: tuple[float, ...] = (-0.5,),
        powers: tuple[int, ...] = (1, 2, 3, 4),
        hops: int | None = 1,
        softmax: bool = False,
        norm: bool = False,
        encoder: bool = True,
        bias: bool = True,
        normalization: str | None = None,
        normalize: bool | None = None,
        add_self_loops: bool = True,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if not exponents or not powers or min(powers) < 1:
            raise ValueError(
                f"exponents, powers: got {exponents} and {powers}, expected at least one of each "
                "and powers of at least 1"
            )
        if hops is not None and hops < 1:
            raise ValueError(f"hops: got {hops}, expected at least 1 or None")
        self.exponents = tuple(exponents)
        self.powers = tuple(powers)
        self.hops = hops
        self.softmax = softmax
        self.norm = norm
        self.encoder = encoder
        if hops is not None:
            self.num_hops = hops
        self.lin = Linear(in_channels, out_channels, bias=bias)
        size = 1 + len(self.exponents) * len(self.powers)
        self.filter = _encoder(size, out_channels, norm) if encoder else None
        self._cached_basis: tuple[CSR, Tensor | None, Tensor] | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters and forget what was cached."""
        super().reset_parameters()
        self.lin.reset_parameters()
        reset(self.filter)
        self._cached_basis = None

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        filters: PairFilters | None = None,
    ) -> Tensor:
        """Filter the features.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            filters: What :meth:`filters` of another layer gave for this graph, instead of its own.
        """
        check_features(type(self).__name__, x, width_of(self.lin))
        if filters is None:
            filters = self.filters(x, edge_index, edge_weight, batch, batch_size)
        message = F.gelu(self.lin(x)).unsqueeze(-1)
        return block_spmm(filters.adj, filters.weight.to(message.dtype), message).squeeze(-1)

    @property
    def width(self) -> int:
        """Filters are made of the graph alone, whatever the features are."""
        return -1

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        declared = super().compliance_exceptions
        if self.hops is None:
            return {**declared, "num_hops": "hops=None takes all pairs of nodes"}
        pairs = "an edge makes a pair that the encoder reads, also one of weight 0"
        loops = {"zero_weight_loops": pairs} if self.hops == 1 else {}
        return {**loops, **declared, "zero_weight_edges": pairs}

    def filters(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        dropout: float = 0.0,
    ) -> PairFilters:
        """Return the pairs of a graph and f of each.

        Args:
            x, edge_index, edge_weight, batch, batch_size: As for :meth:`forward`.
            dropout: Probability on what the encoder gives, before the softmax: rows still sum to 1.

        Pairs of which b is the same share one evaluation of f, wherever f looks at each alone.

        Raises:
            ValueError: If the layer has no encoder, or there is no memory for so many pairs.
        """
        if self.filter is None:
            raise ValueError("encoder=False: give the filters of a layer that has an encoder")
        adj, share, basis = self.basis(x, edge_index, edge_weight, batch, batch_size)
        alike = self._alike_pairs(basis)
        if alike is None:
            self._check_memory(basis, basis.size(0), x.dtype)
            shares = (share,) if self.norm and isinstance(self.filter, PairEncoder) else ()
            weight = self.filter(basis.to(x.dtype), *shares)
        else:
            number, first = alike
            self._check_memory(basis, first.size(0), x.dtype)
            weight = self.filter(basis[first].to(x.dtype)).index_select(0, number)
        weight = drop(weight, dropout, self.training)
        if self.softmax:
            if share is not None:
                weight = weight + share.to(weight).log().unsqueeze(1)
            weight = segment_softmax(adj, weight)
        elif share is not None:
            weight = weight * share.to(weight).unsqueeze(1)
        return PairFilters(adj, weight)

    def basis(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> tuple[CSR, Tensor | None, Tensor]:
        """Return the pairs, the share of each (see :class:`~graphpoly.ops.Pairs`) and b ``[P, M]``.

        Arguments as for :meth:`forward`.
        """
        check_batch(batch)
        adj = self.operator(x, edge_index, edge_weight)
        held = self._cached_basis
        if held is not None and _alike(held[2], adj.weight):
            return held
        pairs = pairs_within(adj, self.hops, batch, batch_size)
        basis = power_basis(
            adj,
            pairs.adj,
            exponents=self.exponents,
            powers=self.powers,
            batch=batch,
            batch_size=batch_size,
        )
        found = (pairs.adj, pairs.share, basis)
        if self.cached:
            self._cached_basis = (*found[:2], basis.detach())
        return found

    def _alike_pairs(self, basis: Tensor) -> tuple[Tensor, Tensor] | None:
        """Number each b and give the place of each first one, or None where f takes them all."""
        together = self.norm and self.training  # statistics count every pair
        if together or self.out_channels < _WIDE or basis.requires_grad:
            return None
        if not memory_allowed(basis) or torch._C._are_functorch_transforms_active():
            return None
        if basis.device.type != "cpu" or bool(basis.isnan().any()):
            return None
        names = label_names(basis)
        number, first = number_keys(names.new_empty(0), names)
        same = torch.equal(basis[first].index_select(0, number), basis)  # and not by name alone
        return (number, first) if same else None

    def _check_memory(self, basis: Tensor, evaluated: int, dtype: torch.dtype) -> None:
        """Refuse pairs that there is no memory for: what f makes of them, and the result."""
        steps = (7 if self.norm else 5) if torch.is_grad_enabled() else 2
        size = (evaluated * steps + basis.size(0)) * self.out_channels * dtype.itemsize
        less = "; hops=1 takes those of edges" if self.hops is None else ""
        check_fits(
            lambda: (
                f"hops={self.hops}: {self.out_channels} channels of {basis.size(0):,} pairs of "
                f"nodes{less}"
            ),
            size,
            basis.device,
        )

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.lin.bias is None else [])


def _alike(held: Tensor, weight: Tensor | None) -> bool:
    return weight is None or (held.dtype, held.device) == (weight.dtype, weight.device)


def _encoder(in_channels: int, out_channels: int, norm: bool) -> PairEncoder:
    layers: list[nn.Module] = []
    for size in (in_channels, out_channels):
        layers.append(nn.Linear(size, out_channels))
        if norm:
            layers.append(PairNorm(out_channels))
        layers.append(nn.GELU())
    return PairEncoder(*layers)
