"""Dividing the nodes of one graph into parts of about equal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops import CSR, to_csr
from graphpoly.ops.entry import as_array

__all__ = ["METHODS", "partition", "partition_each"]

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
        draw = torch.Generator("cpu").manual_seed(seed)
        return torch.randperm(size, generator=draw, device="cpu") % num_parts
    if num_parts == 1 or size == 0:
        return torch.zeros(size, dtype=torch.long, device="cpu")
    both = _both_ways(adj)
    return _metis(as_array(both.rowptr), as_array(both.col), num_parts, seed)


def partition_each(
    edge_index: Tensor,
    ptr: Tensor,
    num_parts: int,
    *,
    method: str = "metis",
    seeds: Sequence[int],
) -> Tensor:
    """Return the part of each node within its graph, ``[N]``: each graph is divided by itself.

    The nodes of a graph that has fewer of them than ``num_parts`` are parts by themselves, which
    leaves some empty: which ones is drawn from the seed.

    Args:
        edge_index: ``[2, E]``, of all graphs; no edge joins two of them.
        ptr: Where the nodes of each graph begin, ``[B+1]``.
        num_parts: Number of parts of each graph.
        method: As for :func:`partition`.
        seeds: One for each graph.

    Raises:
        ImportError: If METIS is asked for and pymetis is not installed.
        ValueError: If a number or name is not accepted, or an index is outside the graphs.

    Complexity: O(E log E + B P) and METIS, O(E + N).

    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> ptr = torch.tensor([0, 4, 6])
    >>> parts = partition_each(edge_index, ptr, 3, method="random", seeds=[0, 0])
    >>> parts[:4].unique().tolist(), parts[4:].unique().numel()
    ([0, 1, 2], 2)
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if num_parts < 1:
        raise ValueError(f"num_parts: got {num_parts}, expected at least 1")
    bounds = ptr.tolist()
    both = _both_ways(to_csr(edge_index, num_nodes=bounds[-1]))
    rowptr, col = as_array(both.rowptr), as_array(both.col)
    parts = []
    for first, last, seed in zip(bounds[:-1], bounds[1:], seeds, strict=True):
        size = last - first
        if method == "metis" and size >= num_parts > 1:
            start = rowptr[first : last + 1]
            near = col[start[0] : start[-1]] - first
            parts.append(_metis(start - start[0], near, num_parts, seed))
        else:
            draw = torch.Generator("cpu").manual_seed(seed)
            order = torch.randperm(max(size, num_parts), generator=draw, device="cpu")
            parts.append(order[:size] % num_parts)
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.long, device="cpu")


def _both_ways(adj: CSR) -> CSR:
    """Return every edge from both ends, once, and no loops, as METIS reads them."""
    size = adj.num_rows
    row, col = adj.rows().long().cpu(), adj.col.long().cpu()
    key = torch.cat([row * size + col, col * size + row])[torch.cat([row != col] * 2)].unique()
    return to_csr(torch.stack([key % max(size, 1), key // max(size, 1)]), num_nodes=size)


def _metis(rowptr: Any, col: Any, num_parts: int, seed: int) -> Tensor:
    """Return the part of each node of a graph as METIS reads it, ``[N]``."""
    try:
        import pymetis
    except ImportError as error:
        raise ImportError(
            "method='metis' needs pymetis: pip install 'graphpoly[rewiring]'"
        ) from error
    options = pymetis.Options(seed=seed)
    _, parts = pymetis.part_graph(num_parts, xadj=rowptr, adjncy=col, options=options)
    return torch.tensor(parts, device="cpu")
