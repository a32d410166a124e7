"""Sets of nodes around nodes, all of them at once, as sorted keys.

A set of balls is one sorted list of keys ``b * N + node``, for each member of ball b. Lists are
merged and looked up by binary search, so that nothing is as large as balls times nodes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.spmm import spmm

__all__ = [
    "SortedEntries",
    "ball_costs",
    "ball_members",
    "entries_inside",
    "grown",
    "pointers",
    "slices",
    "sorted_entries",
]

# entries that may be looked at together
_BUDGET = 2**19


class SortedEntries(NamedTuple):
    """Entries of a square matrix in the order of their rows and columns.

    Attributes:
        start: Where each row begins, ``[N+1]``.
        key: ``row * N + column`` of each, ``[E]``, ascending.
        slot: Where each stood before, ``[E]``.
    """

    start: Tensor
    key: Tensor
    slot: Tensor

    @property
    def num_nodes(self) -> int:
        """N."""
        return self.start.size(0) - 1

    def up_to(self, row: Tensor, limit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the entries of some rows whose column is at most ``limit``, ``[R]`` both.

        Returns:
            For each entry which of the rows it is of, its column, and where it stood before.
        """
        first = self.start[row]
        last = torch.searchsorted(self.key, row * self.num_nodes + limit, right=True)
        length = last - first
        owner = torch.repeat_interleave(length)
        shift = first - (length.cumsum(0) - length)
        place = torch.arange(owner.size(0), device=owner.device) + shift[owner]
        return owner, self.key[place] % self.num_nodes, self.slot[place]


def sorted_entries(row: Tensor, col: Tensor, num_nodes: int) -> SortedEntries:
    """Sort the entries (row, col) of a matrix of N rows and columns.

    >>> entries = sorted_entries(torch.tensor([1, 0, 1]), torch.tensor([1, 1, 0]), 2)
    >>> entries.start.tolist(), entries.key.tolist(), entries.slot.tolist()
    ([0, 1, 3], [1, 2, 3], [1, 2, 0])
    """
    key, slot = torch.sort(row.long() * num_nodes + col, stable=True)
    return SortedEntries(pointers(key // max(num_nodes, 1), num_nodes), key, slot)


def pointers(row: Tensor, num_rows: int) -> Tensor:
    """Return where each row begins, ``[R+1]``, in a sorted list of rows."""
    return torch.searchsorted(row, torch.arange(num_rows + 1, device=row.device))


def ball_members(around: SortedEntries, center: Tensor, limit: Tensor, radius: int) -> Tensor:
    """Return the balls around some nodes, in order.

    Args:
        around: The columns of a row are one step away from it.
        center: A node for each ball, ``[B]``.
        limit: Highest node that may be stepped on, ``[B]``.
        radius: Number of steps.

    Complexity: O(T log T) for the entries T that are within the balls.

    >>> path = sorted_entries(torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1]), 3)
    >>> members = ball_members(path, torch.tensor([0, 2]), torch.tensor([2, 2]), 1)
    >>> (members // 3).tolist(), (members % 3).tolist()
    ([0, 0, 1, 1], [0, 1, 1, 2])
    """
    members = torch.arange(center.size(0), device=center.device) * around.num_nodes + center
    return grown(around, members, limit, radius)


def grown(around: SortedEntries, members: Tensor, limit: Tensor, radius: int) -> Tensor:
    """Return some sets of nodes with all that is within a number of steps of each, in order.

    Args:
        around: The columns of a row are one step away from it.
        members: The sets, in order.
        limit: Highest node that may be stepped on, ``[B]``.
        radius: Number of steps.

    Complexity: As :func:`ball_members`.

    >>> path = sorted_entries(torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1]), 3)
    >>> grown(path, torch.tensor([0, 5]), torch.tensor([2, 2]), 1).tolist()
    [0, 1, 4, 5]
    """
    num_nodes, near = around.num_nodes, members
    for _ in range(radius):
        ball = near // num_nodes
        owner, node, _ = around.up_to(near % num_nodes, limit[ball])
        near = (ball[owner] * num_nodes + node).unique()
        near = near[~_find(members, near)[1]]
        if not near.numel():
            break
        members = torch.cat([members, near]).sort().values
    return members


def entries_inside(
    entries: SortedEntries, members: Tensor, limit: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the entries between members of the same ball.

    Args:
        entries: Of the matrix.
        members: The balls.
        limit: Their highest nodes, ``[B]``.

    Returns:
        Where the row of each stands in ``members``, where its column does, and where the entry
        stood before it was sorted; in the order of the rows.
    """
    num_nodes = entries.num_nodes
    ball = members // num_nodes
    owner, col, slot = entries.up_to(members % num_nodes, limit[ball])
    place, found = _find(members, ball[owner] * num_nodes + col)
    return owner[found], place[found], slot[found]


def ball_costs(around: SortedEntries, entries: Tensor, radius: int) -> Tensor:
    """Bound the entries that are looked at for a ball of this radius around each node, float64.

    Args:
        around: The columns of a row are one step away from it.
        entries: Number of entries of each node, ``[N]``.
        radius: Number of steps.

    Complexity: O(E radius); it counts walks, which is exact on a tree where no walk turns back.
    """
    num_nodes = around.num_nodes
    col = around.key % max(num_nodes, 1)
    step = trusted_csr(around.start, col, None, None, num_nodes, None)
    cost = once = entries.double().unsqueeze(1)
    for _ in range(radius):
        cost = once + spmm(step, cost)
    return cost.squeeze(1)


def slices(cost: Tensor) -> list[int]:
    """Return the lengths of runs of balls that may be made together, by what each costs."""
    part = (cost.cumsum(0) / _BUDGET).long()
    return torch.unique_consecutive(part, return_counts=True)[1].tolist()


def _find(keys: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Where each key would stand among those that are sorted, and whether it does."""
    place = torch.searchsorted(keys, wanted).clamp(max=max(keys.size(0) - 1, 0))
    return place, keys[place] == wanted
