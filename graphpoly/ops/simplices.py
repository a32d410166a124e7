"""Simplicial complexes, and which simplices meet in a face or lie on a common coface."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.cliques import list_cliques
from graphpoly.ops.entry import as_size

__all__ = [
    "SimplicialNeighbors",
    "clique_complex",
    "simplicial_complex",
    "simplicial_faces",
    "simplicial_neighbors",
]

THROUGH = ("both", "lower", "upper")
_MOST_DIMENSIONS = 1000


class SimplicialNeighbors(NamedTuple):
    """What :func:`simplicial_neighbors` gives.

    Attributes:
        edge_index: Pairs of k-simplices, in both directions, ``[2, E]``.
        via: Number of the simplex that joins each pair, ``[E]``.
        upper: Whether that is one of dimension k + 1, and not k - 1, ``[E]``, bool.
    """

    edge_index: Tensor
    via: Tensor
    upper: Tensor


def clique_complex(edge_index: Any, num_nodes: int, dim: int = 2) -> list[Tensor]:
    """Return the simplices of each dimension, all cliques of a graph.

    Args:
        edge_index: As for :func:`~graphpoly.ops.list_cliques`.
        num_nodes: Number of nodes of the graph.
        dim: The highest dimension.

    Returns:
        For each dimension k from 0 on ``[k+1, M_k]``, int64: nodes ascending in each simplex,
        simplices in lexicographic order.

    >>> [part.tolist() for part in clique_complex(torch.tensor([[2, 0, 1], [1, 1, 3]]), 4, 1)]
    [[[0, 1, 2, 3]], [[0, 1, 1], [1, 2, 3]]]
    """
    dim = as_size("dim", dim, most=_MOST_DIMENSIONS)
    return [_in_order(list_cliques(edge_index, k + 1, num_nodes)) for k in range(dim + 1)]


def simplicial_complex(simplices: Iterable[Iterable[int]]) -> list[Tensor]:
    """Return the simplices of each dimension, of a complex that is listed one by one.

    Such lists are ``toponetx.SimplicialComplex.simplices`` and, of a ``gudhi.SimplexTree``,
    ``(simplex for simplex, _ in tree.get_simplices())``, where nodes are numbers.

    Args:
        simplices: Nodes of each, in any order; those that stand there twice count once.

    Returns:
        As :func:`clique_complex`.

    Raises:
        TypeError: If a node is no whole number.
        ValueError: If a face is missing, or the nodes are not 0, ..., N - 1.

    >>> [part.tolist() for part in simplicial_complex([[0], [1], [1, 0]])]
    [[[0, 1]], [[0], [1]]]
    """
    found: dict[int, set[tuple[int, ...]]] = defaultdict(set)
    for simplex in simplices:
        nodes = tuple(sorted({_number(node) for node in simplex}))
        if nodes:
            found[len(nodes)].add(nodes)
    if not found:
        return [torch.empty(1, 0, dtype=torch.int64)]
    made = []
    for size in range(1, max(found) + 1):
        listed = sorted(found[size])
        made.append(torch.tensor(listed, dtype=torch.int64).view(-1, size).T.contiguous())
    if not torch.equal(made[0][0], torch.arange(made[0].size(1))):
        raise ValueError(f"simplices: got the nodes {made[0][0].tolist()}, expected 0, 1, 2, ...")
    for k in range(1, len(made)):
        simplicial_faces(made, k)
    return made


def _number(node: Any) -> int:
    try:
        return operator.index(node)
    except TypeError:
        raise TypeError(f"simplices: got the node {node!r}, whole numbers are accepted") from None


def simplicial_faces(simplices: Sequence[Tensor], k: int) -> Tensor:
    """Return the numbers of the faces of each k-simplex, ``[k+1, M_k]``; the i-th lacks node i.

    Args:
        simplices: As :func:`clique_complex` gives them.
        k: Dimension, at least 1.

    Raises:
        ValueError: If a face is missing, or there is no such dimension.

    >>> simplicial_faces(clique_complex(torch.tensor([[0, 0, 1], [1, 2, 2]]), 3), 2).tolist()
    [[2], [1], [0]]
    """
    k = as_size("k", k, least=1, most=len(simplices) - 1)
    below, own = simplices[k - 1], simplices[k]
    wanted = [torch.cat([own[:i], own[i + 1 :]]) for i in range(k + 1)]
    _, number = torch.unique(torch.cat([below, *wanted], 1), dim=1, return_inverse=True)
    known, asked = number.split([below.size(1), number.numel() - below.size(1)])
    place = torch.full_like(number, -1).index_copy(
        0, known, torch.arange(known.numel(), device=known.device)
    )
    faces = place.index_select(0, asked)
    if bool((faces < 0).any()):
        i, j = divmod(int((faces < 0).nonzero()[0]), own.size(1))
        raise ValueError(
            f"simplices: {own[:, j].tolist()} has no face {wanted[i][:, j].tolist()} among them"
        )
    return faces.view(k + 1, -1)


def simplicial_neighbors(
    simplices: Sequence[Tensor], k: int, through: str = "both"
) -> SimplicialNeighbors:
    """List the pairs of k-simplices that are neighbours, a pair for each simplex that joins it.

    Two that lie on a common coface have a common face, too (where k > 0), and are listed for both.

    Args:
        simplices: As :func:`clique_complex` gives them.
        k: Dimension of the pairs.
        through: ``"lower"``: a common face. ``"upper"``: a common coface. ``"both"``.

    Raises:
        ValueError: If there is no such dimension, or as :func:`simplicial_faces` does.

    Complexity: O(sum of d^2) time and memory for d simplices on each face, O(k^2) for each coface.

    >>> complex = clique_complex(torch.tensor([[0, 1, 1], [1, 2, 3]]), 4)
    >>> simplicial_neighbors(complex, 1).edge_index.tolist()  # three edges at node 1
    [[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]]
    """
    if through not in THROUGH:
        raise unknown("through", through, THROUGH)
    k = as_size("k", k, most=len(simplices) - 1)
    parts = []
    if through != "upper" and k > 0:
        faces = simplicial_faces(simplices, k)
        owner = torch.arange(faces.size(1), device=faces.device).expand_as(faces)
        parts.append((*_pairs(faces.flatten(), owner.flatten()), False))
    if through != "lower" and k + 1 < len(simplices):
        faces = simplicial_faces(simplices, k + 1)
        owner = torch.arange(faces.size(1), device=faces.device).expand_as(faces)
        parts.append((*_pairs(owner.flatten(), faces.flatten()), True))
    none = simplices[0].new_empty(0)
    pairs = torch.cat([none.view(2, 0), *(pair for pair, _, _ in parts)], 1)
    via = torch.cat([none, *(via for _, via, _ in parts)])
    upper = [torch.full_like(via, is_upper, dtype=torch.bool) for _, via, is_upper in parts]
    return SimplicialNeighbors(pairs, via, torch.cat([none.bool(), *upper]))


def _in_order(simplices: Tensor) -> Tensor:
    return torch.unique(simplices.sort(0).values, dim=1)


def _pairs(group: Tensor, member: Tensor) -> tuple[Tensor, Tensor]:
    """Return all ordered pairs of two members of one group, and the group of each."""
    group, order = group.sort(stable=True)
    member = member.index_select(0, order)
    _, which, size = torch.unique_consecutive(group, return_inverse=True, return_counts=True)
    begin = size.cumsum(0) - size
    partners = size.index_select(0, which)
    first = torch.arange(group.numel(), device=group.device).repeat_interleave(partners)
    before = (partners.cumsum(0) - partners).index_select(0, first)
    offset = torch.arange(first.numel(), device=group.device) - before
    second = begin.index_select(0, which).index_select(0, first) + offset
    kept = first != second
    first, second = first[kept], second[kept]
    pairs = torch.stack([member.index_select(0, first), member.index_select(0, second)])
    return pairs, group.index_select(0, first)
