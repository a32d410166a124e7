"""Graph convolution that moves its output no farther than its input moves."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.inits import zeros

from graphpoly.layers.operator_layer import OperatorLayer
from graphpoly.layers.orthonormal_linear import OrthonormalLinear
from graphpoly.ops import spmm
from graphpoly.registry import register

__all__ = ["GCORNConv"]


@register(
    "layer",
    paper="Abbahaddou, Ennadir, Lutzeyer, Vazirgiannis, Boström. Bounding the Expected Robustness "
    "of Graph Neural Networks Subject to Node Feature Attacks. ICLR 2024",
    arxiv="2404.17947",
    example=lambda: GCORNConv(8, 4),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| C + |V| F C + T m^2 n) time, O(|E| + |V| C + T m n) memory, T "
        "iterations, m and n the smaller and the larger of F and C",
    },
)
class GCORNConv(OperatorLayer):
    r"""Graph convolution with an orthonormal weight, from `GCORN
    <https://arxiv.org/abs/2404.17947>`_ (Abbahaddou et al., ICLR 2024).

    .. math::
        X' = P X \hat W + b, \qquad \hat W = W (W^\top W)^{-1/2}

    (:math:`(W W^\top)^{-1/2} W` where there are more outputs than inputs): all singular values of
    :math:`\hat W` are 1. Two inputs X and Y on one graph give outputs with

    .. math::
        \|X' - Y'\|_F \le \|P\|_2\, \|X - Y\|_F, \qquad
        \|x'_i - y'_i\| \le \sum_j |P_{ij}|\, \|x_j - y_j\|

    and :math:`\|P\|_2 = 1` for the symmetric normalisation of an undirected graph without negative
    weights.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        iterations: T, of the orthonormalisation; see :func:`graphpoly.ops.orthonormalize`.
        order: Of its series.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional)
        - **output:** :math:`(N, F_{out})`

    Parameters have the names and shapes of PyG's ``GCNConv``, whose state dict can be loaded.

    Differences from the paper:
        The published code divides W by :math:`\sqrt{F C}` before it iterates, which does not keep
        the iteration from diverging where W has grown; here by :math:`\sqrt{\|W\|_1
        \|W\|_\infty}`, which is never below :math:`\|W\|_2`. It takes the gradient for that of a
        constant divisor, starts from a smaller W (whose length changes nothing but the size of the
        first steps), has no bias, and multiplies by a dense P.

    Example:
        >>> import torch
        >>> from graphpoly.layers import GCORNConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> GCORNConv(16, 7)(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "iterations": 25,
        "order": 2,
        **OperatorLayer.printed,
        "add_self_loops": True,
    }
    num_hops: ClassVar[int] = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        iterations: int = 25,
        order: int = 2,
        bias: bool = True,
        normalization: str | None = "sym",
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
        self.iterations = iterations
        self.order = order
        self.lin = OrthonormalLinear(
            in_channels, out_channels, bias=False, iterations=iterations, order=order
        )
        self.bias = Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cached operator."""
        super().reset_parameters()
        self.lin.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
        """
        out = spmm(self.operator(x, edge_index, edge_weight), self.lin(x))
        return out if self.bias is None else out + self.bias

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.bias is None else [])
