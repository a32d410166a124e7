r"""How far each node sees, from a graph that joins hidden points within reach.

An edge leads from v to every point of the ball of radius s(v) around v. Of n points of density p,

.. math::
    \deg_v \approx n\, p_v V_d\, s(v)^d, \qquad \pi_v \propto \frac{p_v}{n\, s(v)^2}

with :math:`V_d` the volume of the unit ball, and :math:`\pi` where a random walk along the edges is
found in the long run: it is slow where its steps are short. Without p,

.. math::
    s(v) = g \left( \frac{\deg_v}{n^2 \pi_v} \right)^{1 / (d + 2)}

up to the unit of length, which no graph tells: a larger set with larger balls has the same edges.
Each point has :math:`V_d\, s(v)^d / \deg_v` to itself; g makes these add up to a given volume.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphpoly.ops import stationary_distribution, to_csr

__all__ = ["ball_radii", "simple_pairs", "weak_components"]

_HIGHEST = 100  # dimension; the volumes of unit balls fall faster than any power of it


def ball_radii(
    edge_index: Any,
    num_nodes: int | None = None,
    *,
    dim: int = 2,
    damping: float = 1e-3,
    volume: float = 1.0,
) -> Tensor:
    r"""Return the radius of the ball around each node that holds its neighbours.

    Where each edge of a component has its reverse, :math:`\pi` is in proportion to degrees, and all
    radii of the component are equal. Directed graphs of neighbours need not be strongly connected:
    there :math:`\pi` is that of a walk with jumps, which is positive everywhere. Every component is
    a set of its own, with the share of the volume that it has of the nodes.

    Args:
        edge_index: Any form of a graph that :func:`~graphpoly.ops.to_csr` takes. Loops, duplicates
            and weights are left out: points are within reach or not.
        num_nodes: Number of nodes.
        dim: Dimension d of the hidden points.
        damping: Probability of a jump; see :func:`~graphpoly.ops.stationary_distribution`.
        volume: Of the set that the points fill.

    Returns:
        ``[N]``, float64; 0 for nodes that no edge leaves.

    Raises:
        ValueError: If an argument is out of range.

    Complexity: O(E log E), and steps of a walk, O(E) each, on directed graphs.

    References:
        Hashimoto, Sun and Jaakkola, Metric recovery from directed unweighted graphs, AISTATS 2015,
        who give the limits of degrees and :math:`\pi`. Sato, Graph Neural Networks can Recover the
        Hidden Features Solely from the Graph Structure, ICML 2023.

    >>> ring = torch.arange(8)
    >>> pairs = torch.stack([ring, ring.roll(1)])
    >>> ball_radii(torch.cat([pairs, pairs.flip(0)], 1), dim=1, volume=8.0).round(decimals=9)
    tensor([1., 1., 1., 1., 1., 1., 1., 1.], dtype=torch.float64)
    """
    pairs, size = simple_pairs(edge_index, num_nodes)
    check_space(dim, volume)
    source, target = pairs
    part = weak_components(pairs, size)
    degree = torch.bincount(source, minlength=size).double()
    one_way = ~torch.isin(source * size + target, target * size + source)
    directed = torch.zeros_like(part, dtype=torch.bool)
    directed = directed.index_fill(0, part[source[one_way]], True)[part]
    visits = degree
    if bool(directed.any()):
        walk = stationary_distribution(to_csr(pairs, num_nodes=size), damping)
        visits = torch.where(directed, walk, degree)
    alive = degree > 0
    radius = torch.where(alive, degree / torch.where(alive, visits, 1), 0) ** (1 / (dim + 2))
    ball = math.pi ** (dim / 2) / math.gamma(dim / 2 + 1)
    own = ball * radius**dim / torch.where(alive, degree, 1)
    count, total = torch.zeros(2, size, dtype=torch.float64, device="cpu")
    count = count.index_add(0, part, torch.ones_like(own))[part]
    total = total.index_add(0, part, own)[part]
    return radius * (volume * count / size / torch.where(alive, total, 1)) ** (1 / dim)


def check_space(dim: int, volume: float) -> None:
    """Refuse a dimension or a volume that no set of points has."""
    if not 1 <= dim <= _HIGHEST:
        raise ValueError(f"dim: got {dim}, expected from 1 to {_HIGHEST}")
    if not 0 < volume < math.inf:
        raise ValueError(f"volume: got {volume}, expected a positive number")


def simple_pairs(edge_index: Any, num_nodes: int | None) -> tuple[Tensor, int]:
    """Return each edge once, in lexicographic order, without loops, ``[2, E]``, and N."""
    adj = to_csr(edge_index, num_nodes=num_nodes)
    source, target, size = adj.col.cpu().long(), adj.rows().cpu().long(), adj.num_rows
    key = torch.unique((source * size + target)[source != target])
    return torch.stack([key // max(size, 1), key % max(size, 1)]), size


def weak_components(pairs: Tensor, num_nodes: int) -> Tensor:
    """Return the number of the component of each node, whichever way its edges lead, ``[N]``."""
    entries = np.ones(pairs.size(1), dtype=np.int8), pairs.numpy()
    matrix = csr_matrix(entries, shape=(num_nodes, num_nodes))
    return torch.from_numpy(connected_components(matrix, directed=False)[1].astype(np.int64))
