"""A polynomial filter in a basis that is known beforehand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from graphpoly.layers.arguments import check_features
from graphpoly.layers.spectral.polynomial_conv import PolynomialConv
from graphpoly.ops import CSR, LinearOperator

__all__ = ["FixedBasisConv"]


class FixedBasisConv(PolynomialConv):
    r"""Filter in a basis without parameters.

    .. math::
        Z_{:,c} = \sum_{m} \theta_{m,c}\, b_m(P)\, (X W)_{:,c}, \qquad
        b_m = \sum_{k=0}^{K} M_{km}\, p_k

    The polynomials :math:`p_k` have a three-term recurrence and the :math:`b_m` need none: with
    :math:`M \theta` in place of :math:`\theta`, any basis costs K products. M is multiplied in
    float64, whatever the dtype of the layer, since its condition number may be large.

    In place of a graph the layer takes a :class:`graphpoly.ops.LinearOperator`, such as a graph in
    parts, as the operator P that it is: ``normalization`` and ``add_self_loops`` are then up to
    whoever made it.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        recurrence: Recurrence of the :math:`p_k` in Jacobi form, ``[3, K, 1]``.
        expansion: M, ``[K+1, M]``; default the identity.
        **kwargs: Arguments of :class:`PolynomialConv`.
    """

    _recurrence: Tensor
    _expansion: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        recurrence: Tensor,
        expansion: Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, K, **kwargs)
        self._keep("_recurrence", recurrence)
        self._keep("_expansion", expansion)
        if expansion is not None and expansion.size(1) != K + 1:
            self.theta = Parameter(torch.empty(expansion.size(1), self.theta.size(1)))

    def operator(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Any:
        """Return the operator P; one that is known by its products is P already."""
        if not isinstance(edge_index, LinearOperator):
            return super().operator(x, edge_index, edge_weight)
        check_features(type(self).__name__, x, self.width)
        if edge_weight is not None:
            raise ValueError("edge_weight: got some beside an operator, which has its own")
        return edge_index

    def whole_operator(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return P of a whole graph, for a :class:`graphpoly.distributed.PartitionedGraph` of it.

        Args:
            x: Whose rows, dtype and device count, ``[N, ...]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
        """
        return self._made(x, edge_index, edge_weight, self.normalization)

    def recurrence(self) -> tuple[Tensor, Tensor | None]:
        """Return the recurrence ``[3, K, 1]``; p_0 is 1."""
        return self._recurrence, None

    def coefficients(self) -> Tensor:
        r"""Return :math:`M \theta`, ``[K+1, C]`` or ``[K+1, 1]``."""
        weights = self.weights()
        return weights if self._expansion is None else self._expansion @ weights.double()

    def basis(self, lambdas: Tensor) -> Tensor:
        """Evaluate the polynomials that the parameters weigh, at ``lambdas`` ``[L]``.

        Returns:
            ``[M, L, 1]``, float64: all channels have the same basis.
        """
        basis = super().basis(lambdas)
        if self._expansion is None:
            return basis
        return torch.einsum("km,klc->mlc", self._expansion, basis)
