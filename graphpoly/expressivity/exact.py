"""Whether names are exact: the same partitions from sorted tuples, with no hash in sight.

A collision can only give one name to two colours, never two names to one. It is therefore enough to
compare each node with one that has the same name: their sorted tuples must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from graphpoly.expressivity.graphs import GraphSet

__all__ = ["CollisionError", "check_graphs", "check_nodes", "dense_ids"]


class CollisionError(ArithmeticError):
    """Two colours share a 64-bit name; the graphs in hand need exact names."""


def dense_ids(values: Tensor) -> Tensor:
    """Number equal values, or equal rows, alike from 0 on, ``[N]``.

    Raises:
        ValueError: If a value is NaN.
    """
    if values.is_floating_point() and bool(values.isnan().any()):
        raise ValueError("label: got NaN, which is equal to nothing; fill it in first")
    if values.dim() == 1:
        return values.unique(return_inverse=True)[1]
    if values[0:1].numel() == 0:
        return torch.zeros(values.size(0), dtype=torch.int64, device=values.device)
    return values.flatten(1).unique(dim=0, return_inverse=True)[1]


def check_nodes(graphs: GraphSet, rounds: Iterable[tuple[Tensor, Tensor]], first: Tensor) -> None:
    """Check names of nodes.

    Args:
        graphs: With the labels that the names began from.
        rounds: Names before and after each round; the same ones twice for stable names.
        first: Names that must tell all labels apart.

    Raises:
        CollisionError: If two nodes have one name and different tuples.

    Complexity: one sort of all entries for each round.
    """
    if graphs.x is not None and not _follows(dense_ids(graphs.x), first):
        raise CollisionError("two labels share a name")
    adj, edge = graphs.adj, None
    if graphs.edge_attr is not None:
        edge = dense_ids(graphs.edge_attr)
        edge = edge if adj.perm is None else edge[adj.perm.long()]
    rows, col, rowptr = adj.rows().long(), adj.col.long(), adj.rowptr.long()
    for number, (before, after) in enumerate(rounds):
        known = dense_ids(before)
        said = known[col]
        if edge is not None:
            said = said * (int(edge.max()) + 1 if edge.numel() else 1) + edge
        if not _follows(known, after) or not _same_rows(rowptr, rows, said, after):
            raise CollisionError(f"two colours share a name after round {number + 1}")


def check_graphs(node: Tensor, graph: Tensor, ptr: Tensor) -> None:
    """Check that graphs of one name have the same multiset of colours.

    Args:
        node: Names of nodes ``[N]``.
        graph: Names of graphs ``[G]``.
        ptr: Where each graph's nodes begin, ``[G + 1]``.

    Raises:
        CollisionError: If they do not.
    """
    rows = torch.repeat_interleave(ptr.diff())
    if not _same_rows(ptr, rows, dense_ids(node), graph):
        raise CollisionError("two graphs with different colours share a name")


def _representative(name: Tensor) -> Tensor:
    """The first item with the same name, for each."""
    ids = dense_ids(name)
    first = torch.full((int(ids.max()) + 1 if ids.numel() else 0,), ids.numel(), device=ids.device)
    first = first.scatter_reduce(0, ids, torch.arange(ids.numel(), device=ids.device), "amin")
    return first[ids]


def _follows(value: Tensor, name: Tensor) -> bool:
    """Whether items of one name have one value."""
    return bool((value == value[_representative(name)]).all())


def _same_rows(rowptr: Tensor, rows: Tensor, value: Tensor, name: Tensor) -> bool:
    """Whether rows of one name hold the same values, in any order."""
    other = _representative(name)
    if not _follows(rowptr.diff(), name):
        return False
    order = value.argsort(stable=True)
    order = order[rows[order].argsort(stable=True)]
    value = value[order]
    place = torch.arange(rows.numel(), device=rowptr.device) - rowptr[rows]
    return bool((value == value[rowptr[other[rows]] + place]).all())
