"""Points in the unit square with what a network is to point at: hull, triangulation, tour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay
from torch import Tensor

from graphpoly.data.algorithms import TraceData
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["POINT_TASKS", "closed_length", "enclosed_area", "point_sets", "same_cycle"]
__all__ += ["same_triangles", "shortest_tour"]

Points = NDArray[np.float64]
Places = NDArray[np.int64]

_LARGEST_TOUR = 16  # points; the table has (n - 1)^2 2^(n - 1) sums


@on_cpu()
def point_sets(
    task: str, num_sets: int, sizes: Sequence[int] = (5, 6, 7, 8, 9, 10), *, seed: int = 0
) -> list[TraceData]:
    r"""Draw points uniformly in the unit square, and answer a question about each set of them.

    ==================  ==========================================================  =============
    task                answer, a sequence of points                                least n
    ==================  ==========================================================  =============
    ``"convex_hull"``   the corners, counter-clockwise, from the one that comes     3
                        first in the input
    ``"delaunay"``      three corners of each triangle, ascending; triangles in     3
                        the order of their incentres, x before y
    ``"tour"``          all points in the order of a shortest closed tour, from     2, at most 16
                        point 0, its second point before its last one in the input
    ==================  ==========================================================  =============

    Args:
        task: One of ``POINT_TASKS``.
        num_sets: How many.
        sizes: Numbers of points n, which take turns.
        seed: Seed of the points.

    Returns:
        Graphs with ``x`` ``[n, 2]``, ``edge_index`` of the complete graph without loops,
        ``pointer`` ``[L]``, the answer, counted on in a batch, and ``length`` ``[1]``, its L.

    Raises:
        ValueError: If the task is unknown or a number is out of range.

    Notes:
        Answers belong to the single-precision points that are given, in double precision: by Qhull,
        through SciPy, and for tours by :func:`shortest_tour`.

    References:
        Vinyals, Fortunato, Jaitly, Pointer Networks, NeurIPS 2015, arXiv:1506.03134.

    Example:
        >>> data, = point_sets("convex_hull", 1, (5,), seed=0)
        >>> data.x.shape, data.pointer.tolist(), data.length.tolist()
        (torch.Size([5, 2]), [0, 4, 3, 2], [4])
    """
    if task not in POINT_TASKS:
        raise unknown("task", task, POINT_TASKS)
    if num_sets < 1:
        raise ValueError(f"num_sets: got {num_sets}, expected at least 1")
    least, most = (2, _LARGEST_TOUR) if task == "tour" else (3, None)
    if not sizes or min(sizes) < least or (most is not None and max(sizes) > most):
        end = f" and at most {most}" if most else ""
        raise ValueError(
            f"sizes: got {tuple(sizes)}, expected numbers of at least {least}{end} for {task!r}"
        )
    rng = np.random.default_rng(seed)
    edges = {n: (~torch.eye(n, dtype=torch.bool)).nonzero().t().contiguous() for n in {*sizes}}
    graphs = []
    for number in range(num_sets):
        size = sizes[number % len(sizes)]
        pos = rng.random((size, 2), np.float32)
        pointer = torch.from_numpy(_ANSWERS[task](pos.astype(float)))
        length = torch.tensor([len(pointer)])
        x = torch.from_numpy(pos)
        graphs.append(TraceData(x=x, edge_index=edges[size], pointer=pointer, length=length))
    return graphs


def shortest_tour(pos: Tensor) -> Tensor:
    r"""Return the order of a shortest closed tour through all points.

    .. math::
        D(S, j) = \min_{i \in S \setminus j} D(S \setminus j, i) + \|p_i - p_j\|, \qquad
        D(\{j\}, j) = \|p_0 - p_j\|

    over sets S of points other than 0 that end in j: Held's and Karp's recursion.

    Args:
        pos: ``[n, D]``, at most 16 points.

    Returns:
        ``[n]``, from point 0; of both directions the one whose second point is before its last.

    Raises:
        ValueError: If there are no points, or too many, or a distance is not finite.

    Notes:
        O(n^2 2^n) time, O(n 2^n) memory.

    Example:
        >>> shortest_tour(torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])).tolist()
        [0, 2, 1, 3]
    """
    if pos.dim() != 2 or not 1 <= pos.size(0) <= _LARGEST_TOUR:
        raise ValueError(
            f"pos: got shape {tuple(pos.shape)}, expected [n, D] with 1 to {_LARGEST_TOUR} points"
        )
    pos = pos.detach().double().cpu()
    if not bool(torch.pdist(pos).isfinite().all()):
        raise ValueError("pos: got distances that are not finite")
    return torch.from_numpy(_tour(pos.numpy()))


def closed_length(pos: Tensor, order: Tensor) -> float:
    """Return the length of the closed polygon through ``pos[order]``.

    >>> closed_length(torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1]))
    2.0
    """
    corner = pos[order].double()
    return float((corner - corner.roll(-1, 0)).norm(dim=1).sum())


def enclosed_area(pos: Tensor, order: Tensor) -> float:
    """Return the area of the polygon with the corners ``pos[order]``, which does not cross itself.

    >>> square = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    >>> enclosed_area(square, torch.tensor([3, 2, 1, 0]))
    4.0
    """
    (x, y), (next_x, next_y) = pos[order].double().t(), pos[order].double().roll(-1, 0).t()
    return abs(float((x * next_y - next_x * y).sum())) / 2


def same_cycle(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the share of rows that are the same closed polygon, begun and run through anyhow.

    Args:
        y_true: ``[G, T]``, one sequence a row, -1 behind its end.
        y_pred: Likewise.

    Example:
        >>> cycle = torch.tensor([[0, 1, 2, -1], [0, 1, 2, 3]])
        >>> same_cycle(cycle, torch.tensor([[2, 1, 0, -1], [0, 2, 1, 3]]))
        0.5
    """
    return _share(y_true, y_pred, _cycle)


