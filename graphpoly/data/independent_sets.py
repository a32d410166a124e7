"""Independent sets: a largest one, those that greedy rules find, and whether a set is one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
import torch
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from torch import Tensor

from graphpoly.errors import ConvergenceError, unknown

__all__ = ["checked_edges", "greedy_independent_set", "is_independent", "maximum_independent_set"]

_ORDERS = ("degree", "random")


def maximum_independent_set(
    edge_index: Tensor, num_nodes: int | None = None, *, time_limit: float | None = None
) -> Tensor:
    r"""Return a largest set of nodes no two of which are joined.

    .. math::
        \max \sum_v x_v \quad \text{where} \quad \sum_{v \in C} x_v \le 1
        \text{ for each clique } C, \quad x_v \in \{0, 1\}

    The cliques are some that contain every edge, each as large as it could be grown, which leaves
    less to be searched than one bound for each edge.

    Args:
        edge_index: ``[2, E]``; directions, repetitions and loops are not looked at.
        num_nodes: Number of nodes n; default one more than the largest index.
        time_limit: Seconds after which to give up; default never.

    Returns:
        ``[n]``, true in the set. The others are a least vertex cover.

    Raises:
        TypeError: If ``edge_index`` is no tensor of whole numbers.
        ValueError: If its shape or an index does not fit, or the limit is not above 0.
        ConvergenceError: If no set is known to be a largest one within the time.

    Notes:
        Exponential time at worst. Solved by HiGHS, through SciPy.

    Example:
        >>> pentagon = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
        >>> int(maximum_independent_set(pentagon).sum())
        2
    """
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit: got {time_limit}, expected more than 0")
    neighbors = _neighbors(edge_index, num_nodes)
    cliques = list(_cliques(neighbors))
    if not cliques:
        return torch.ones(len(neighbors), dtype=torch.bool, device="cpu")
    column = np.concatenate([[*clique] for clique in cliques])
    rowptr = np.cumsum([0, *map(len, cliques)])
    shape = (len(cliques), len(neighbors))
    matrix = csr_array((np.ones(len(column)), column, rowptr), shape)
    options = {"mip_rel_gap": 0} | ({} if time_limit is None else {"time_limit": time_limit})
    found = milp(
        -np.ones(len(neighbors)),
        integrality=np.ones(len(neighbors)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, ub=1),
        options=options,
    )
    if not found.success:
        raise ConvergenceError(f"time_limit: no largest set within {time_limit} s: {found.message}")
    return torch.from_numpy(found.x > 0.5)


def greedy_independent_set(
    edge_index: Tensor, num_nodes: int | None = None, *, order: str = "degree", seed: int = 0
) -> Tensor:
    r"""Return a set of nodes no two of which are joined, and to which none can be added.

    Args:
        edge_index: As for :func:`maximum_independent_set`.
        num_nodes: Likewise.
        order: ``"degree"``: take the node that has the fewest neighbours left, of equals the first,
            and drop its neighbours. ``"random"``: take nodes in a random order, where they can be.
        seed: Of the random order.

    Returns:
        ``[n]``, true in the set. It has at least :math:`\sum_v 1 / (d_v + 1)` nodes, by degree
        always, in random order on average.

    Raises:
        TypeError: As :func:`maximum_independent_set` does.
        ValueError: Likewise, or if the order is unknown.

    Notes:
        O(E log E) time.

    References:
        Wei, A lower bound on the stability number of a simple graph, 1981.

    Example:
        >>> star = torch.tensor([[0, 0, 0], [1, 2, 3]])
        >>> greedy_independent_set(star).tolist()
        [False, True, True, True]
    """
    if order not in _ORDERS:
        raise unknown("order", order, _ORDERS)
    neighbors = _neighbors(edge_index, num_nodes)
    size = len(neighbors)
    if order == "random":
        rank = np.random.default_rng(seed).permutation(size).tolist()
        queue = [(place, node) for node, place in enumerate(rank)]
    else:
        queue = [(len(near), node) for node, near in enumerate(neighbors)]
    heapq.heapify(queue)
    taken, left, degree = [False] * size, [True] * size, [len(near) for near in neighbors]
    while queue:
        held, node = heapq.heappop(queue)
        if not left[node] or (order == "degree" and held > degree[node]):
            continue
        taken[node] = True
        dropped = [node, *(v for v in neighbors[node] if left[v])]
        for v in dropped:
            left[v] = False
        for v in dropped[1:] if order == "degree" else ():
            for u in neighbors[v]:
                if left[u]:
                    degree[u] -= 1
                    heapq.heappush(queue, (degree[u], u))
    return torch.tensor(taken, dtype=torch.bool, device="cpu")


def is_independent(edge_index: Tensor, chosen: Tensor) -> bool:
    """Say whether no two of the chosen nodes are joined; loops are not looked at.

    Args:
        edge_index: ``[2, E]``.
        chosen: ``[n]``, bool.

    Raises:
        TypeError: If a type is another.
        ValueError: If a shape or an index does not fit.

    Example:
        >>> path = torch.tensor([[0, 1], [1, 2]])
        >>> is_independent(path, torch.tensor([True, False, True]))
        True
    """
    if not isinstance(chosen, Tensor) or chosen.dtype != torch.bool:
        got = chosen.dtype if isinstance(chosen, Tensor) else type(chosen).__name__
        raise TypeError(f"chosen: got {got}, expected a bool for each node")
    if chosen.dim() != 1:
        raise ValueError(f"chosen: got shape {tuple(chosen.shape)}, expected [n]")
    source, target = checked_edges(edge_index, chosen.size(0))
    return not bool((chosen[source] & chosen[target] & (source != target)).any())


def checked_edges(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Return the edges in int64, or raise as :func:`maximum_independent_set` does."""
    if not isinstance(edge_index, Tensor) or edge_index.dtype not in (torch.int64, torch.int32):
        got = edge_index.dtype if isinstance(edge_index, Tensor) else type(edge_index).__name__
        raise TypeError(f"edge_index: got {got}, expected int64 or int32")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(f"edge_index: got shape {tuple(edge_index.shape)}, expected [2, E]")
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < num_nodes:
        raise ValueError(f"edge_index: an index is outside the graph of {num_nodes} nodes")
    return edge_index.long()


def _neighbors(edge_index: Tensor, num_nodes: int | None) -> list[set[int]]:
    """Return the other nodes that each one is joined with."""
    if num_nodes is None:
        num_nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    neighbors: list[set[int]] = [set() for _ in range(num_nodes)]
    for u, v in checked_edges(edge_index, num_nodes).t().tolist():
        if u != v:
            neighbors[u].add(v)
            neighbors[v].add(u)
    return neighbors


def _cliques(neighbors: list[set[int]]) -> Iterator[list[int]]:
    """Cliques that contain every edge, to none of which a node could be added."""
    covered: set[tuple[int, int]] = set()
    for u, near in enumerate(neighbors):
        for v in sorted(near):
            if v < u or (u, v) in covered:
                continue
            clique, common = [u, v], near & neighbors[v]
            while common:
                node = min(common)
                clique.append(node)
                common = common & neighbors[node]
            covered.update((a, b) for a in clique for b in clique if a < b)
            yield clique
