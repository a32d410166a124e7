"""First-order spectral rewiring."""

from __future__ import annotations

from torch_geometric.data.datapipes import functional_transform

from graphpoly.ops import fosr
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["FoSR"]


@register(
    "transform",
    paper="Karhadkar, Banerjee, Montúfar. FoSR: First-order spectral rewiring for addressing "
    "oversquashing in GNNs. ICLR 2023",
    arxiv="2210.11790",
    example=lambda: FoSR(4),
    tags={"complexity": "O(E) per iteration of the eigenvector, O(N) per edge"},
)
@functional_transform("graphpoly_fosr")
class FoSR(Rewiring):
    r"""Add the edges that widen the spectral gap most, to first order.

    .. math::
        (u, v) = \arg\min_{(u, v) \notin E} \frac{x_u x_v}{\sqrt{(1 + d_u)(1 + d_v)}}

    with x the second eigenvector of :math:`D^{-1/2} A D^{-1/2}`, one edge after the other.

    Args:
        num_edges: Number of edges to add to each graph. A graph that becomes complete gets fewer;
            ``rewired`` says how many.
        power_steps: Start from random numbers, so many steps of the power iteration and one more
            after each edge, as published (there 5). Default: a converged eigenvector.
        seed: Of the start. Where the second eigenvector is unique, it does not matter.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store in ``edge_type`` which edges were added; relational layers tell them by it.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: O(E) for each step of the iteration and O(N) to find the pair; O(E) memory.

    Differences from the paper: the eigenvector is converged, where five steps of the power
    iteration leave the choice to chance; an isolated node counts as a component of its own and is
    joined first; the product is minimised without the N x N matrix of all of them.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 4], [1, 0, 2, 1, 3, 2, 4, 3]])
    >>> data = FoSR(1)(Data(edge_index=path, num_nodes=5))
    >>> data.edge_index[:, 8:].tolist(), data.rewired.tolist()
    ([[0, 4], [4, 0]], [[1, 0]])
    """

    def __init__(
        self,
        num_edges: int,
        *,
        power_steps: int | None = None,
        seed: int = 0,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        if num_edges < 0:
            raise ValueError(f"num_edges: got {num_edges}, expected at least 0")
        if power_steps is not None and power_steps < 0:
            raise ValueError(f"power_steps: got {power_steps}, expected at least 0")
        self.num_edges, self.power_steps, self.seed = num_edges, power_steps, seed

    def changes(self, graphs: Graphs) -> Changes:
        pairs = fosr(*graphs, self.num_edges, power_steps=self.power_steps, seed=self.seed)
        pairs = pairs.flatten(1)
        return Changes(pairs[:, pairs[0] >= 0], pairs[:, :0])