def same_triangles(y_true: Tensor, y_pred: Tensor) -> float:
    """Return the share of rows that list the same triangles, three places each, in any order.

    Args:
        y_true: As for :func:`same_cycle`.
        y_pred: Likewise.

    Example:
        >>> same_triangles(torch.tensor([[0, 1, 2, 1, 2, 3]]), torch.tensor([[3, 2, 1, 0, 1, 2]]))
        1.0
    """
    return _share(y_true, y_pred, _triangles)


def _share(y_true: Tensor, y_pred: Tensor, form: Callable[[list[int]], object]) -> float:
    rows = [[[v for v in row if v >= 0] for row in each.tolist()] for each in (y_true, y_pred)]
    return sum(form(a) == form(b) for a, b in zip(*rows, strict=True)) / len(rows[0])


def _cycle(order: list[int]) -> list[int]:
    """The sequence from its least place on, in the direction of the smaller neighbour."""
    if not order:
        return order
    first = order.index(min(order))
    turned = order[first:] + order[:first]
    return min(turned, turned[:1] + turned[:0:-1])


def _triangles(corners: list[int]) -> list[list[int]]:
    return sorted(sorted(corners[k : k + 3]) for k in range(0, len(corners), 3))


def _hull(pos: Points) -> Places:
    corners = ConvexHull(pos).vertices.astype(np.int64)  # counter-clockwise in the plane
    return np.roll(corners, -int(corners.argmin()))


def _delaunay(pos: Points) -> Places:
    corners = np.sort(Delaunay(pos).simplices.astype(np.int64), 1)
    place = pos[corners]
    opposite = np.linalg.norm(place[:, [1, 2, 0]] - place[:, [2, 0, 1]], axis=2)
    center = (opposite[..., None] * place).sum(1) / opposite.sum(1, keepdims=True)
    return corners[np.lexsort(center.T[::-1])].ravel()


def _tour(pos: Points) -> Places:
    size = len(pos) - 1
    if size < 1:
        return np.zeros(size + 1, np.int64)
    between = np.linalg.norm(pos[:, None] - pos, axis=2)
    inner = between[1:, 1:]
    least = np.full((1 << size, size), np.inf)
    least[1 << np.arange(size), np.arange(size)] = between[0, 1:]
    before = np.zeros((1 << size, size), np.int64)
    members = (np.arange(1 << size)[:, None] >> np.arange(size)) % 2 == 1
    count = members.sum(1)
    for number in range(2, size + 1):  # all sets of so many points at once
        chosen, last = (members & (count == number)[:, None]).nonzero()
        ways = least[chosen ^ (1 << last)] + inner[last]
        before[chosen, last] = ways.argmin(1)
        least[chosen, last] = ways.min(1)
    left = (1 << size) - 1
    order = [int((least[left] + between[0, 1:]).argmin())]
    while len(order) < size:
        left, last = left ^ (1 << order[-1]), int(before[left, order[-1]])
        order.append(last)
    if order[-1] < order[0]:
        order.reverse()
    return np.array([0, *(v + 1 for v in order)], np.int64)


_ANSWERS: dict[str, Callable[[Points], Places]] = {
    "convex_hull": _hull,
    "delaunay": _delaunay,
    "tour": _tour,
}
POINT_TASKS = tuple(_ANSWERS)
