"""Graphs of points in space: nearest neighbours, or everything within a radius."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["POINT_SHAPES", "geometric_graph"]

_ARC = 1.5 * math.pi  # of each half of the S
_INNER, _OUTER = 0.8, 1.2  # radii between which it lies


@on_cpu()
def geometric_graph(
    shape: str = "moons",
    num_nodes: int = 1000,
    *,
    dim: int = 2,
    neighbors: int | None = None,
    radius: float | None = None,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Data:
    r"""Draw points, and join those that are near each other.

    Args:
        shape: Where the points lie. ``"moons"``: two half circles of radius 0.9, one into the
            other, with normal noise of 0.15, as published. ``"s"``: uniformly in a letter S of two
            arcs. ``"cube"``, ``"ball"``: uniformly in the unit cube or the unit ball.
        num_nodes: Number of points n.
        dim: Their dimension; 2 for ``"moons"`` and ``"s"``.
        neighbors: Edges lead from each point to this many nearest ones; not all have a reverse.
            Default :math:`\lfloor \sqrt n \log_2(n) / 10 \rfloor`, as published, at least 1.
        radius: In place of ``neighbors``: edges both ways between all points within this distance.
        seed: Of the points.
        dtype: Type of the points; edges are those of float64.

    Returns:
        ``edge_index`` [2, E], sorted, without loops, ``pos`` [n, dim], and for ``"moons"`` and
        ``"s"`` which half each point belongs to, ``y`` [n].

    Raises:
        ValueError: If a number is out of range, or both ``neighbors`` and ``radius`` are given.

    Notes:
        O(n log n + E) expected time for a fixed dimension.

    References:
        Sato, Graph Neural Networks can Recover the Hidden Features Solely from the Graph
        Structure, ICML 2023, arXiv:2301.10956.

    Example:
        >>> data = geometric_graph("cube", 50, dim=3, neighbors=4, seed=1)
        >>> data.pos.shape, data.edge_index.shape
        (torch.Size([50, 3]), torch.Size([2, 200]))
    """
    if shape not in POINT_SHAPES:
        raise unknown("shape", shape, POINT_SHAPES)
    if num_nodes < 1:
        raise ValueError(f"num_nodes: got {num_nodes}, expected at least 1")
    if dim < 1 or (shape in _FLAT and dim != 2):
        only = "2" if shape in _FLAT else "at least 1"
        raise ValueError(f"dim: got {dim}, expected {only} for {shape!r}")
    if neighbors is not None and radius is not None:
        raise ValueError(f"neighbors, radius: got {neighbors} and {radius}, expected one of them")
    if radius is not None and not 0 < radius < math.inf:
        raise ValueError(f"radius: got {radius}, expected a positive number")
    if neighbors is None:
        published = int(math.sqrt(num_nodes) * math.log2(num_nodes) / 10)
        neighbors = min(max(published, 1), num_nodes - 1)
    if not 0 <= neighbors < num_nodes:
        raise ValueError(f"neighbors: got {neighbors}, expected less than {num_nodes} nodes")
    generator = torch.Generator().manual_seed(seed)
    points, half = POINT_SHAPES[shape](num_nodes, dim, generator)
    pairs = _nearest(points, neighbors) if radius is None else _within(points, radius)
    data = Data(edge_index=pairs, pos=points.to(dtype))
    if half is not None:
        data.y = half
    return data


def _nearest(points: Tensor, count: int) -> Tensor:
    size = len(points)
    _, found = cKDTree(points.numpy()).query(points.numpy(), [*range(1, count + 2)])
    source = np.repeat(np.arange(size), count)
    target = np.sort(found[:, 1:], 1).ravel()  # the first is the point itself
    return torch.from_numpy(np.stack([source, target]).astype(np.int64))


def _within(points: Tensor, radius: float) -> Tensor:
    size = len(points)
    found = cKDTree(points.numpy()).query_pairs(radius, output_type="ndarray")
    low, high = torch.from_numpy(found.astype(np.int64)).T
    key = torch.cat([low * size + high, high * size + low]).sort().values
    return torch.stack([key // size, key % size])


def _halves(size: int) -> Tensor:
    """0 for the first half of the points, 1 for the others."""
    return (torch.arange(size) >= size // 2).long()


def _moons(size: int, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    half = _halves(size)
    angle = math.pi * torch.rand(size, generator=generator, dtype=torch.float64)
    noise = torch.randn(size, 2, generator=generator, dtype=torch.float64)
    sign = 1 - 2 * half
    circle = torch.stack([6 * angle.cos() + 6 * half, 6 * sign * angle.sin()], 1)
    return 0.15 * (circle + noise), half


def _s(size: int, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """An arc around (0, 1) that begins at the origin, and the same turned by half a circle."""
    half = _halves(size)
    angle, across = torch.rand(2, size, generator=generator, dtype=torch.float64)
    angle = -math.pi / 2 - _ARC * angle
    radius = (_INNER**2 + (_OUTER**2 - _INNER**2) * across).sqrt()
    arc = torch.stack([radius * angle.cos(), 1 + radius * angle.sin()], 1)
    return arc * (1 - 2 * half).unsqueeze(1), half


def _cube(size: int, dim: int, generator: torch.Generator) -> tuple[Tensor, None]:
    return torch.rand(size, dim, generator=generator, dtype=torch.float64), None


def _ball(size: int, dim: int, generator: torch.Generator) -> tuple[Tensor, None]:
    direction = torch.randn(size, dim, generator=generator, dtype=torch.float64)
    radius = torch.rand(size, 1, generator=generator, dtype=torch.float64) ** (1 / dim)
    return radius * direction / direction.norm(dim=1, keepdim=True), None


_FLAT = ("moons", "s")
POINT_SHAPES = {"moons": _moons, "s": _s, "cube": _cube, "ball": _ball}
