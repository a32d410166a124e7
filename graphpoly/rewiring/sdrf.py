"""Stochastic discrete Ricci flow."""

from __future__ import annotations

import math

import torch
from torch_geometric.data.datapipes import functional_transform

from graphpoly.ops import sdrf
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.structure import Changes, Graphs, net_changes

__all__ = ["SDRF"]


@register(
    "transform",
    paper="Topping, Di Giovanni, Chamberlain, Dong, Bronstein. Understanding over-squashing and "
    "bottlenecks on graphs via curvature. ICLR 2022",
    arxiv="2111.14522",
    example=lambda: SDRF(4),
    tags={"complexity": "O(E) per iteration, and the curvatures nearby"},
)
@functional_transform("graphpoly_sdrf")
class SDRF(Rewiring):
    r"""Support the edge of the most negative balanced Forman curvature, again and again.

    Each iteration joins a pair (k, l), k one of i and its neighbours and l one of j and its
    neighbours, around the edge (i, j) of the smallest curvature, with probability
    :math:`\mathrm{softmax}_{kl}(\tau\,(\mathrm{Ric}'_{kl}(i, j) - \mathrm{Ric}(i, j)))`; then it
    removes the edge of the largest curvature, if that is above :math:`C^+`.

    Args:
        iterations: Number of iterations.
        tau: Inverse temperature; infinity always takes the best pair.
        removal_bound: :math:`C^+`; None removes nothing.
        seed: Of the draws.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store in ``edge_type`` which edges were added.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: the curvatures of all edges once. For each iteration O(E) to find an edge, one
    number for each candidate, and the curvatures of those edges that the step can have changed.

    Differences from the paper: none in what is computed. The code that was published with it has
    another curvature.

    >>> from torch_geometric.data import Data
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> data = SDRF(1)(Data(edge_index=path, num_nodes=4))
    >>> data.edge_index[:, 6:].tolist()
    [[0, 2], [2, 0]]
    """

    def __init__(
        self,
        iterations: int,
        *,
        tau: float = math.inf,
        removal_bound: float | None = None,
        seed: int = 0,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        if iterations < 0:
            raise ValueError(f"iterations: got {iterations}, expected at least 0")
        if not tau >= 0:
            raise ValueError(f"tau: got {tau}, expected at least 0")
        if removal_bound is not None and math.isnan(removal_bound):
            raise ValueError("removal_bound: got nan, expected a number or None")
        self.iterations, self.tau = iterations, tau
        self.removal_bound, self.seed = removal_bound, seed

    def changes(self, graphs: Graphs) -> Changes:
        bound = math.inf if self.removal_bound is None else self.removal_bound
        steps = sdrf(*graphs, self.iterations, tau=self.tau, bound=bound, seed=self.seed).flatten(1)
        adds = (torch.arange(steps.size(1)) % 2) == 0
        done = steps[0] >= 0
        return net_changes(graphs, steps[:, done], adds[done])
