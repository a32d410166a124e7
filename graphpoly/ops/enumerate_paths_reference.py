"""The definitions of ``graphpoly::enumerate_paths`` and ``graphpoly::count_paths``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.coo_to_csr import entry_rows

__all__ = ["count_paths_reference", "enumerate_paths_reference"]

_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


_MIX = [
    _signed(v)
    for v in (
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xBF58476D1CE4E5B9,
        0x94D049BB133111EB,
    )
]


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Logical shift to the right; torch's is arithmetic."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _preference(seed: int, start: Tensor, node: Tensor, before: Tensor) -> Tensor:
    """Whose smallest value decides between equally short ways to ``node`` from ``start``."""
    if seed < 0:
        return before
    h = (node - start) * _MIX[0] + (before - start) * _MIX[1] + seed
    h = (h ^ _shifted(h, 29)) * _MIX[2]
    h = (h ^ _shifted(h, 32)) * _MIX[3]
    return _shifted(h ^ _shifted(h, 29), 1)


def _clean(rowptr: Tensor, col: Tensor) -> tuple[Tensor, Tensor, int]:
    """Edges without loops and duplicates, sorted; row pointers; number of nodes."""
    num_nodes = rowptr.size(0) - 1
    if col.numel() and (int(col.min()) < 0 or int(col.max()) >= num_nodes):
        raise RuntimeError(f"enumerate_paths: col: an index lies outside [0, {num_nodes})")
    row, col = entry_rows(rowptr, col.size(0)).long(), col.long()
    key = (row * num_nodes + col)[row != col].unique()
    row, col = key // max(num_nodes, 1), key % max(num_nodes, 1)
    clean = torch.zeros(num_nodes + 1, dtype=torch.int64, device=col.device)
    clean[1:] = torch.bincount(row, minlength=num_nodes).cumsum(0)
    return clean, col, num_nodes


def _extended(rowptr: Tensor, col: Tensor, path: Tensor) -> tuple[Tensor, Tensor]:
    """Each path followed by each neighbour of its end: paths and the new nodes, in order."""
    end = path[-1]
    degree = rowptr[end + 1] - rowptr[end]
    which = torch.repeat_interleave(degree)
    first = (degree.cumsum(0) - degree)[which]
    step = torch.arange(which.size(0), device=col.device) - first
    return path[:, which], col[rowptr[end][which] + step]


def _smallest(value: Tensor, group: Tensor) -> Tensor:
    """Mark the smallest value of each group."""
    found, group = group.unique(return_inverse=True)
    best = value.new_full(found.shape, torch.iinfo(torch.int64).max)
    return value == best.scatter_reduce(0, group, value, "amin")[group]


def _levels(rowptr: Tensor, col: Tensor, num_nodes: int, longest: int, kind: int, seed: int) -> Any:
    """Yield the paths ``[k+1, P]`` of length k = 1, 2, ... in lexicographic order."""
    path = torch.arange(num_nodes, device=col.device).unsqueeze(0)
    seen = path[0] * num_nodes + path[0]
    for _ in range(longest):
        path, node = _extended(rowptr, col, path)
        pair = path[0] * num_nodes + node
        keep = (path != node).all(0) if kind == 0 else ~torch.isin(pair, seen)
        path, node, pair = path[:, keep], node[keep], pair[keep]
        if kind == 2:  # among equal preferences the smaller number
            held = _smallest(_preference(seed, path[0], node, path[-1]), pair)
            path, node, pair = path[:, held], node[held], pair[held]
            held = _smallest(path[-1], pair)
            path, node, pair = path[:, held], node[held], pair[held]
        seen = torch.cat([seen, pair.unique()])
        path = torch.cat([path, node.unsqueeze(0)])
        yield path


def _distances(rowptr: Tensor, col: Tensor, num_nodes: int, path: Tensor) -> Tensor:
    """Distance of each node of a path from its last."""
    length = path.size(0) - 1
    key, value = [torch.arange(num_nodes, device=col.device) * (num_nodes + 1)], [0]
    for step in _levels(rowptr, col, num_nodes, length, 2, -1):
        key.append(step[0] * num_nodes + step[-1])
        value.append(value[-1] + 1)
    sizes = torch.tensor([k.numel() for k in key], device=col.device)
    away = torch.repeat_interleave(torch.tensor(value, device=col.device), sizes)
    sorted_key, order = torch.cat(key).sort()
    if path.numel() == 0:
        return path.to(torch.uint8)
    place = torch.searchsorted(sorted_key, path * num_nodes + path[-1])
    return away[order][place].to(torch.uint8)


def _sorted_by_token(path: Tensor, distance: Tensor) -> Tensor:
    order = torch.arange(path.size(1), device=path.device)
    for t in reversed(range(path.size(0))):
        for value in (distance[t], path[t]):
            order = order[torch.argsort(value[order], stable=True)]
    return order


def count_paths_reference(rowptr: Tensor, col: Tensor, longest: int, kind: int) -> Tensor:
    """The definition of ``graphpoly::count_paths``: paths from each row, ``[R, longest]``."""
    clean, to, num_nodes = _clean(rowptr, col)
    counts = [
        torch.bincount(path[0], minlength=num_nodes)
        for path in _levels(clean, to, num_nodes, longest, kind, -1)
    ]
    return torch.stack(counts, dim=1)


def enumerate_paths_reference(
    rowptr: Tensor,
    col: Tensor,
    shortest: int,
    longest: int,
    kind: int,
    seed: int,
    max_paths: int,
    distances: bool,
    chosen: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::enumerate_paths`` in plain PyTorch.

    Args:
        rowptr, col: Where a path may go from each node.
        shortest, longest: Lengths to list.
        kind: 0 simple, 1 all shortest, 2 a single shortest.
        seed: Of the choice among shortest paths, -1 for the smallest predecessor.
        max_paths: Most paths to list, -1 for no limit.
        distances: Whether to measure; paths are then sorted by their (node, distance) pairs.
        chosen: Ascending numbers of the paths to keep, int64, where there is one length.

    Returns:
        ``count [L]`` of each length; ``path [longest+1, P]``, shorter paths at the bottom with -1
        above; ``distance`` likewise, or ``[0, 0]``.
    """
    clean, to, num_nodes = _clean(rowptr, col)
    found = list(_levels(clean, to, num_nodes, longest, kind, seed))[shortest - 1 :]
    if chosen is not None:
        found = [found[0][:, chosen]]
    total = sum(path.size(1) for path in found)
    if 0 <= max_paths < total:
        raise RuntimeError(f"enumerate_paths: {total} paths, max_paths is {max_paths}")
    columns, measured = [], []
    for path in found:
        pad = path.new_full((longest + 1 - path.size(0), path.size(1)), -1)
        if distances:
            distance = _distances(clean, to, num_nodes, path)
            order = _sorted_by_token(path, distance)
            path = path[:, order]
            measured.append(
                torch.cat([torch.zeros_like(pad, dtype=torch.uint8), distance[:, order]])
            )
        columns.append(torch.cat([pad, path]))
    empty = torch.empty(0, 0, dtype=torch.uint8, device=col.device)
    count = torch.tensor([path.size(1) for path in found], device=col.device)
    node = torch.cat(columns, dim=1).to(col.dtype)
    return count, node, torch.cat(measured, dim=1) if distances else empty
