"""Classical algorithms, state after state.

Each function yields the state at the start and then after every step, as arrays that nobody else
holds; the last one holds the answer. Of equals the first counts. ``node`` marks what a step worked
on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "bellman_ford",
    "bfs",
    "floyd_warshall",
    "insertion_sort",
    "minimum",
    "prim",
    "quickselect",
]

Array = NDArray[Any]
State = dict[str, Array]


def bfs(length: Array, source: int) -> Iterator[State]:
    """Breadth-first search: in each step the neighbours of all that has been reached.

    Args:
        length: ``[n, n]``, of edges from row to column; infinite where there is none.
        source: Where to start.
    """
    joined, (reached, pointer) = np.isfinite(length), _start(len(length), source)
    while True:
        yield {"pointer": pointer.copy(), "reached": reached.copy()}
        way = joined & reached[:, None]
        found = way.any(0) & ~reached
        if not found.any():
            return
        pointer[found] = way.argmax(0)[found]
        reached |= found


def bellman_ford(length: Array, source: int) -> Iterator[State]:
    """Bellman and Ford: in each step all edges at once. Arguments as for :func:`bfs`."""
    reached, pointer = _start(len(length), source)
    distance = np.where(reached, 0, np.inf)
    while True:
        reached = np.isfinite(distance)
        shown = np.where(reached, distance, 0)
        yield {"pointer": pointer.copy(), "distance": shown, "reached": reached}
        way = distance[:, None] + length
        better = way.min(0) < distance
        if not better.any():
            return
        pointer[better] = way.argmin(0)[better]
        distance = np.where(better, way.min(0), distance)


def floyd_warshall(length: Array) -> Iterator[State]:
    """Floyd and Warshall: in step k the ways through node k.

    Args:
        length: ``[n, n]``, 0 on the diagonal, infinite where there is no edge.
    """
    size = len(length)
    distance = length.astype(float)
    pointer = np.arange(size)[:, None].repeat(size, 1)
    for k in range(-1, size):
        if k >= 0:
            way = distance[:, k, None] + distance[k]
            better = way < distance
            pointer = np.where(better, pointer[k], pointer)
            distance = np.where(better, way, distance)
        reached = np.isfinite(distance)
        shown = np.where(reached, distance, 0)
        yield {"pointer": pointer, "distance": shown, "reached": reached, "node": _mark(size, k)}


def prim(length: Array, source: int) -> Iterator[State]:
    """Prim: in each step the nearest node joins the tree. Arguments as for :func:`bfs`."""
    size = len(length)
    queued, pointer = _start(size, source)
    marked, key, node = np.zeros(size, bool), np.where(queued, 0, np.inf), -1
    while True:
        shown = np.where(np.isfinite(key), key, 0)
        state = {"pointer": pointer, "key": shown, "marked": marked, "queued": queued}
        yield {name: value.copy() for name, value in state.items()} | {"node": _mark(size, node)}
        if not queued.any():
            return
        node = int(np.where(queued, key, np.inf).argmin())
        marked[node], queued[node] = True, False
        nearer = ~marked & (length[node] < key)
        pointer[nearer], key[nearer] = node, length[node][nearer]
        queued |= nearer


def minimum(keys: Array) -> Iterator[State]:
    """Look at one number after another, and keep the place of the least.

    Args:
        keys: ``[n]``.
    """
    best = 0
    for place in range(len(keys)):
        best = place if keys[place] < keys[best] else best
        yield {"least": _mark(len(keys), best), "node": _mark(len(keys), place)}


def insertion_sort(keys: Array) -> Iterator[State]:
    """Insert one number after another into those that are sorted already.

    Args:
        keys: ``[n]``.
    """
    size = len(keys)
    order = np.arange(size)
    for place in range(size):
        slot = int(np.searchsorted(keys[order[:place]], keys[place], "right"))
        behind = order[slot]
        order = np.concatenate([order[:slot], [place], np.delete(order[slot:], place - slot)])
        marks = {"node": _mark(size, place), "behind": _mark(size, behind)}
        yield {"pointer": _predecessors(order), **marks}


def quickselect(keys: Array) -> Iterator[State]:
    """Find the number with n // 2 before it: part at the last one, and go on in one part.

    Args:
        keys: ``[n]``.
    """
    size = len(keys)
    order, target = np.arange(size), size // 2
    first, last = 0, size - 1

    def state(slot: int, node: int, pivot: int) -> State:
        marks = {"first": first, "last": last, "slot": slot, "pivot": pivot}
        return {
            "pointer": _predecessors(order),
            **{name: _mark(size, order[place]) for name, place in marks.items()},
            "node": _mark(size, order[node] if node >= 0 else -1),
            "rank": np.array([(slot - first) / size]),
            "target": np.array([(target - first) / size]),
        }

    yield state(first, -1, last)
    while True:
        slot, pivot = first, keys[order[last]]
        for node in range(first, last):
            if keys[order[node]] <= pivot:
                order[[slot, node]] = order[[node, slot]]
                slot += 1
            yield state(slot, node, last)
        order[[slot, last]] = order[[last, slot]]
        yield state(slot, last, slot)
        if slot == target:
            return
        first, last = (slot + 1, last) if slot < target else (first, slot - 1)


def _start(size: int, source: int) -> tuple[Array, Array]:
    """Return a mark at the source, and pointers of nodes to themselves."""
    return _mark(size, source), np.arange(size)


def _mark(size: int, place: int | Array) -> Array:
    """Return ``[size]``, true at one place; nowhere for -1."""
    return np.arange(size) == place


def _predecessors(order: Array) -> Array:
    """Return what stands before each one; the first points at itself."""
    before = np.empty_like(order)
    before[order] = order[np.maximum(np.arange(len(order)) - 1, 0)]
    return before
