"""Graphs in which no node is read by many, and what a prediction reads of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Blocks", "Readers", "bound_readers", "most_terms"]


def bound_readers(
    edge_index: Tensor,
    num_nodes: int,
    max_degree: int,
    *,
    generator: np.random.Generator,
    nodes: Tensor | None = None,
) -> Tensor:
    r"""Return edges among which no node is read by more than K others.

    Each of the d nodes that read a node, self-loops aside, goes on doing so with probability
    :math:`K / 2d`, or surely where that is above 1; where more than K would, none does.

    The published text draws its edges from the one who reads to the one who is read, and calls
    what it bounds the in-degree. Messages run the other way: it is the number of edges that leave
    a node, and to bound those that reach it would protect nobody. Parallel edges stay or go
    together. Cost: :math:`O(E \log E)`.

    Args:
        edge_index: ``[2, E]``, from the node that is read to the one that reads.
        num_nodes: N.
        max_degree: K, at least 1.
        generator: What the draws come from, one for each pair of nodes in the order of (read,
            reader).
        nodes: Mask ``[N]``; edges that touch another node are left out.

    Returns:
        Places of the edges that stay, in ascending order.

    Raises:
        ValueError: If ``max_degree`` is below 1.

    Example:
        >>> star = torch.tensor([[0, 0, 0, 0], [1, 2, 3, 4]])  # all read node 0
        >>> len(bound_readers(star, 5, 2, generator=np.random.default_rng(0))) <= 2
        True

    References:
        Daigavane et al. Node-Level Differentially Private Graph Neural Networks. arXiv:2111.15521
    """
    if max_degree < 1:
        raise ValueError(f"max_degree: got {max_degree}, expected at least 1")
    source, target = edge_index
    among = source != target
    if nodes is not None:
        among &= nodes[source] & nodes[target]
    places = among.nonzero().view(-1)
    pairs, pair_of = torch.unique(source[places] * num_nodes + target[places], return_inverse=True)
    read = pairs // max(num_nodes, 1)
    readers = torch.bincount(read, minlength=num_nodes)
    draws = torch.from_numpy(generator.random(len(pairs))).to(pairs.device)
    kept = draws < max_degree / (2 * readers[read])
    kept &= torch.bincount(read[kept], minlength=num_nodes)[read] <= max_degree
    return places[kept[pair_of]]


def most_terms(max_degree: int, num_hops: int) -> int:
    """Return in how many nodes' predictions a node has a part: 1, K + 1, K² + K + 1, ...

    >>> [most_terms(5, hops) for hops in (0, 1, 2)]
    [1, 6, 31]
    """
    return sum(max_degree**hop for hop in range(num_hops + 1))


@dataclass(frozen=True)
class Blocks:
    """What some predictions read, each a graph of its own, side by side.

    Attributes:
        node: ``[n]``, node of the whole graph; those of one block are together.
        block: ``[n]``, ascending.
        edge_index: ``[2, m]`` between rows of :attr:`node`, never from one block to another.
        edge: ``[m]``, place among the edges of the whole graph.
        root: ``[B]``, the row of each block whose prediction it is.
    """

    node: Tensor
    block: Tensor
    edge_index: Tensor
    edge: Tensor
    root: Tensor


class Readers:
    """Edges sorted by who reads, to cut out what a prediction of so many hops depends on.

    Args:
        edge_index: ``[2, E]``, from the node that is read to the one that reads.
        num_nodes: N.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        self._source = edge_index[0]
        self._order = torch.argsort(edge_index[1], stable=True)
        counts = torch.bincount(edge_index[1], minlength=num_nodes)
        self._begin = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self._num_nodes = num_nodes

    def blocks(self, roots: Tensor, num_hops: int) -> Blocks:
        """Return a block for each root, with every node that it reads within so many hops.

        A block holds the edges that a message on its way to the root may take, and no others: what
        is read at the last hop reads nothing itself. Cost: linear in what is returned, but for
        sorting it.
        """
        number = torch.arange(len(roots), device=roots.device)
        front = held = number * self._num_nodes + roots  # a block and a node in one number
        taken: list[tuple[Tensor, Tensor, Tensor]] = []
        for _ in range(num_hops):
            edges, of = self._read_by(front % self._num_nodes)
            block = front[of] - front[of] % self._num_nodes
            read = block + self._source[edges]
            taken.append((edges, read, front[of]))
            new = torch.unique(read)
            front = new[~torch.isin(new, held)]
            held = torch.cat([held, front])
        keys = held.sort().values
        edges, sources, targets = (
            (torch.cat(parts) for parts in zip(*taken, strict=True))
            if taken
            else (roots.new_empty(0),) * 3
        )
        rows = torch.stack([torch.searchsorted(keys, sources), torch.searchsorted(keys, targets)])
        return Blocks(
            node=keys % self._num_nodes,
            block=keys // self._num_nodes,
            edge_index=rows,
            edge=edges,
            root=torch.searchsorted(keys, number * self._num_nodes + roots),
        )

    def _read_by(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the edges that reach some nodes, and the place of the node for each."""
        begin, counts = self._begin[nodes], self._begin[nodes + 1] - self._begin[nodes]
        of = torch.repeat_interleave(counts)
        within = torch.arange(len(of), device=nodes.device) - (counts.cumsum(0) - counts)[of]
        return self._order[begin[of] + within], of
