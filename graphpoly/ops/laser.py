r"""Edges to the nodes at each exact distance that have the fewest walks.

For node v and snapshot l, of the orbit :math:`O = \{u : d(v, u) = l + 1\}`

.. math::
    \min\bigl(|O|, \max(\text{least}, \lfloor \rho |O| + 1/2 \rfloor)\bigr)

nodes u with the smallest :math:`((A + I)^k)_{vu}`; equal ones in the order of a hash of the seed
and of both nodes' numbers. Numbers of walks are exact up to :math:`2^{44}` and compared to 44
binary digits beyond. A pair is joined if one of its nodes chooses the other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.ops.balanced_forman import neighbour_sets
from graphpoly.ops.check_rows import check_graphs, on_graphs
from graphpoly.ops.entry import INT64_MIN, as_size
from graphpoly.ops.hashing import hash64
from graphpoly.ops.library import implement

__all__ = ["laser"]

_WORD = (1 << 64) - 1


def laser(
    rowptr: Tensor,
    col: Tensor,
    ptr: Tensor,
    snapshots: int,
    *,
    share: float,
    least: int = 1,
    power: int = 8,
    seed: int = 0,
) -> Tensor:
    """Return the smaller node, the larger node and the snapshot of each pair, int64 ``[3, A]``.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; undirected graphs without loops.
        ptr: Where the nodes of each graph begin, ``[G+1]``.
        snapshots: Number of snapshots L.
        share: :math:`\\rho`.
        least: Smallest number of nodes that are chosen of an orbit that has as many.
        power: k, at least L + 1.
        seed: Of the order of equal scores.

    Returns:
        Pairs in the order of their graph, snapshot and nodes, each once.

    Raises:
        TypeError: If a tensor or a number is of another type.
        ValueError: If they are not such graphs, or a number is out of range.

    Complexity: the walks of length k from every node: O(k E) for each of them, eight at a time, in
    graphs of up to 4096 nodes; in larger ones only through the ball of radius (k + L + 1) / 2.
    """
    snapshots, least = as_size("snapshots", snapshots, 1), as_size("least", least)
    power, seed = as_size("power", power, snapshots + 1), as_size("seed", seed, INT64_MIN)
    if not 0 <= share <= 1:
        raise ValueError(f"share: got {share}, expected 0 to 1")
    arguments = (rowptr, col, ptr, snapshots, share, least, power, seed)
    out: Tensor = on_graphs(torch.ops.graphpoly.laser, f"share: got {share}", *arguments)
    return out


@on_cpu()
def laser_reference(
    rowptr: Tensor,
    col: Tensor,
    ptr: Tensor,
    snapshots: int,
    share: float,
    least: int,
    power: int,
    seed: int,
) -> Tensor:
    """The definition: exact numbers of walks as Python's integers, distances by breadth."""
    check_graphs(rowptr, col, ptr)
    near, found = neighbour_sets(rowptr, col), []
    for first, last in zip(ptr.tolist(), ptr.tolist()[1:], strict=False):
        pairs: set[tuple[int, int, int]] = set()
        for v in range(first, last):
            walks = {v: 1}
            for _ in range(power):
                longer = dict(walks)
                for u, count in walks.items():
                    for w in near[u]:
                        longer[w] = longer.get(w, 0) + count
                walks = longer
            for kind, orbit in enumerate(_orbits(near, v, snapshots), 1):
                count = max(least, math.floor(share * len(orbit) + 0.5))
                nodes = sorted(orbit)
                tie = hash64(
                    seed, torch.tensor(v - first), torch.tensor(nodes, dtype=torch.int64) - first
                ).tolist()
                order = sorted(
                    (_rounded(walks[u]), one & _WORD, u) for one, u in zip(tie, nodes, strict=True)
                )
                pairs |= {(kind, min(v, u), max(v, u)) for *_, u in order[:count]}
        found += sorted(pairs)
    return torch.tensor(found, dtype=torch.int64, device=col.device).reshape(-1, 3).T[[1, 2, 0]]


def _orbits(near: list[set[int]], v: int, snapshots: int) -> list[set[int]]:
    """The nodes at distance 2, 3, ... of v."""
    seen, level, orbits = {v}, {v}, []
    for _ in range(snapshots + 1):
        level = {w for u in level for w in near[u]} - seen
        seen |= level
        orbits.append(level)
    return orbits[1:]


def _rounded(count: int) -> int:
    spare = max(count.bit_length() - 44, 0)
    return (count + (1 << spare >> 1)) >> spare << spare


def _fake(rowptr: Tensor, col: Tensor, ptr: Tensor, *rule: object) -> Tensor:
    return col.new_empty(3, torch.library.get_ctx().new_dynamic_size())


implement("laser", reference=laser_reference, fake=_fake)
