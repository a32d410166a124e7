"""The paths of a graph, listed once and batched by PyG's own rules."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.ops import Paths, enumerate_paths
from graphpoly.ops.enumerate_paths import MAX_PATHS, PATHS
from graphpoly.registry import register

__all__ = ["AddPaths", "stored_paths"]

# PyG adds the number of nodes to whatever has "index" in its name, and joins it along the last
# dimension; anything else it joins along the first as it is.
_INDEX, _DISTANCE = "path_index_{}", "path_distance_{}"


@register(
    "transform",
    paper="Michel, Nikolentzos, Lutzeyer, Vazirgiannis. Path Neural Networks: Expressive and "
    "Accurate Graph Neural Networks. ICML 2023",
    arxiv="2306.05955",
    example=lambda: AddPaths(2),
    tags={"complexity": "O(K P) time, P paths"},
)
@functional_transform("graphpoly_add_paths")
class AddPaths(BaseTransform):
    """Stores the paths of each length up to K.

    Adds ``path_index_1 [2, P_1]``, ..., ``path_index_K [K+1, P_K]``, the far end of a path in the
    first row, and with ``distances`` also ``path_distance_1 [P_1, 2]``, ...: how far each of its
    nodes is from the last. A length without paths gives an empty tensor. Everything batches without
    a class of its own: :class:`~torch_geometric.loader.DataLoader` shifts the indices as it shifts
    ``edge_index``. :func:`stored_paths` reads them again.

    Args:
        K: Length of the longest paths.
        paths: ``"simple"``, ``"shortest"`` or ``"single"``; see
            :func:`graphpoly.ops.enumerate_paths`.
        distances: Measure the nodes of each path, as :class:`~graphpoly.layers.PathConv` needs with
            ``distances=True``; default only for ``"simple"``, where they say something new.
        seed: Of ``"single"`` and of ``sample``.
        max_paths: Refuse a graph with more paths than this.
        sample: Keep at most this many paths of each length, drawn uniformly.

    Raises:
        TypeError: On ``HeteroData``; a path through several node types has no one index.

    >>> import torch
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> AddPaths(2)(Data(edge_index=path, num_nodes=3)).path_index_2.T.tolist()
    [[0, 1, 2], [2, 1, 0]]
    """

    def __init__(
        self,
        K: int,
        *,
        paths: str = "shortest",
        distances: bool | None = None,
        seed: int | None = None,
        max_paths: int | None = MAX_PATHS,
        sample: int | None = None,
    ) -> None:
        if K < 1:
            raise ValueError(f"K: got {K}, expected at least 1")
        if paths not in PATHS:
            raise unknown("paths", paths, PATHS)
        self.K = K
        self.paths = paths
        self.distances = paths == "simple" if distances is None else distances
        self.seed = seed
        self.max_paths = max_paths
        self.sample = sample

    def forward(self, data: Any) -> Any:
        """Add the paths."""
        if isinstance(data, HeteroData):
            raise TypeError("AddPaths: got HeteroData; paths are listed in a Data of one node type")
        edges = data.edge_index if data.get("edge_index") is not None else data.adj_t
        found = enumerate_paths(
            edges,
            self.K,
            data.num_nodes,
            paths=self.paths,
            distances=self.distances,
            seed=self.seed,
            max_paths=self.max_paths,
            sample=self.sample,
        )
        for k, some in enumerate(found, 1):
            data[_INDEX.format(k)] = some.node.to(torch.int64)
            if some.distance is not None:
                data[_DISTANCE.format(k)] = some.distance.t().contiguous()
        return data

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.K}, paths={self.paths!r}, distances={self.distances}, "
            f"seed={self.seed}, max_paths={self.max_paths}, sample={self.sample})"
        )


def stored_paths(data: Data) -> list[Paths] | None:
    """Return what :class:`AddPaths` stored in a graph or a batch, by length; None if nothing.

    >>> import torch
    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> data = AddPaths(2, paths="simple")(Data(edge_index=triangle, num_nodes=3))
    >>> [paths.num_paths for paths in stored_paths(data)]
    [6, 6]
    """
    found: list[Paths] = []
    while (node := data.get(_INDEX.format(len(found) + 1))) is not None:
        distance = data.get(_DISTANCE.format(len(found) + 1))
        found.append(Paths(node, None if distance is None else distance.t()))
    return found or None
