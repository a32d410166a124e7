"""The frame of filters whose basis is made of the signal's own Krylov space."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from graphpoly.bases import optimal
from graphpoly.layers.spectral.polynomial_conv import PolynomialConv
from graphpoly.ops import CSR, lanczos

__all__ = ["KrylovConv"]


class KrylovConv(PolynomialConv):
    r"""Filter in a basis that depends on the data.

    .. math:: Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c}\, v_{k,c} + b_c, \qquad
        v_{k,c} = p_{k,c}(P)\, (X W)_{:,c}, \qquad V_c^\top V_c = I

    :meth:`basis` and :meth:`response` therefore take the data, too.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        precomputed: Keep the vectors of the first call, (K+1) N C numbers; only for one fixed graph
            with fixed features, and with ``linear=False``. Every further call is a weighted sum.
        shared: Learn one filter for all channels instead of one for each.
        linear: Whether the layer has the matrix W. Without it ``in_channels`` must equal
            ``out_channels``.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        As :class:`PolynomialConv`. On a batch of graphs give ``batch``, so that norms and inner
        products are taken graph by graph; without it all nodes count as one graph.
    """

    exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "norms and inner products run over the whole graph; num_hops is the order of "
        "the polynomial, the number of hops that messages take"
    }
    # each step divides by a norm that may be small
    least_dtype: ClassVar[torch.dtype] = torch.float64

    printed: ClassVar[dict[str, object]] = {**PolynomialConv.printed, "precomputed": False}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        precomputed: bool = False,
        shared: bool = False,
        linear: bool = True,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            K,
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if precomputed and self.lin is not None:
            raise ValueError("precomputed=True needs linear=False: W would change the vectors")
        self.precomputed = precomputed
        self._cached_vectors: Tensor | None = None

    def reset_parameters(self) -> None:
        """Draw new parameters and forget what was kept."""
        super().reset_parameters()
        self._cached_vectors = None

    def filter(self, x: Tensor, adj: CSR, batch: Tensor | None, batch_size: int | None) -> Tensor:
        """Combine the vectors of ``x`` ``[N, out_channels]``."""
        vectors = self._cached_vectors
        if vectors is None or (vectors.dtype, vectors.device) != (x.dtype, x.device):
            vectors = self.vectors(x, adj, batch, batch_size)
            if self.precomputed:
                vectors = vectors.detach().to(x.dtype)
                self._cached_vectors = vectors
        return self._combine(vectors).to(x.dtype)

    def vectors(
        self, x: Tensor, adj: CSR, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Return what the parameters weigh, ``[K+1, N, C]``, in float64."""
        return self._lanczos(x, adj, batch, batch_size)[0]

    def _lanczos(
        self, x: Tensor, adj: CSR, batch: Tensor | None = None, batch_size: int | None = None
    ) -> tuple[Tensor, Tensor]:
        rounding = self._rounding(x)
        return lanczos(
            adj, x.double(), self.K, batch=batch, batch_size=batch_size, rounding=rounding
        )

    @staticmethod
    def _rounding(x: Tensor) -> float:
        return min(torch.finfo(x.dtype).eps, torch.finfo(torch.float32).eps)

    def basis(
        self,
        lambdas: Tensor,
        x: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """Evaluate the polynomials that ``x`` and the graph make, at ``lambdas`` ``[L]``.

        Args:
            lambdas: ``[L]``.
            x: The layer's input, ``[N, in_channels]``, on one graph.
            edge_index: The graph.
            edge_weight: ``[E]``.

        Returns:
            ``[K+1, L, C]``, computed in float64.

        Raises:
            ValueError: If ``x`` or ``edge_index`` is missing: this basis depends on both.
        """
        if x is None or edge_index is None:
            name = type(self).__name__
            raise ValueError(f"{name}: the basis depends on the data; give x and edge_index")
        adj = self.operator(x, edge_index, edge_weight)
        signal = x if self.lin is None else self.lin(x)
        _, hessenberg = self._lanczos(signal, adj)
        return optimal(hessenberg.squeeze(2), signal.double().norm(dim=0), lambdas)

    def response(
        self,
        lambdas: Tensor,
        x: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        r"""Evaluate the filter that the layer applies to ``x``, at ``lambdas`` ``[L]``: ``[L, C]``.

        Arguments as for :meth:`basis`.
        """
        return self._combine(self.basis(lambdas, x, edge_index, edge_weight))
