"""Greedy total resistance rewiring."""

from __future__ import annotations

from torch_geometric.data.datapipes import functional_transform

from graphpoly.ops import gtr
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.measures.resistance import MAX_DENSE
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["GTR"]


@register(
    "transform",
    paper="Black, Wan, Nayyeri, Wang. Understanding Oversquashing in GNNs through the Lens of "
    "Effective Resistance. ICML 2023",
    arxiv="2302.06835",
    example=lambda: GTR(4),
    tags={"complexity": "O(N^3) once, O(N^2) per edge"},
)
@functional_transform("graphpoly_gtr")
class GTR(Rewiring):
    r"""Add the edges that lower the total effective resistance most, one after the other.

    .. math::
        (u, v) = \arg\max_{(u, v) \notin E} \frac{B^2(u, v)}{1 + R(u, v)}, \qquad
        R = b^\top L^+ b,\quad B^2 = b^\top (L^+)^2 b,\quad b = e_u - e_v

    n times that is exactly by how much the total resistance falls. Components are not joined: their
    resistance is infinite and would stay so.

    Args:
        num_edges: Number of edges to add to each graph; fewer where its components are complete,
            which ``rewired`` says.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store in ``edge_type`` which edges were added.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Raises:
        ValueError: If a graph has more than 20,000 nodes.

    Complexity: O(N^2) for the pseudo-inverse and its square of a graph that is near to a tree, at
    most O(N^3), then one pass over the pairs for each edge; O(N^2) memory.

    Differences from the paper: none. Ties go to the pair with the smaller nodes.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> GTR(1)(Data(edge_index=path, num_nodes=4)).edge_index[:, 6:].tolist()
    [[0, 3], [3, 0]]
    """

    def __init__(
        self,
        num_edges: int,
        *,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        if num_edges < 0:
            raise ValueError(f"num_edges: got {num_edges}, expected at least 0")
        self.num_edges = num_edges

    def changes(self, graphs: Graphs) -> Changes:
        largest = int(graphs.ptr.diff().max()) if graphs.num_graphs else 0
        if largest > MAX_DENSE:
            raise ValueError(
                f"{type(self).__name__}: got a graph of {largest} nodes, expected at most "
                f"{MAX_DENSE}: all pairs are kept"
            )
        pairs = gtr(*graphs, self.num_edges)[0].flatten(1)
        pairs = pairs[:, pairs[0] >= 0]
        return Changes(pairs, pairs[:, :0])
