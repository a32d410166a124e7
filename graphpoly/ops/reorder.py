"""Numbering the nodes of a graph anew, so that neighbours lie near each other in memory.

A product gathers whole rows of features; what a new numbering changes is how many of them are in a
cache or on a page that was read a moment ago. Nothing in the library renumbers on its own: the
result of every operator comes in the numbering that it was given.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import to_edges
from graphpoly.ops.entry import MOST_NODES, affordable, as_size, check_held, check_index

__all__ = ["Ordering", "reorder"]

METHODS = ("degree", "rcm", "community")


class Ordering(NamedTuple):
    """A numbering and its inverse.

    Attributes:
        perm: Old number of the node at each new place, ``[N]``.
        inverse: New place of each old node, ``[N]``.
    """

    perm: Tensor
    inverse: Tensor

    def edges(self, edge_index: Tensor) -> Tensor:
        """Return the same edges, in the same order, between the new numbers."""
        return self.inverse[edge_index.long()].to(edge_index.dtype)

    def rows(self, x: Tensor) -> Tensor:
        """Bring what belongs to the nodes into the new order."""
        return x[self.perm]

    def back(self, y: Tensor) -> Tensor:
        """Undo :meth:`rows`."""
        return y[self.inverse]


def reorder(
    edge_index: Any, num_nodes: int, method: str = "rcm", *, rounds: int = 6, seed: int = 0
) -> Ordering:
    """Find a numbering that puts related nodes side by side.

    Args:
        edge_index: Any form of a square graph that :func:`~graphpoly.ops.to_csr` takes.
        num_nodes: Number of nodes N.
        method: ``"degree"``: the nodes with most edges first. ``"rcm"``: reverse Cuthill-McKee,
            which keeps the numbers of neighbours close. ``"community"``: label propagation, whose
            communities follow one another, the largest first.
        rounds: Of label propagation.
        seed: Of the order in which label propagation visits the nodes.

    Returns:
        The numbering with its inverse, int64.

    Raises:
        ValueError: If ``method`` is unknown, or an index lies outside the graph.

    Complexity: O(E log E) for each round of label propagation, O(E) otherwise; it pays, if at all,
    only over many products.

    It seldom pays. On a power-law graph of 169 thousand nodes in random order (``reordering`` in
    ``benchmarks/results/ops.md``) the order by degree changes nothing, and the other two save about
    a tenth of a product, which takes 80 ms on one thread, against 2 and 15 seconds to find them.

    Sources: Cuthill and McKee, "Reducing the Bandwidth of Sparse Symmetric Matrices", ACM 1969;
    Raghavan, Albert and Kumara, "Near Linear Time Algorithm to Detect Community Structures", Phys.
    Rev. E 2007.

    >>> import torch
    >>> from graphpoly.ops import reorder
    >>> star = torch.tensor([[2, 2, 2, 0, 1, 3], [0, 1, 3, 2, 2, 2]])
    >>> order = reorder(star, 4, "degree")
    >>> order.perm.tolist(), order.inverse.tolist()
    ([2, 0, 1, 3], [1, 2, 0, 3])
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    num_nodes = as_size("num_nodes", num_nodes, most=MOST_NODES)
    rounds, seed = as_size("rounds", rounds), as_size("seed", seed)
    (source, target), _ = to_edges(edge_index, size=(num_nodes, num_nodes))
    check_held("edge_index", source)
    source = check_index("edge_index", source, num_nodes).long()
    target = check_index("edge_index", target, num_nodes).long()
    what = f"num_nodes: got {num_nodes}"
    return affordable(what, _numbering, source, target, num_nodes, method, rounds, seed)


def _numbering(
    source: Tensor, target: Tensor, num_nodes: int, method: str, rounds: int, seed: int
) -> Ordering:
    if method == "degree":
        degree = torch.bincount(target, minlength=num_nodes)
        perm = degree.argsort(descending=True, stable=True)
    elif method == "rcm":
        perm = _cuthill_mckee(source, target, num_nodes)
    else:
        perm = _communities(source, target, num_nodes, rounds, seed)
    inverse = torch.empty_like(perm)
    inverse[perm] = torch.arange(num_nodes, device=perm.device)
    return Ordering(perm, inverse)


def _cuthill_mckee(source: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    if num_nodes == 0:
        return source.new_zeros(0)
    row, col = target.cpu().numpy(), source.cpu().numpy()
    graph = coo_matrix((np.ones(len(row), bool), (row, col)), shape=(num_nodes,) * 2)
    order = reverse_cuthill_mckee((graph + graph.T).tocsr(), symmetric_mode=True)
    return torch.from_numpy(order.astype(np.int64)).to(source.device)


def _communities(source: Tensor, target: Tensor, num_nodes: int, rounds: int, seed: int) -> Tensor:
    """Each node takes the label that most neighbours have, half of the nodes at a time."""
    label = torch.arange(num_nodes, device=source.device)
    generator = torch.Generator("cpu").manual_seed(seed)
    half = (torch.rand(num_nodes, generator=generator, device="cpu") < 0.5).to(source.device)
    for turn in range(2 * rounds):
        seen, count = torch.unique(target * num_nodes + label[source], return_counts=True)
        node, name = seen // max(num_nodes, 1), seen % max(num_nodes, 1)
        most = count.new_zeros(num_nodes).scatter_reduce(0, node, count, "amax")
        won = count == most[node]
        wanted = name.new_full((num_nodes,), num_nodes)
        wanted = wanted.scatter_reduce(0, node[won], name[won], "amin")  # of equals the smallest
        wanted = torch.where(wanted < num_nodes, wanted, label)
        label = torch.where(half if turn % 2 else ~half, wanted, label)
    size = torch.bincount(label, minlength=num_nodes)
    degree = torch.bincount(target, minlength=num_nodes)
    perm = degree.argsort(descending=True, stable=True)
    perm = perm[label[perm].argsort(stable=True)]
    return perm[size[label[perm]].argsort(descending=True, stable=True)]
