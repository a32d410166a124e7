"""Any convolution, applied until it changes nothing."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_batch, check_features
from graphpoly.layers.implicit.fixed_point_layer import FixedPointLayer
from graphpoly.layers.laser_conv import LASERConv
from graphpoly.layers.layer_of_layers import LayerOfLayers
from graphpoly.ops import FixedPoint
from graphpoly.registry import register

__all__ = ["PicardConv"]


@register(
    "layer",
    paper="Zappala, Levine, He, Rizvi, Levy, van Dijk. Operator Learning Meets Numerical Analysis: "
    "Improving Neural Networks through Iterative Methods",
    arxiv="2310.01618",
    example=lambda: PicardConv(LASERConv(8, 8, num_relations=1, root_weight=False), scale=0.25),
    tags={
        "expressivity": "that of the layer, however often it is applied",
        "complexity": "that of the layer an iteration; its memory once",
    },
)
class PicardConv(FixedPointLayer, LayerOfLayers):
    r"""The fixed point of any convolution f of equal input and output size, by the smoothed
    iteration of `PIGN <https://arxiv.org/abs/2310.01618>`_ (Zappala et al.).

    .. math::
        z_{t+1} = a\, z_t + (1 - a)\, T(z_t), \qquad T(z) = \lambda f(z) + x, \qquad z_0 = x

    Nothing in this makes T contract. If it does not expand and :math:`0 < a < 1` the iteration
    converges wherever there is a fixed point; if it contracts there is one, and the iteration
    reaches it at the rate :math:`|a + (1 - a) \rho|` along an eigenvector of the Jacobian with
    eigenvalue :math:`\rho`. For a linear f of norm L it does where :math:`\lambda L < 1`. Otherwise
    the layer raises an error with the factor that it has measured: lower ``scale``, or bound the
    weights of f. The output is never that of an iteration cut short.

    f must be the same map at each step: layers with dropout have no fixed point in ``train()``,
    and batch normalisation moves its running statistics at each of them.

    Args:
        conv: f; its ``forward`` takes ``x`` and ``edge_index``, and by name whatever else is given.
        smoothing: a, at least 0 and below 1.
        scale: :math:`\lambda`.
        add_input: Add x to T. Without it a contraction forgets where it started, and the output is
            the same whatever x is.
        solver: ``"picard"``, or ``"anderson"``, which may find fixed points that no iteration of T
            comes to; see :func:`graphpoly.ops.fixed_point`.
        tolerance: Of the solver; default by the type of x.
        max_iterations: Of the solver.

    Shapes:
        - **input:** features :math:`(N, F)`, and what else ``conv`` takes; ``batch`` :math:`(N)`
          (optional)
        - **output:** :math:`(N, F)`

    Complexity: f once an iteration; the gradient is implicit and stores one evaluation of f.

    Differences from the paper:
        The paper runs a given number of steps and differentiates through them. Here the fixed point
        is reached or refused, and its gradient is implicit. The paper says neither where x enters
        nor what keeps f from expanding: ``add_input`` and ``scale`` are ours.

    Raises:
        ConvergenceError: If the iteration does not converge.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GCNConv
        >>> from graphpoly.layers import PicardConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv = PicardConv(GCNConv(16, 16), scale=0.2)
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 16])
    """

    printed: ClassVar[dict[str, object]] = {
        "smoothing": 0.5,
        "scale": 1.0,
        "add_input": True,
        "solver": "picard",
        "tolerance": None,
        "max_iterations": 1000,
    }

    def __init__(
        self,
        conv: nn.Module,
        *,
        smoothing: float = 0.5,
        scale: float = 1.0,
        add_input: bool = True,
        solver: str = "picard",
        tolerance: float | None = None,
        max_iterations: int = 1000,
    ) -> None:
        super().__init__()
        if not isinstance(conv, nn.Module):
            raise TypeError(f"conv: got {type(conv).__name__}, expected a layer")
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing: got {smoothing}, expected at least 0 and below 1")
        sizes = [getattr(conv, name, None) for name in ("in_channels", "out_channels")]
        if all(isinstance(size, int) for size in sizes) and sizes[0] not in (sizes[1], -1):
            raise ValueError(f"conv: got sizes {sizes[0]} and {sizes[1]}, expected equal ones")
        self.conv = conv
        self.smoothing = smoothing
        self.scale = scale
        self.add_input = add_input
        self.solves_by(solver, tolerance, max_iterations)
        self.compliance_exceptions = {
            **getattr(conv, "compliance_exceptions", {}),
            **self.exceptions,
        }

    def reset_parameters(self) -> None:
        """Draw new parameters of f."""
        reset(self.conv)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        **arguments: Any,
    ) -> Tensor:
        """Return the fixed point.

        Args:
            x: ``[N, F]``.
            edge_index: The graph.
            edge_weight: ``[E]``, where f takes it.
            batch: Graph of each node, ``[N]``: each graph then stops by itself.
            batch_size: Number of graphs, if known.
            **arguments: What else f takes.
        """
        found = self.fixed_point(x, edge_index, edge_weight, batch, batch_size, **arguments)
        return found.value.to(x.dtype)

    def fixed_point(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        **arguments: Any,
    ) -> FixedPoint:
        """Return the fixed point with residuals and iterations; arguments as for forward."""
        width = getattr(self.conv, "in_channels", -1)
        check_features("PicardConv", x, width if isinstance(width, int) else -1)
        check_batch(batch)
        if edge_weight is not None:
            arguments["edge_weight"] = edge_weight
        takes = inspect.signature(self.conv.forward).parameters
        graphs = {"batch": batch, "batch_size": batch_size}
        arguments |= {name: value for name, value in graphs.items() if name in takes}
        floating = (p.dtype for p in self.conv.parameters() if p.is_floating_point())
        start = x.to(next(floating, x.dtype))

        def function(z: Tensor) -> Tensor:
            image: Tensor = self.conv(z, edge_index, **arguments)
            if image.shape != z.shape:
                got, expected = list(image.shape), list(z.shape)
                raise ValueError(f"conv: returned shape {got}, expected {expected}, that of x")
            image = self.scale * image
            return start + image if self.add_input else image

        return self.solve(function, start, mixing=1 - self.smoothing, **graphs)

    def __repr__(self) -> str:
        return f"PicardConv({', '.join([repr(self.conv), *self.options()])})"
