"""A filter whose basis vectors stand at the angle that the graph's homophily asks for."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphpoly.bases import universal
from graphpoly.layers.spectral.krylov_conv import KrylovConv
from graphpoly.ops import CSR, spmm
from graphpoly.registry import register

__all__ = ["UniFilterConv"]


@register(
    "layer",
    paper="Huang, Cao, Ta, Xiao, Liò. How Universal Polynomial Bases Enhance Spectral Graph Neural "
    "Networks: Heterophily, Over-smoothing, and Over-squashing. ICML 2024",
    arxiv="2405.12474",
    example=lambda: UniFilterConv(8, 4, K=3),
    tags={"expressivity": "1-WL", "complexity": "O(K |E| C + K^2 |V| C) time, O(K |V| C) memory"},
)
class UniFilterConv(KrylovConv):
    r"""Filter in the universal basis, from `How Universal Polynomial Bases Enhance Spectral Graph
    Neural Networks <https://arxiv.org/abs/2405.12474>`_ (Huang et al., ICML 2024).

    .. math::
        Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c} \left(\tau\, P^k (X W)_{:,c}
        + (1 - \tau)\, u_{k,c}\right) + b_c, \qquad
        \langle u_{j,c}, u_{k,c} \rangle = \cos \frac{\pi (1 - h)}{2} \quad (j \ne k)

    :math:`u_k` are unit vectors of the Krylov space of each channel, every two of them at an angle
    that goes from 0 at homophily h = 1 to a right one at h = 0. The first part is low-pass, the
    second can be anything.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial.
        homophily: h, in [0, 1]: share of edges between equal labels, counted where labels may be
            looked at (:func:`torch_geometric.utils.homophily` on the training nodes' subgraph).
        tau: :math:`\tau`, in [0, 1].
        raw_first: Let :math:`\theta_0` weigh the signal itself, as in the published code, in place
            of :math:`\tau X W + (1 - \tau) u_0`.
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
        2 K sparse products and O(K^2 N C) for orthogonality; O(K N C) memory.

    Differences from the paper:
        The published code measures angles to its mixed features instead of to :math:`u_{k-1}`, so
        that its vectors are not at the angle that the paper asks for; here they are. It divides by
        the cosine, here nothing does (:func:`graphpoly.bases.universal`). Orthogonalisation is
        complete and twice, as in :class:`OptBasisConv`. Where a Krylov space is exhausted the
        published code normalises what rounding left; here a further :math:`u_k` keeps its inner
        products with the others and is shorter than 1. One filter for each channel;
        ``shared=True`` is the paper's single one.

    Example:
        >>> import torch
        >>> conv = UniFilterConv(16, 7, K=2, homophily=0.8)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> x = torch.randn(3, 16)
        >>> conv(x, edge_index).shape
        torch.Size([3, 7])
        >>> conv.response(torch.linspace(-1, 1, 5), x, edge_index).shape
        torch.Size([5, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        **KrylovConv.printed,
        "homophily": 0.5,
        "tau": 0.5,
        "raw_first": False,
    }
    _mixing: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        homophily: float = 0.5,
        tau: float = 0.5,
        raw_first: bool = False,
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
        for name, value in (("homophily", homophily), ("tau", tau)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: got {value}, expected a number in [0, 1]")
        self.homophily = homophily
        self.tau = tau
        self.raw_first = raw_first
        cosine = math.sin(math.pi * homophily / 2)  # cos(pi (1 - h) / 2), exact at both ends
        self._keep("_mixing", universal(K, cosine))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw W anew and take the mean of the basis."""
        super().reset_parameters()
        with torch.no_grad():
            self.theta.fill_(1 / (self.K + 1))

    def vectors(
        self, x: Tensor, adj: CSR, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Return what the parameters weigh, ``[K+1, N, C]``, in float64."""
        orthonormal = super().vectors(x, adj, batch, batch_size)
        angular = torch.einsum("kj,jnc->knc", self._mixing, orthonormal)
        powers = [x.double()]
        for _ in range(self.K):
            powers.append(spmm(adj, powers[-1]))
        mixed = self.tau * torch.stack(powers) + (1 - self.tau) * angular
        return torch.cat([powers[0].unsqueeze(0), mixed[1:]]) if self.raw_first else mixed

    def basis(
        self,
        lambdas: Tensor,
        x: Tensor | None = None,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """Evaluate what the parameters weigh, at ``lambdas`` ``[L]``: ``[K+1, L, C]``.

        Arguments as for :meth:`KrylovConv.basis`.
        """
        orthonormal = super().basis(lambdas, x, edge_index, edge_weight)
        angular = torch.einsum("kj,jlc->klc", self._mixing, orthonormal)
        powers = lambdas.double() ** torch.arange(self.K + 1, device=lambdas.device).unsqueeze(-1)
        mixed = self.tau * powers.unsqueeze(-1) + (1 - self.tau) * angular
        return torch.cat([torch.ones_like(mixed[:1]), mixed[1:]]) if self.raw_first else mixed
