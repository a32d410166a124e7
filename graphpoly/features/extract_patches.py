"""Patches of each graph, extracted once or anew in each epoch, and batched by PyG's own rules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, HeteroData
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.loader.partition import METHODS, partition_each
from graphpoly.ops import to_edges
from graphpoly.ops.entry import as_size
from graphpoly.ops.patches import grow_patches
from graphpoly.registry import register

__all__ = ["ExtractPatches", "extract_patches"]

_SEEDS = 2**31 - 1  # METIS counts them in 32 bits


@register(
    "transform",
    paper="He, Hooi, Laurent, Perold, LeCun, Bresson. A Generalization of ViT/MLP-Mixer to Graphs. "
    "ICML 2023",
    arxiv="2212.13350",
    example=lambda: ExtractPatches(4, method="random"),
    tags={"complexity": "O(T log T) time, T entries within all patches"},
)
@functional_transform("graphpoly_extract_patches")
class ExtractPatches(BaseTransform):
    """Divides each graph into parts and grows them until they overlap.

    Adds ``patch_node_index [S]``, the node of each copy, and ``patch_number [S]``, the number of
    its patch in its graph, in order. Both batch without a class of their own:
    :class:`~torch_geometric.loader.DataLoader` shifts the first as it shifts ``edge_index`` and
    leaves the second, and of a batch every graph is divided by itself. Numbers that no copy has
    belong to patches without nodes, such as where there are more patches than nodes.

    As ``transform=`` of a dataset, or called on each batch, ``seed=None`` extracts other patches in
    each epoch; as ``pre_transform=`` they are extracted once.

    Args:
        num_patches: Number of patches P of each graph.
        overlap: Hops by which the parts grow; with 1 every edge lies in a patch, with 0 those
            between parts lie in none.
        method: ``"metis"`` for few edges between parts, or ``"random"``; see
            :func:`graphpoly.loader.partition`.
        drop: Share of the entries of ``edge_index`` that the partition does not see. They are drawn
            one by one: an edge that is there both ways is lost with both of them alone. Patches
            grow along all edges.
        seed: Of all draws, the same for each graph; None to draw from torch's generator.

    Raises:
        ImportError: Where a graph is extracted, if METIS is asked for and pymetis is not installed.
        TypeError: On ``HeteroData``; a patch of several node types has no one index.

    >>> from torch_geometric.data import Data
    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> data = Batch.from_data_list([ExtractPatches(2)(Data(edge_index=path, num_nodes=4))] * 2)
    >>> data.patch_node_index.tolist()
    [0, 1, 2, 1, 2, 3, 4, 5, 6, 5, 6, 7]
    >>> data.patch_number.tolist()
    [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    """

    def __init__(
        self,
        num_patches: int = 32,
        *,
        overlap: int = 1,
        method: str = "metis",
        drop: float = 0.0,
        seed: int | None = 0,
    ) -> None:
        if method not in METHODS:
            raise unknown("method", method, METHODS)
        if not 0 <= drop <= 1:
            raise ValueError(f"drop: got {drop}, expected a share from 0 to 1")
        self.num_patches = as_size("num_patches", num_patches, least=1)
        self.overlap = as_size("overlap", overlap)
        self.method = method
        self.drop = drop
        self.seed = seed

    def forward(self, data: Any) -> Any:
        """Add the patches."""
        if isinstance(data, HeteroData):
            raise TypeError(
                "ExtractPatches: got HeteroData; patches are extracted from a Data of one node type"
            )
        edges = data.edge_index if data.get("edge_index") is not None else data.adj_t
        size = int(data.num_nodes)
        ptr = data.ptr if isinstance(data, Batch) else torch.tensor([0, size], device="cpu")
        pairs, _ = to_edges(edges, size=(size, size))
        data.patch_node_index, data.patch_number = extract_patches(
            pairs,
            ptr,
            self.num_patches,
            overlap=self.overlap,
            method=self.method,
            drop=self.drop,
            seed=self.seed,
        )
        return data

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_patches}, overlap={self.overlap}, "
            f"method={self.method!r}, drop={self.drop}, seed={self.seed})"
        )


def extract_patches(
    edge_index: Tensor,
    ptr: Tensor,
    num_patches: int,
    *,
    overlap: int = 1,
    method: str = "metis",
    drop: float = 0.0,
    seed: int | None = 0,
) -> tuple[Tensor, Tensor]:
    """Return the node of each copy and the number of its patch in its graph, ``[S]`` both.

    Args:
        edge_index: ``[2, E]``, of all graphs.
        ptr: Where the nodes of each graph begin, ``[B+1]``.
        num_patches, overlap, method, drop, seed: See :class:`ExtractPatches`.

    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> node, number = extract_patches(path, torch.tensor([0, 4]), 2, overlap=0)
    >>> node.tolist(), number.tolist()
    ([0, 1, 2, 3], [0, 0, 1, 1])
    """
    count = ptr.numel() - 1
    if seed is None:
        seeds = torch.randint(_SEEDS, (count,), device="cpu").tolist()
    else:
        seeds = [seed] * count
    seen = edge_index.cpu()
    if drop:
        draw = None if seed is None else torch.Generator("cpu").manual_seed(seed)
        seen = seen[:, torch.rand(seen.size(1), generator=draw, device="cpu") >= drop]
    number = partition_each(seen, ptr, num_patches, method=method, seeds=seeds)
    graph = torch.arange(count, device="cpu").repeat_interleave(ptr.cpu().diff())
    part = (graph * num_patches + number).to(edge_index.device)
    patch, node = grow_patches(edge_index, part, overlap)
    return node, patch % num_patches
