"""A polynomial filter in the basis that is optimal for the signal at hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.layers.spectral.krylov_conv import KrylovConv
from graphpoly.ops import CSR, lanczos_filter
from graphpoly.registry import register

__all__ = ["OptBasisConv"]


@register(
    "layer",
    paper="Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023",
    arxiv="2302.12432",
    example=lambda: OptBasisConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C + K^2 |V| C) time, O(K |V| C) memory"},
)
class OptBasisConv(KrylovConv):
    r"""Filter in the signal's own orthonormal basis, from `Graph Neural Networks with Learnable and
    Optimal Polynomial Bases <https://arxiv.org/abs/2302.12432>`_ (Guo and Wei, ICML 2023).

    .. math::
        Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c}\, v_{k,c} + b_c, \qquad
        v_{k,c} = p_{k,c}(P)\, (X W)_{:,c}, \qquad V_c^\top V_c = I

    Each channel's basis is orthonormal for the spectral measure of the channel itself, so that the
    Hessian of a squared loss in :math:`\theta` is the identity: no other basis converges faster.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        precomputed: As for :class:`KrylovConv`.
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
        As :class:`KrylovConv`: on a batch of graphs give ``batch``.

    Complexity:
        K sparse products and O(K^2 N C) for orthogonality; O(K N C) memory. The basis
        is computed in float64 whatever the input: each step divides by a norm that may be small.

    Differences from the paper:
        The published code orthogonalises against the last two vectors only, which in float32 is
        lost at K = 20 (inner products up to 0.5); here against all of them, twice. It adds noise to
        every input, in evaluation too; here zero channels and exhausted Krylov spaces give zero
        vectors. It takes norms over whatever is in the batch; here over each graph. The basis is
        transductive by nature: one more node changes every vector.

    Example:
        >>> import torch
        >>> conv = OptBasisConv(16, 7, K=2)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> x = torch.randn(3, 16)
        >>> conv(x, edge_index).shape
        torch.Size([3, 7])
        >>> conv.response(torch.linspace(-1, 1, 5), x, edge_index).shape
        torch.Size([5, 7])
    """

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
            precomputed=precomputed,
            shared=shared,
            linear=linear,
            bias=bias,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        self.reset_parameters()

    def filter(self, x: Tensor, adj: CSR, batch: Tensor | None, batch_size: int | None) -> Tensor:
        """Combine the vectors of ``x`` ``[N, out_channels]``, which stay in the operator."""
        if self.precomputed:
            return super().filter(x, adj, batch, batch_size)
        out = lanczos_filter(
            *(adj, x.double(), self.weights().double()),
            batch=batch,
            batch_size=batch_size,
            rounding=self._rounding(x),
        )
        return out.to(x.dtype)

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        edge_index: Any,
        target: Tensor,
        *,
        edge_weight: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        r"""Set :math:`\theta` to the least-squares optimum in closed form.

        Over all nodes that is :math:`\theta_{k,c} = \langle v_{k,c}, y_c \rangle`; over some of
        them the normal equations of size K+1 are solved.

        Args:
            x: The layer's input, ``[N, in_channels]``.
            edge_index: The graph.
            target: What the layer is to put out, ``[N, out_channels]``.
            edge_weight: ``[E]``.
            mask: Nodes that count, boolean ``[N]``; default all.

        Returns:
            Sum of squared errors of each channel over the nodes that count, ``[C]``, float64.

        Raises:
            ValueError: If the channels share one filter.
        """
        if self.shared:
            raise ValueError("fit: each channel needs coefficients of its own, got shared=True")
        adj = self.operator(x, edge_index, edge_weight)
        signal = x if self.lin is None else self.lin(x)
        basis, _ = self._lanczos(signal, adj)
        wanted = target.double() if self.bias is None else target.double() - self.bias
        if mask is None:
            theta = (basis * wanted).sum(1)
        else:
            basis, wanted = basis[:, mask], wanted[mask]
            gram = torch.einsum("jnc,knc->cjk", basis, basis)
            inverse = torch.linalg.pinv(gram, hermitian=True)
            theta = torch.einsum("cjk,knc,nc->jc", inverse, basis, wanted)
        self.theta.copy_(theta)
        return (self._combine(basis) - wanted).square().sum(0)
