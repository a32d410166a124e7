"""What layers have in common whose output is a fixed point."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_batch, check_size
from graphpoly.layers.operator_layer import OperatorLayer
from graphpoly.ops import CSR, FixedPoint, fixed_point
from graphpoly.ops.fixed_point import SOLVERS

__all__ = ["FixedPointLayer", "FixedPointOperatorLayer"]

_STEPS = "how many steps there are is in the values, where a traced graph has a fixed number"


class FixedPointLayer:
    """A layer that solves for its output.

    Attributes:
        solver: ``"anderson"`` or ``"picard"``.
        tolerance: See :func:`graphpoly.ops.fixed_point`.
        max_iterations: Steps before a :class:`~graphpoly.errors.ConvergenceError`.
        exceptions: Properties of the battery, and why they do not hold.
    """

    solver: str
    tolerance: float | None
    max_iterations: int
    exceptions: ClassVar[dict[str, str]] = {
        "compile": _STEPS,
        "export": _STEPS,
        "num_hops": "a fixed point reaches every node that there is a path to",
    }

    def solves_by(self, solver: str, tolerance: float | None, max_iterations: int) -> None:
        """Hold the arguments of the solver."""
        if solver not in SOLVERS:
            raise unknown("solver", solver, SOLVERS)
        check_size("max_iterations", max_iterations)
        if tolerance is not None and not tolerance > 0:
            raise ValueError(f"tolerance: got {tolerance}, expected a positive number or None")
        self.solver = solver
        self.tolerance = tolerance
        self.max_iterations = max_iterations

    def solve(self, function: Any, start: Tensor, **options: Any) -> FixedPoint:
        """Solve as the layer's arguments say."""
        return fixed_point(
            function,
            start,
            solver=self.solver,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
            **options,
        )


class FixedPointOperatorLayer(FixedPointLayer, OperatorLayer):
    """One to which the graph is an operator P without negative entries."""

    printed: ClassVar[dict[str, object]] = {
        "solver": "picard",
        "tolerance": None,
        "max_iterations": 1000,
        **OperatorLayer.printed,
    }

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return the fixed point.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``, not negative.
            batch: Graph of each node, ``[N]``: each graph then stops by itself.
            batch_size: Number of graphs, if known.
        """
        found = self.fixed_point(x, edge_index, edge_weight, batch, batch_size)
        return found.value.flatten(1).to(x.dtype)

    def fixed_point(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> FixedPoint:
        """Return the fixed point with residuals and iterations; arguments as for forward."""
        check_batch(batch)
        adj = self.operator(x, edge_index, edge_weight)
        if adj.weight is not None and bool((adj.weight < 0).any()):
            raise ValueError(
                f"edge_weight: got a negative weight; the fixed point of {type(self).__name__} is "
                "unique for weights of at least 0"
            )
        function, start = self.map(x, adj)
        return self.solve(function, start, batch=batch, batch_size=batch_size)

    def map(self, x: Tensor, adj: CSR) -> tuple[Any, Tensor]:
        """Return the map and where to start, in at least float32."""
        raise NotImplementedError

    def _computed_in(self, x: Tensor) -> torch.dtype:
        return torch.promote_types(x.dtype, self.least_dtype)
