"""Copies of a graph side by side, whose nodes are given classes."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Copies", "given_in_turn", "with_columns", "with_virtual_nodes"]


class Copies(NamedTuple):
    """Copies of a graph side by side, whose nodes are given other classes in each.

    Attributes:
        x: ``[B M, F]``, where M counts the virtual nodes behind the N others of a copy.
        edge_index: ``[2, B E']``, virtual edges among them.
        edge_weight: ``[B E']``, or None.
        given: ``[B, N]``, the class that a node is given, -1 for none.
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor | None
    given: Tensor


def given_in_turn(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return what nodes are given in C copies to learn from, and in C that ask for classes.

    In copy k of the first kind a node of known class y is given y + k modulo C, so that copy 0 is
    right and each other one wrong, and all others are given nothing. In copy k of the second kind
    known classes stand, and all other nodes are given k.

    Args:
        labels: ``[N]``, -1 where the class is not known.
        classes: Number C of classes.

    >>> for each in given_in_turn(torch.tensor([1, -1]), 3):
    ...     print(each.tolist())
    [[1, -1], [2, -1], [0, -1]]
    [[1, 0], [1, 1], [1, 2]]
    """
    turn = torch.arange(classes, device=labels.device).unsqueeze(1)
    known = labels >= 0
    return torch.where(known, (labels + turn) % classes, -1), torch.where(known, labels, turn)


def with_columns(
    x: Tensor, edges: Tensor, weight: Tensor | None, given: Tensor, classes: int
) -> Copies:
    """Return copies whose features have a column for each class, 1 for that of the node.

    Args:
        x: ``[N, F]``.
        edges: ``[2, E]``.
        weight: ``[E]``, or None.
        given: ``[B, N]``.
        classes: How many there are.
    """
    words = F.one_hot(given + 1, classes + 1)[..., 1:].to(x)
    rows = torch.cat([x.expand(given.size(0), *x.shape), words], dim=-1)
    pairs, weights = _repeated(edges, weight, *rows.shape[:2])
    return Copies(rows.flatten(0, 1), pairs, weights, given)


def with_virtual_nodes(
    x: Tensor, edges: Tensor, weight: Tensor | None, given: Tensor, virtual: Tensor
) -> Copies:
    """Return copies with a node for each class, joined both ways to the nodes that are given it.

    Args:
        x: ``[N, F]``.
        edges: ``[2, E]``.
        weight: ``[E]``, or None; virtual edges weigh 1.
        given: ``[B, N]``.
        virtual: ``[C, F]``, the features of the virtual nodes.
    """
    count, size = given.shape
    rows = torch.cat([each.expand(count, *each.shape) for each in (x, virtual.to(x))], dim=1)
    pairs, weights = _repeated(edges, weight, *rows.shape[:2])
    copy, node = (given >= 0).nonzero(as_tuple=True)
    links = torch.stack([node, size + given[copy, node]]) + copy * rows.size(1)
    pairs = torch.cat([pairs, links, links.flip(0)], dim=1)
    if weights is not None:
        weights = torch.cat([weights, weights.new_ones(2 * links.size(1))])
    return Copies(rows.flatten(0, 1), pairs, weights, given)


def _repeated(
    edges: Tensor, weight: Tensor | None, count: int, size: int
) -> tuple[Tensor, Tensor | None]:
    copy = torch.arange(count, device=edges.device) * size
    pairs = (edges.unsqueeze(1) + copy.view(-1, 1)).flatten(1)
    return pairs, None if weight is None else weight.repeat(count)
