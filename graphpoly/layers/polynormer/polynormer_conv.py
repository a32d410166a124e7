"""Polynormer's layers from local to global."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_batch, check_features, check_size
from graphpoly.layers.layer_of_layers import LayerOfLayers
from graphpoly.layers.linear import width_of
from graphpoly.layers.polynormer.polynormer_global import PolynormerGlobal
from graphpoly.layers.polynormer.polynormer_local import PolynormerLocal
from graphpoly.ops import dropout
from graphpoly.registry import register

__all__ = ["PolynormerConv"]


@register(
    "layer",
    paper="Deng, Yue, Zhang. Polynormer: Polynomial-Expressive Graph Transformer in Linear Time. "
    "ICLR 2024",
    arxiv="2403.01232",
    example=lambda: PolynormerConv(8, 12, heads=3),
    tags={
        "expressivity": "polynomials of degree 2^L in the features",
        "complexity": "O(L (|E| C + |V| C^2)) time, O(L |V| C) memory",
    },
)
class PolynormerConv(LayerOfLayers):
    r"""Local-to-global polynomial attention, from `Polynormer <https://arxiv.org/abs/2403.01232>`_
    (Deng, Yue and Zhang, ICLR 2024).

    .. math::
        X_0 = X W_{in}, \qquad X_l = \mathrm{local}_l(X_{l-1}), \qquad
        Z_0 = \mathrm{LN}\Big(\sum_{l=1}^{L} X_l\Big), \qquad
        Z_m = \mathrm{global}_m(Z_{m-1})

    The local layers (:class:`PolynormerLocal`) attend to neighbours, the global ones
    (:class:`PolynormerGlobal`) to all nodes of the graph. Each layer multiplies what it attends to
    by a gate made of its own input, and thereby doubles the degree of the polynomial that the
    output is of the input.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature, all heads together.
        heads: Number of attention heads in every layer, a divisor of ``out_channels``.
        local_layers: L, at least 1.
        global_layers: Number of global layers; with 0 the output is the sum over local ones.
        beta: Of the learned vector in each layer: None for the logistic function of a parameter
            that starts at 0, or the value at which the parameter itself starts.
        relu: Whether the layers have ReLU (Polynormer-r in the paper) or not (Polynormer).
        dropout: Probability after each layer and after :math:`W_{in}`.
        global_dropout: That of the global layers, where it differs.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes (weights are not read), ``batch`` :math:`(N)`
          (optional)
        - **output:** :math:`(N, F_{out})`

        No graph is padded: on a batch each graph gets what it gets alone. Nodes without incoming
        edges attend to nothing; the paper gives each a self-loop
        (:class:`~torch_geometric.transforms.AddRemainingSelfLoops`).

    Complexity:
        O(E C + N C^2) a layer; no score of any pair is stored.

    Differences from the paper:
        The published code lets heads interleave in the global layers and not in the local ones,
        here the channels of a head stand together in both. Its global layers share
        :math:`W_o`, here each has its own. It redraws :math:`\beta` from a narrow normal
        distribution, here the vector starts at a constant.

    Example:
        >>> import torch
        >>> conv = PolynormerConv(16, 32, heads=4, local_layers=2)
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 32])
    """

    printed: ClassVar[dict[str, object]] = {  # arguments and the defaults that repr leaves out
        "heads": 1,
        "local_layers": 1,
        "global_layers": 1,
        "beta": None,
        "relu": False,
        "dropout": 0.0,
        "global_dropout": None,
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "the global layers see every node of the graph; num_hops is how far the local "
        "layers see",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        heads: int = 1,
        local_layers: int = 1,
        global_layers: int = 1,
        beta: float | None = None,
        relu: bool = False,
        dropout: float = 0.0,
        global_dropout: float | None = None,
    ) -> None:
        super().__init__()
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        check_size("heads", heads)
        check_size("local_layers", local_layers)
        check_size("global_layers", global_layers, least=0)
        if out_channels % heads:
            raise ValueError(f"heads: got {heads}, expected a divisor of {out_channels}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.heads = heads
        self.local_layers = local_layers
        self.global_layers = global_layers
        self.beta = beta
        self.relu = relu
        self.dropout = dropout
        self.global_dropout = global_dropout
        self.num_hops = local_layers
        self.lin_in = Linear(in_channels, out_channels)
        options: dict[str, Any] = {"heads": heads, "beta": beta, "relu": relu, "dropout": dropout}
        self.locals = nn.ModuleList(
            PolynormerLocal(out_channels, **options) for _ in range(local_layers)
        )
        if global_dropout is not None:
            options["dropout"] = global_dropout
        self.norm: nn.Module | None = nn.LayerNorm(out_channels) if global_layers else None
        self.globals = nn.ModuleList(
            PolynormerGlobal(out_channels, **options) for _ in range(global_layers)
        )

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in (self.lin_in, *self.locals, self.norm, *self.globals):
            reset(module)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Run the local layers, then the global ones.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_batch(batch)
        return self.globally(self.locally(x, edge_index), batch, batch_size)

    def locally(self, x: Tensor, edge_index: Any) -> Tensor:
        """Return the sum over the outputs of the local layers, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, width_of(self.lin_in))
        x = dropout(self.lin_in(x), self.dropout, self.training)
        total = torch.zeros_like(x)
        for layer in self.locals:
            x = layer(x, edge_index)
            total = total + x
        return total

    def globally(
        self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None
    ) -> Tensor:
        """Run the global layers on what :meth:`locally` gives."""
        check_batch(batch)
        if self.norm is not None:
            x = self.norm(x)
        for layer in self.globals:
            x = layer(x, batch, batch_size)
        return x

    def options(self, **defaults: object) -> list[str]:
        """Return the arguments that differ from their defaults, as ``name=value``.

        Args:
            **defaults: Defaults that stand in for the layer's own.
        """
        return [
            f"{name}={getattr(self, name)!r}"
            for name, default in {**self.printed, **defaults}.items()
            if getattr(self, name) != default
        ]

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), *self.options()]
        return f"{type(self).__name__}({', '.join(arguments)})"
