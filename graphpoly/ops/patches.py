"""Patches of graphs: parts that overlap, as lists of the nodes that each of them holds.

A node of several patches has a copy in each. Copies are in the order of their patches and, within
one, of the nodes; patch p of graph g has the number ``g * P + p``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.node_balls import entries_inside, grown, sorted_entries

__all__ = ["grow_patches", "patch_edges", "patch_overlap", "patch_walks"]


def grow_patches(edge_index: Tensor, part: Tensor, hops: int) -> tuple[Tensor, Tensor]:
    """Return the parts of a graph with all that is within some hops of each.

    Args:
        edge_index: ``[2, E]``; a hop goes along an edge or against it.
        part: Number of the part of each node, ``[N]``.
        hops: How far; from one on every edge lies in some patch.

    Returns:
        Patch and node of each of the S copies, ``[S]`` both.

    Complexity: O(T log T) for the entries T that are within the patches.

    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> patch, node = grow_patches(path, torch.tensor([0, 0, 1, 1]), 1)
    >>> patch.tolist(), node.tolist()
    ([0, 0, 0, 1, 1, 1], [0, 1, 2, 1, 2, 3])
    """
    size = part.size(0)
    row, col = torch.cat([edge_index, edge_index.flip(0)], 1)
    members = (part.long() * size + torch.arange(size, device=part.device)).sort().values
    members = grown(sorted_entries(row, col, size), members, _anywhere(part, size), hops)
    return members // max(size, 1), members % max(size, 1)


def patch_edges(
    edge_index: Tensor, patch: Tensor, node: Tensor, num_nodes: int
) -> tuple[Tensor, Tensor]:
    """Return the edges of each patch: all that join two of its nodes.

    Args:
        edge_index: ``[2, E]``.
        patch, node: Of each copy, ``[S]`` both, in order.
        num_nodes: N.

    Returns:
        Edges between copies, ``[2, T]``, and the edge of the graph that each is a copy of, ``[T]``.

    Complexity: O(T log S) for the entries T of all copies' nodes.

    >>> path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    >>> patch, node = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 1, 2, 3])
    >>> pairs, edge = patch_edges(path, patch, node, 4)
    >>> pairs.tolist(), edge.tolist()
    ([[0, 1, 3, 4], [1, 2, 4, 5]], [0, 1, 1, 2])
    """
    entries = sorted_entries(edge_index[0], edge_index[1], num_nodes)
    source, target, edge = entries_inside(
        entries, patch.long() * num_nodes + node, _anywhere(patch, num_nodes)
    )
    return torch.stack([source, target]), edge


def patch_overlap(
    patch: Tensor, node: Tensor, shape: tuple[int, int, int], dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return how many nodes two patches of a graph share; of one with itself, how many it has.

    Args:
        patch, node: Of each copy, ``[S]`` both.
        shape: Numbers of graphs B, of patches of each P, and of nodes N.
        dtype: Of the result.

    Returns:
        ``[B, P, P]``, symmetric.

    Complexity: O((S + N) P).

    >>> patch, node = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 1, 2, 3])
    >>> patch_overlap(patch, node, (1, 2, 4)).tolist()
    [[[3.0, 2.0], [2.0, 3.0]]]
    """
    num_graphs, num_patches, num_nodes = shape
    held = torch.zeros(num_nodes, num_patches, dtype=dtype, device=patch.device)
    held[node, patch % num_patches] = 1
    shared = held.new_zeros(num_graphs * num_patches, num_patches).index_add(0, patch, held[node])
    return shared.view(num_graphs, num_patches, num_patches)


def patch_walks(overlap: Tensor, steps: int) -> Tensor:
    """Return how likely a walk over patches is back where it began, after 1, ..., ``steps`` steps.

    Args:
        overlap: ``[B, P, P]``; a step leads to a patch in proportion to what is shared with it.
        steps: Number of steps K.

    Returns:
        ``[B, P, K]``; 0 for patches without nodes.

    Complexity: O(K B P^3).

    >>> patch_walks(torch.tensor([[[1.0, 1.0], [1.0, 1.0]]]), 2).tolist()
    [[[0.5, 0.5], [0.5, 0.5]]]
    """
    step = walk = overlap / overlap.sum(-1, keepdim=True).clamp(min=1)
    found = [walk.diagonal(dim1=1, dim2=2)]
    for _ in range(steps - 1):
        walk = walk @ step
        found.append(walk.diagonal(dim1=1, dim2=2))
    return torch.stack(found, -1)


def _anywhere(patch: Tensor, num_nodes: int) -> Tensor:
    """Say of each patch that it may have any node."""
    count = int(patch.max()) + 1 if patch.numel() else 0
    return patch.new_full((count,), num_nodes - 1)
