"""Coordinates of nodes from the edges alone, where hidden ones have decided the edges."""

from __future__ import annotations

from typing import Any

import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.features.ball_radii import ball_radii, check_space, simple_pairs, weak_components
from graphpoly.features.classical_mds import EXTENSIONS, classical_mds
from graphpoly.ops.stationary_distribution import check_damping
from graphpoly.registry import register

__all__ = ["HiddenFeatures"]


@register(
    "transform",
    paper="Sato. Graph Neural Networks can Recover the Hidden Features Solely from the Graph "
    "Structure. ICML 2023",
    arxiv="2301.10956",
    example=lambda: HiddenFeatures(2, landmarks=4),
    tags={"complexity": "O(m (E + N log N) + m^3), m landmarks"},
)
@functional_transform("graphpoly_hidden_features")
class HiddenFeatures(BaseTransform):
    r"""Add coordinates whose distances are the shortest paths of the graph.

    A graph that joins points within reach of each other, such as their nearest neighbours, holds
    the points, up to a motion and the unit of length. The edges of v are as long as it sees,

    .. math::
        s(v) = g \left( \frac{\deg_v}{n^2 \pi_v} \right)^{1 / (d + 2)}, \qquad
        D_{uv} = \min_{\text{paths}} \sum s, \qquad
        Z = \mathrm{MDS}_d(D)

    with :math:`\pi` the stationary distribution of a random walk; see
    :func:`~graphpoly.features.ball_radii` for s and g, and
    :func:`~graphpoly.features.classical_mds` for the last step.

    Paths stay within the set that the points fill: where it is convex their lengths are distances,
    and a set that is bent comes out straight.

    Adds ``hidden [N, d]``. Components are recovered each by itself, around the origin: how they lie
    to each other is not in the graph. A node without edges is at the origin.

    Args:
        dim: Dimension d.
        landmarks: Nodes m from which distances are measured, in each component; all where it has
            fewer. Drawn uniformly.
        extension: Where the other nodes go: ``"nystrom"``, by their distances from all landmarks,
            or ``"nearest"``, to the place of the nearest one, as published.
        damping: Probability of a jump of the walk; of directed graphs only.
        volume: Of the set that the points fill: the unit of length.
        seed: Of the landmarks.
        attr_name: What the result is called.

    Raises:
        TypeError: On ``HeteroData``; there is one kind of point.
        ValueError: If there is neither ``edge_index`` nor ``adj_t``.

    Complexity: O(m (E + N log N) + m^3) time, O(m N) memory.

    Differences from the paper: an edge is used both ways, by the smaller s of its ends where both
    have it: a bound on the distance of two points does not depend on who sees whom, and a weakly
    connected component is enough. The exponent is that of dimension d, 1/4 for d = 2 as published.
    The published code multiplies eigenvectors by eigenvalues, not by their roots, and centres by
    the number of nodes, not of landmarks. g is not learned from degrees and n, but fixed by a
    volume; where some points are known, :func:`~graphpoly.features.procrustes` with a scale finds
    what learning a factor for the graph would.

    >>> ring = torch.arange(12)
    >>> pairs = torch.stack([ring, ring.roll(1)])
    >>> data = HiddenFeatures()(Data(edge_index=torch.cat([pairs, pairs.flip(0)], 1), x=ring))
    >>> radius = data.hidden.norm(dim=1)
    >>> bool((radius - radius.mean()).abs().max() < 1e-6)
    True
    """

    def __init__(
        self,
        dim: int = 2,
        *,
        landmarks: int = 500,
        extension: str = "nystrom",
        damping: float = 1e-3,
        volume: float = 1.0,
        seed: int = 0,
        attr_name: str = "hidden",
    ) -> None:
        check_space(dim, volume)
        if landmarks < 1:
            raise ValueError(f"landmarks: got {landmarks}, expected at least 1")
        if extension not in EXTENSIONS:
            raise unknown("extension", extension, EXTENSIONS)
        check_damping(damping)
        self.dim, self.landmarks, self.extension = dim, landmarks, extension
        self.damping, self.volume = damping, volume
        self.seed, self.attr_name = seed, attr_name

    def forward(self, data: Any) -> Any:
        """Add the coordinates."""
        if not isinstance(data, Data):
            raise TypeError(
                f"HiddenFeatures: got {type(data).__name__}; Data of one node type is accepted"
            )
        edges = data.edge_index if data.get("edge_index") is not None else data.get("adj_t")
        if edges is None:
            raise ValueError("HiddenFeatures: got no edges; edge_index and adj_t are accepted")
        with torch.device("cpu"):
            pairs, count = simple_pairs(edges, int(data.num_nodes or 0))
            sizes = data.ptr.diff().cpu() if isinstance(data, Batch) else torch.tensor([count])
            first = sizes.cumsum(0) - sizes
            own = torch.bincount(torch.repeat_interleave(sizes)[pairs[0]], minlength=len(sizes))
            split = pairs.split(own.tolist(), 1)
            graphs = zip(split, first.tolist(), sizes.tolist(), strict=True)
            place = torch.cat([self._recovered(some - start, size) for some, start, size in graphs])
        data[self.attr_name] = place.to(edges.device, torch.get_default_dtype())
        return data

    def _recovered(self, pairs: Tensor, size: int) -> Tensor:
        """Of one graph, ``[N, d]`` float64."""
        place = torch.zeros(size, self.dim, dtype=torch.float64)
        if not pairs.numel():
            return place
        options: dict[str, Any] = {"dim": self.dim, "damping": self.damping, "volume": self.volume}
        radius = ball_radii(pairs, size, **options)
        low, high = pairs.sort(0).values
        key, edge = torch.unique(low * size + high, return_inverse=True)
        length = torch.full(key.shape, torch.inf, dtype=torch.float64)
        length = length.scatter_reduce(0, edge, radius[pairs[0]], "amin")
        entries = length.numpy(), ((key // size).numpy(), (key % size).numpy())
        graph = csr_matrix(entries, shape=(size, size))
        part = weak_components(pairs, size)
        members = part.argsort(stable=True).split(torch.bincount(part).tolist())
        for nodes in members:
            if nodes.numel() > 1:
                place[nodes] = self._component(graph[nodes.numpy()][:, nodes.numpy()])
        return place

    def _component(self, graph: Any) -> Tensor:
        """Of what is connected, ``[n, d]``, around the origin."""
        size = graph.shape[0]
        generator = torch.Generator().manual_seed(self.seed)
        chosen = torch.randperm(size, generator=generator)[: self.landmarks].sort().values
        distance = torch.from_numpy(dijkstra(graph, directed=False, indices=chosen.numpy()))
        place = classical_mds(distance, self.dim, chosen, extension=self.extension)
        return place - place.mean(0)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.dim}, landmarks={self.landmarks}, "
            f"extension={self.extension!r}, damping={self.damping}, volume={self.volume}, "
            f"seed={self.seed}, attr_name={self.attr_name!r})"
        )
