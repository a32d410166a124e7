"""Random walks over the entries of an operator, drawn by a seed and by nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.entry import (
    INT64_MIN,
    affordable,
    as_size,
    check_device,
    check_index,
    check_square,
)
from graphpoly.ops.hashing import hash64, uniform

__all__ = ["random_walks"]


def random_walks(
    adj: CSR, start: Tensor, steps: int, *, seed: int = 0, name: Tensor | None = None
) -> Tensor:
    """Walk from some nodes, each time to one of the node's neighbours, all equally likely.

    A step goes from a row to the column of one of its entries: from a node to one that sends to it,
    which on an undirected graph is any neighbour. An entry that stands there twice is twice as
    likely. A node without entries is not left.

    Args:
        adj: Square; values are not read. The order of the entries of a row decides which of them a
            number stands for.
        start: Where each walk begins, ``[W]``.
        steps: Length of the walks.
        seed: 64 bits.
        name: What the draws of each walk hang on beside the seed, ``[W]``, int64; default its
            place.

    Returns:
        The nodes of each walk, the first one included, ``[W, steps + 1]``, int64.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If ``adj`` is not square, shapes do not fit, or a node lies outside.

    Complexity: O(W steps).

    >>> import torch
    >>> from graphpoly.ops import random_walks, to_csr
    >>> ring = to_csr(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
    >>> random_walks(ring, torch.tensor([0, 2]), 3).tolist()
    [[0, 2, 1, 0], [2, 1, 0, 2]]
    """
    check_square(adj)
    check_index("start", start, adj.num_cols)
    check_device("start", start, adj.col.device)
    steps, seed = as_size("steps", steps), as_size("seed", seed, INT64_MIN)
    if name is None:
        name = torch.arange(start.size(0), device=start.device)
    if name.dtype != torch.int64:
        raise TypeError(f"name: got dtype {name.dtype}, expected int64")
    if name.shape != start.shape:
        raise ValueError(f"name: got shape {tuple(name.shape)}, expected [{start.size(0)}]")
    check_device("name", name, start.device)
    walks: Tensor = affordable(f"steps: {steps}", _walk, adj, start.long(), steps, seed, name)
    return walks


def _walk(adj: CSR, node: Tensor, steps: int, seed: int, name: Tensor) -> Tensor:
    first, degree = adj.rowptr[:-1].long(), adj.rowptr.diff().long()
    # a node without entries reads one that follows all others, and stays
    col = torch.cat([adj.col.long(), adj.col.new_zeros(1, dtype=torch.int64)])
    visited = [node]
    for step in range(steps):
        share = uniform(hash64(seed, name, torch.full_like(name, step)))
        count = degree[node]
        # rounding may reach the count where that is huge
        pick = torch.minimum((share * count).long(), (count - 1).clamp(min=0))
        node = torch.where(count > 0, col[first[node] + pick], node)
        visited.append(node)
    return torch.stack(visited, 1)
