r"""Stochastic discrete Ricci flow: edges around bottlenecks are added, and others removed.

Each iteration takes the edge (i, j) of the smallest balanced Forman curvature, and of the pairs
(k, l) without an edge, k one of i and its neighbours and l one of j and its neighbours, joins one
with probability :math:`\mathrm{softmax}(\tau\, x)`, where x says how much the curvature of (i, j)
would grow. Then the edge of the largest curvature is removed if that is above a bound. Equal
curvatures, within 1e-12, go to the edge with the smaller nodes.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.ops.balanced_forman import neighbour_sets, ricci_of_edge
from graphpoly.ops.check_rows import check_graphs, on_graphs
from graphpoly.ops.entry import INT64_MIN, as_size
from graphpoly.ops.hashing import hash64, uniform
from graphpoly.ops.library import implement

__all__ = ["sdrf"]

_TIE = 1e-12
_Pair: TypeAlias = tuple[int, int]


def sdrf(
    rowptr: Tensor,
    col: Tensor,
    ptr: Tensor,
    iterations: int,
    *,
    tau: float = math.inf,
    bound: float = math.inf,
    seed: int = 0,
) -> Tensor:
    """Return what each iteration adds and removes, int64 ``[2, G, iterations, 2]``.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours in ascending order, ``[E]``; undirected graphs without loops.
        ptr: Where the nodes of each graph begin, ``[G+1]``.
        iterations: Number of iterations.
        tau: Inverse temperature; infinity takes the best pair.
        bound: Curvature above which an edge is removed.
        seed: Of the draws.

    Returns:
        Along the last dimension the pair that was added, then the one that was removed, the smaller
        node first; -1 where there was none. An iteration that does neither is the last one.

    Raises:
        TypeError: If a tensor or a number is of another type.
        ValueError: If they are not such graphs, or a number is out of range.

    Complexity: all curvatures once; then O(E) to find an edge and the curvatures of the edges
    nearby, for each iteration.
    """
    iterations, seed = as_size("iterations", iterations), as_size("seed", seed, INT64_MIN)
    if not tau >= 0:
        raise ValueError(f"tau: got {tau}, expected at least 0")
    if math.isnan(bound):
        raise ValueError("bound: got nan, expected a number")
    arguments = (rowptr, col, ptr, iterations, tau, bound, seed)
    out: Tensor = on_graphs(torch.ops.graphpoly.sdrf, f"iterations: got {iterations}", *arguments)
    return out


@on_cpu()
def sdrf_reference(
    rowptr: Tensor, col: Tensor, ptr: Tensor, iterations: int, tau: float, bound: float, seed: int
) -> Tensor:
    """The definition: all curvatures again for each candidate and each iteration."""
    check_graphs(rowptr, col, ptr)
    near = neighbour_sets(rowptr, col)
    out = col.new_full((2, ptr.numel() - 1, iterations, 2), -1)
    for graph, (first, last) in enumerate(zip(ptr.tolist(), ptr.tolist()[1:], strict=False)):
        for step in range(iterations):
            added = _add(near, range(first, last), tau, seed, step)
            removed = _remove(near, range(first, last), bound)
            if added is None and removed is None:
                break
            for place, pair in enumerate((added, removed)):
                if pair is not None:
                    out[:, graph, step, place] = torch.tensor(pair)
    return out


def _extreme(near: list[set[int]], nodes: range, sign: int) -> tuple[_Pair, float] | None:
    found = None
    for i in nodes:
        for j in sorted(near[i]):
            if i < j:
                value = ricci_of_edge(near, i, j)
                if found is None or sign * (value - found[1]) > _TIE:
                    found = (i, j), value
    return found


def _add(near: list[set[int]], nodes: range, tau: float, seed: int, step: int) -> _Pair | None:
    worst = _extreme(near, nodes, -1)
    if worst is None:
        return None
    (i, j), before = worst
    gains: dict[_Pair, float] = {}
    for k, w in _candidates(near, i, j):
        pair = min(k, w), max(k, w)
        _toggle(near, pair)
        gains[pair] = ricci_of_edge(near, i, j) - before
        _toggle(near, pair)
    if not gains:
        return None
    if math.isinf(tau):
        best = max(gains.values())
        chosen = min(pair for pair, gain in gains.items() if gain > best - _TIE)
    else:
        share = torch.softmax(tau * torch.tensor([*gains.values()], dtype=torch.float64), 0)
        at = uniform(hash64(seed, torch.tensor(step), torch.tensor(0)))
        place = int(torch.searchsorted(share.cumsum(0), at, right=True))
        chosen = [*gains][min(place, len(gains) - 1)]
    _toggle(near, chosen)
    return chosen


def _candidates(near: list[set[int]], i: int, j: int) -> list[_Pair]:
    """In the order in which chance goes through them."""
    pairs = [(i, w) for w in sorted(near[j]) if w != i and w not in near[i]]
    for k in sorted(near[i] - {j}):
        if k not in near[j]:
            pairs.append((k, j))
        pairs += [(k, w) for w in sorted(near[j] - {i, k}) if w not in near[k]]
    kept: dict[frozenset[int], _Pair] = {}
    for pair in pairs:
        kept.setdefault(frozenset(pair), pair)
    return [*kept.values()]


def _remove(near: list[set[int]], nodes: range, bound: float) -> _Pair | None:
    best = _extreme(near, nodes, 1)
    if best is None or not best[1] > bound:
        return None
    _toggle(near, best[0])
    return best[0]


def _toggle(near: list[set[int]], pair: _Pair) -> None:
    u, v = pair
    near[u] ^= {v}
    near[v] ^= {u}


implement(
    "sdrf",
    reference=sdrf_reference,
    fake=lambda rowptr, col, ptr, iterations, tau, bound, seed: col.new_empty(
        2, ptr.size(0) - 1, iterations, 2
    ),
)
