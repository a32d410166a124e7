"""Locality-aware sequential rewiring."""

from __future__ import annotations

from torch_geometric.data.datapipes import functional_transform

from graphpoly.ops import laser
from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["LASER"]


@register(
    "transform",
    paper="Barbero, Velingker, Saberi, Bronstein, Di Giovanni. Locality-Aware Graph Rewiring in "
    "GNNs. ICLR 2024",
    arxiv="2310.01668",
    example=lambda: LASER(2, 0.5),
    tags={"complexity": "O(N k E), within a ball on large graphs"},
)
@functional_transform("graphpoly_laser")
class LASER(Rewiring):
    r"""Add snapshots: in the l-th, edges to a share of the nodes at distance l + 1.

    A node chooses those with the fewest walks of length k to it, :math:`((A + I)^k)_{vu}`, which
    is where messages get lost. ``edge_type`` is l for the edges of snapshot l and 0 for those of
    the graph; :class:`~graphpoly.layers.LASERConv` has weights for each.

    Args:
        num_snapshots: Number of snapshots L.
        share: :math:`\rho`, the share of each orbit that is joined, rounded to the nearest number.
        minimum: At least as many of each orbit, where there are.
        power: k, at least L + 1.
        seed: Decides between nodes with as many walks.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`.
        typed: Store ``edge_type``.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: k sparse products for each node, eight nodes at a time; in graphs with more than
    4096 nodes only within the ball of radius (k + L + 1) / 2. No N x N matrix.

    Differences from the paper: a pair is joined in both directions if one of its nodes chooses the
    other. In the code that was published with it, each node looks at those of smaller number only,
    and a snapshot holds several distances.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> data = LASER(2, 1.0)(Data(edge_index=path, num_nodes=4))
    >>> data.edge_index[:, 6::2].T.tolist(), data.edge_type[6::2].tolist()
    ([[0, 2], [1, 3], [0, 3]], [1, 1, 2])
    """

    def __init__(
        self,
        num_snapshots: int = 3,
        share: float = 0.5,
        *,
        minimum: int = 1,
        power: int = 8,
        seed: int = 0,
        fill: Fill | None = None,
        typed: bool = True,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        if num_snapshots < 1:
            raise ValueError(f"num_snapshots: got {num_snapshots}, expected at least 1")
        if not 0 <= share <= 1:
            raise ValueError(f"share: got {share}, expected 0 to 1")
        if minimum < 0:
            raise ValueError(f"minimum: got {minimum}, expected at least 0")
        if power < num_snapshots + 1:
            raise ValueError(
                f"power: got {power}, expected at least {num_snapshots + 1}, the longest distance"
            )
        self.num_snapshots, self.share, self.minimum = num_snapshots, share, minimum
        self.power, self.seed = power, seed

    def changes(self, graphs: Graphs) -> Changes:
        low_high_kind = laser(
            *graphs,
            self.num_snapshots,
            share=self.share,
            least=self.minimum,
            power=self.power,
            seed=self.seed,
        )
        return Changes(low_high_kind[:2], low_high_kind[:2, :0], low_high_kind[2])
