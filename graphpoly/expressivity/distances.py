r"""Refinement that sees how far every node is: generalised distance WL.

.. math::
    c_v^{(t+1)} = \operatorname{hash}\bigl\{\!\{(d(v, u),\, c_u^{(t)}) : u \in V\}\!\bigr\}

with the number of edges of a shortest path for d, the effective resistance, or both. This is colour
refinement of the complete graph with distances on its edges, and is run as such.

Resistances are rational numbers whose denominators have hundreds of digits in graphs of a hundred
nodes, so that floating-point values cannot say which are equal. They are computed exactly here, as
residues modulo two primes near :math:`2^{31}`, by elimination on :math:`L + J` (the Laplacian and
ones between nodes of one component): equal resistances always get equal names, different ones by
chance one with probability about :math:`2^{-62}`, as any other names of colours here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown
from graphpoly.expressivity.colors import Coloring, wl_colors
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.tuples import groups_of_one_size
from graphpoly.ops import mix64

__all__ = ["DISTANCES", "distance_colors", "resistance_names", "shortest_distances"]

DISTANCES = ("shortest", "resistance", "both")
_PRIMES = (2147483629, 2147483587)
_MOST_ENTRIES = 1 << 25  # of all matrices of distances together


@on_cpu()
def distance_colors(graphs: Any, distance: str = "shortest", *, features: bool = True) -> Coloring:
    """Refine colours of nodes that see the distance to every other node.

    Args:
        graphs: See :meth:`GraphSet.of`; undirected. ``x`` are labels. Loops, repetitions and labels
            of edges are not seen, which 1-WL sees.
        distance: ``"shortest"`` (SPD-WL), ``"resistance"`` (RD-WL) or ``"both"``. Nodes of
            different components are infinitely far.
        features: Start from ``x``, where the graphs have it.

    Returns:
        Stable names, comparable across graphs and runs.

    Complexity: O(n^3) time for a graph of n nodes, O(sum of n^2) memory for all.

    References:
        Zhang, Luo, Wang and He, ICLR 2023, arXiv:2301.09505.

    >>> from graphpoly.data import cycle_pairs
    >>> hexagon, triangles = distance_colors(cycle_pairs((6,))).graph.tolist()
    >>> hexagon == triangles
    False
    """
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
    whole = GraphSet.of(graphs, features=features, edge_features=False)
    if int(whole.sizes.square().sum()) > _MOST_ENTRIES:
        raise ValueError(
            f"graphs: {int(whole.sizes.square().sum())} pairs of nodes, at most {_MOST_ENTRIES} "
            "are accepted"
        )
    edges, labels = [], []
    for index, _, joined in groups_of_one_size(whole, 2):
        if not torch.equal(joined, joined.transpose(1, 2)):
            raise ValueError("graphs: an edge lacks its reverse; undirected graphs are accepted")
        parts = []
        if distance != "resistance":
            parts.append(shortest_distances(joined))
        if distance != "shortest":
            parts.append(resistance_names(joined))
        size = joined.size(1)
        name = torch.stack([part.flatten() for part in parts], 1)
        other = ~torch.eye(size, dtype=torch.bool).expand_as(joined).flatten()
        place = torch.arange(size) + whole.ptr[index].unsqueeze(1)
        source = place.unsqueeze(2).expand_as(joined).flatten()
        target = place.unsqueeze(1).expand_as(joined).flatten()
        edges.append(torch.stack([source, target])[:, other])
        labels.append(name[other])
    if not edges:
        return wl_colors(whole)
    return wl_colors(replace(whole, edge_index=torch.cat(edges, 1), edge_attr=torch.cat(labels)))


@on_cpu()
def shortest_distances(joined: Tensor) -> Tensor:
    """Return numbers of edges between nodes, -1 where there is no path.

    Args:
        joined: Adjacency ``[B, n, n]``.

    Returns:
        ``[B, n, n]``, int64.

    >>> shortest_distances(torch.tensor([[[0, 1, 0], [1, 0, 0], [0, 0, 0]]])).tolist()
    [[[0, 1, -1], [1, 0, -1], [-1, -1, 0]]]
    """
    size = joined.size(1)
    step = joined.float()
    reached = torch.eye(size, dtype=step.dtype).expand_as(step)
    out = torch.where(reached > 0, 0, -1).to(torch.int64)
    for length in range(1, size):
        reached = torch.bmm(reached, step).clamp(max=1)
        new = (reached > 0) & (out < 0)
        if not bool(new.any()):
            break
        out[new] = length
        reached = new.to(step.dtype)
    return out


@on_cpu()
def resistance_names(joined: Tensor) -> Tensor:
    """Return names of the effective resistances between nodes of unweighted graphs.

    Args:
        joined: Symmetric adjacency ``[B, n, n]``; loops do not count.

    Returns:
        ``[B, n, n]``, int64: equal for equal resistances, in any graph; -1 between components.

    Raises:
        ArithmeticError: If one of the primes divides a minor of a Laplacian, so that elimination
            meets no pivot (probability about :math:`n\\,2^{-31}` a graph).

    Complexity: O(n^3) for each graph.

    >>> triangle, path = 1 - torch.eye(3).long(), torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> first, second = resistance_names(torch.stack([triangle, path]))
    >>> len(first.unique()), len(second.unique())  # 0 and 2/3; 0, 1 and 2
    (2, 3)
    """
    size = joined.size(1)
    eye = torch.eye(size, dtype=torch.int64)
    adjacency = (joined != 0).long() * (1 - eye)
    together = (shortest_distances(adjacency) >= 0).long()
    laplacian = torch.diag_embed(adjacency.sum(2)) - adjacency
    name = torch.zeros_like(adjacency)
    for prime in _PRIMES:
        inverse = _inverse(laplacian + together, prime)
        own = inverse.diagonal(dim1=1, dim2=2)
        # the part of the ones is the same in all four terms of a component, and cancels
        value = (own.unsqueeze(1) + own.unsqueeze(2) - inverse - inverse.transpose(1, 2)) % prime
        name = mix64(name + value)
    return torch.where(together > 0, name, -1)


def _inverse(matrix: Tensor, prime: int) -> Tensor:
    """Inverses ``[B, n, n]`` modulo a prime below 2^31, by Gauss and Jordan in place."""
    m = matrix % prime
    for k in range(m.size(1)):
        pivot = m[:, k, k].clone()
        if not bool((pivot != 0).all()):
            raise ArithmeticError(f"a pivot of a Laplacian is a multiple of {prime}")
        m[:, k, k] = 1
        m[:, k] = m[:, k] * _reciprocal(pivot, prime).unsqueeze(1) % prime
        column = m[:, :, k].clone()
        column[:, k] = 0
        row = m[:, k].clone()
        m[:, :, k] *= (column == 0).long()
        m = (m - column.unsqueeze(2) * row.unsqueeze(1)) % prime
    return m


def _reciprocal(value: Tensor, prime: int) -> Tensor:
    """Reciprocals modulo a prime, by Fermat."""
    out, power, exponent = torch.ones_like(value), value, prime - 2
    while exponent:
        if exponent & 1:
            out = out * power % prime
        power = power * power % prime
        exponent >>= 1
    return out
