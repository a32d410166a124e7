"""Dividing the nodes of one graph into parts of about equal size."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops import to_csr

__all__ = ["METHODS", "partition"]

METHODS = ("metis", "random")


def partition(
    edge_index: Tensor,
    num_parts: int,
    num_nodes: int | None = None,
    *,
    method: str = "metis",
    seed: int = 0,
) -> Tensor:
    """Return the part of each node, ``[N]``.

    Args:
        edge_index: ``[2, E]``; directions, repetitions and self-loops do not matter.
        num_parts: Number of parts, at most one for each node.
        num_nodes: Number of nodes; default one more than the largest of ``edge_index``.
        method: ``"metis"`` for few edges between parts, ``"random"`` for parts whose sizes differ
            by one at most.
        seed: Of the draw, or of METIS.

    Raises:
        ImportError: If METIS is asked for and pymetis is not installed.
        ValueError: If a number or name is not accepted, or an index is outside the graph.

    Complexity: O(E + N) for METIS, O(N) for random parts.

    Karypis and Kumar, "A Fast and High Quality Multilevel Scheme for Partitioning Irregular
    Graphs", SIAM Journal on Scientific Computing 1998.

    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> partition(edge_index, 2, method="random").bincount().tolist()
    [2, 2]
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    adj = to_csr(edge_index, num_nodes=num_nodes)
    size = adj.num_rows
    if not 1 <= num_parts <= max(size, 1):
        raise ValueError(f"num_parts: got {num_parts}, expected 1 to {max(size, 1)}, one a node")
    if method == "random":
        order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
        return order % num_parts
    if num_parts == 1 or size == 0:
        return torch.zeros(size, dtype=torch.long)
    try:
        import pymetis
    except ImportError as error:
        raise ImportError(
            "method='metis' needs pymetis: pip install 'graphpoly[rewiring]'"
        ) from error
    # METIS reads every edge from both ends, once, and no loops
    row, col = adj.rows().long().cpu(), adj.col.long().cpu()
    key = torch.cat([row * size + col, col * size + row])[torch.cat([row != col] * 2)].unique()
    both = to_csr(torch.stack([key % size, key // size]), num_nodes=size)
    _, parts = pymetis.part_graph(
        num_parts,
        xadj=both.rowptr.numpy(),
        adjncy=both.col.numpy(),
        options=pymetis.Options(seed=seed),
    )
    return torch.tensor(parts)
