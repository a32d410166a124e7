"""Convolution on a graph that is first cleaned with the help of the features."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros

from graphpoly.layers.arguments import check_features, check_size
from graphpoly.layers.operator_layer import OperatorLayer
from graphpoly.ops import CSR, denoise_graph, edge_distances, rescale, spmm
from graphpoly.registry import register

__all__ = ["PLaplacianConv"]


@register(
    "layer",
    paper="Sirohi, Halder, Kumar, Kumar. Robust Graph Neural Networks by Weighted p-Laplacian "
    "Regularization",
    arxiv="2409.19096",
    example=lambda: PLaplacianConv(8, 4, steps=2, p=1.5),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| (F + T log |E|) + |V| F C) time, O(|E| (F + T)) memory",
    },
)
class PLaplacianConv(OperatorLayer):
    r"""Graph convolution on weights that make the features p-smooth, from `pLapGNN
    <https://arxiv.org/abs/2409.19096>`_ (Sirohi et al.).

    .. math::
        w^* \approx \arg\min_{w \ge 0}\; \alpha \|L(w) - L(w_0)\|_F^2 +
        \beta \sum_{i < j} w_{ij} \|x_i - x_j\|^p, \qquad
        Z = P(w^*)\, X W + b

    with :math:`w_0` the weights that came in, the minimum approached in T steps of majorisation and
    minimisation (:func:`graphpoly.ops.denoise_graph`), and P the normalised adjacency with
    self-loops. Edges between unlike nodes lose weight, as those that an attack adds. p < 2 lets
    large distances count less.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        p: Exponent of the distances.
        alpha: Weight of the fidelity, positive.
        beta: Weight of the smoothness; with 0 this is a plain graph convolution.
        steps: T.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the cleaned operator of the first call, without a gradient; only for one fixed
            graph with fixed features.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional, at least 0)
        - **output:** :math:`(N, F_{out})`

        Entries of weight 0 are candidates that may gain weight. Nothing is shared between the
        graphs of a batch.

    Complexity:
        O(E) a step, beside a sort; only the given edges are variables.

    Differences from the paper:
        The predecessor's code has :math:`N (N - 1) / 2` variables, here the edges given. Its
        gradient has a factor of 2 missing, so that without smoothness it would double the graph;
        here ``beta=0`` returns it. Its step is :math:`1 / (4 n \alpha)` for all, here each entry
        has the largest that a separable bound allows.

    Example:
        >>> import torch
        >>> conv = PLaplacianConv(16, 7, p=1.5)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "p": 2.0,
        "alpha": 1.0,
        "beta": 0.1,
        "steps": 10,
        **OperatorLayer.printed,
        "add_self_loops": True,
    }
    reads_both_ways = True  # the degrees of both ends are in the fidelity

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        p: float = 2.0,
        alpha: float = 1.0,
        beta: float = 0.1,
        steps: int = 10,
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
        check_size("steps", steps, least=0)
        if p <= 0 or alpha <= 0 or beta < 0 or steps < 0:
            raise ValueError(
                f"p, alpha, beta, steps: got {p}, {alpha}, {beta} and {steps}, expected p and "
                "alpha above 0, beta and steps of at least 0"
            )
        self.p = p
        self.alpha = alpha
        self.beta = beta
        self.steps = steps
        self.lin = Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
        self.bias = Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """Properties of the compliance battery that cannot hold, and why."""
        cleans = self.steps > 0 and self.beta > 0
        variable = "each edge that is given is a variable of its own, also one of weight 0"
        names = ("zero_weight_edges", "split_weights") if cleans else ()
        return {**super().compliance_exceptions, **dict.fromkeys(names, variable)}

    @property
    def num_hops(self) -> int:
        """How far a node looks: a step carries what it finds an edge further, as degrees do."""
        cleans = self.steps > 0 and self.beta > 0
        return self.steps + (self.normalization == "sym") if cleans else 1

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cached operator."""
        super().reset_parameters()
        self.lin.reset_parameters()
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        *,
        cleaned: CSR | None = None,
    ) -> Tensor:
        """Clean the graph and convolve.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            cleaned: What :meth:`clean` made of the graph, of this layer or of an earlier one; by
                default it is made here.
        """
        if cleaned is None:
            cleaned = self.clean(x, edge_index, edge_weight)
        return self.convolve(x, cleaned)

    def clean(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> CSR:
        """Return the operator of the cleaned graph; arguments as for :meth:`forward`."""
        check_features(type(self).__name__, x, self.width)
        held = self._held_operator(x)
        if held is not None:
            return held
        adj = self.weighted(x, edge_index, edge_weight)
        weight = denoise_graph(
            adj,
            edge_distances(adj, x, self.p).to(adj.weight),
            alpha=self.alpha,
            beta=self.beta,
            steps=self.steps,
        )
        adj = rescale(adj.with_weight(weight), self.normalization)
        if self.cached:
            assert adj.weight is not None
            adj = adj.with_weight(adj.weight.detach())
            self._cached_operator = adj
        return adj

    def convolve(self, x: Tensor, adj: CSR) -> Tensor:
        """Apply an operator that :meth:`clean` made, of this layer or of an earlier one."""
        out = spmm(adj, self.lin(x))
        return out if self.bias is None else out + self.bias

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.bias is None else [])
