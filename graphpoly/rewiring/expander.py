r"""Expander graph propagation.

The Cayley graph of :math:`\mathrm{SL}(2, \mathbb{Z}_n)` with the generators

.. math::
    \begin{pmatrix} 1 & 1 \\ 0 & 1 \end{pmatrix}, \qquad
    \begin{pmatrix} 1 & 0 \\ 1 & 1 \end{pmatrix}

and their inverses is 4-regular for n > 2, has :math:`n^3 \prod_{p | n} (1 - p^{-2})` nodes, and a
spectral gap that no n makes small.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.data.datapipes import functional_transform

from graphpoly.registry import register
from graphpoly.rewiring.base import Fill, Rewiring
from graphpoly.rewiring.structure import Changes, Graphs

__all__ = ["ExpanderPropagation", "cayley_graph", "cayley_size"]


def cayley_size(n: int) -> int:
    r"""Return the number of elements of :math:`\mathrm{SL}(2, \mathbb{Z}_n)`.

    >>> [cayley_size(n) for n in (1, 2, 3, 4, 5, 6)]
    [1, 6, 24, 48, 120, 144]
    """
    if n < 1:
        raise ValueError(f"n: got {n}, expected at least 1")
    size, rest, p = n**3, n, 2
    while rest > 1:
        if rest % p == 0:
            size = size // p**2 * (p**2 - 1)
            while rest % p == 0:
                rest //= p
        p = p + 1 if p * p <= rest else rest
    return size


@lru_cache(maxsize=64)
def _cayley(n: int) -> Tensor:
    """Edges between elements in the order of a breadth-first search from the identity."""
    number, order, edges = {(1 % n, 0, 0, 1 % n): 0}, [(1 % n, 0, 0, 1 % n)], []
    for a, b, c, d in order:  # it grows
        here = number[a, b, c, d]
        for other in (
            (a, (a + b) % n, c, (c + d) % n),
            (a, (b - a) % n, c, (d - c) % n),
            ((a + b) % n, b, (c + d) % n, d),
            ((a - b) % n, b, (c - d) % n, d),
        ):
            if other not in number:
                number[other] = len(order)
                order.append(other)
            edges.append((here, number[other]))
    pairs = torch.tensor(edges, dtype=torch.int64, device="cpu").T
    return torch.unique(pairs[:, pairs[0] != pairs[1]], dim=1)


def cayley_graph(n: int, num_nodes: int | None = None) -> Tensor:
    """Return the edges of the Cayley graph of SL(2, Z_n), both directions, int64 ``[2, E]``.

    Args:
        n: Modulus.
        num_nodes: Keep only so many of the nodes, those nearest to the identity in the order of a
            breadth-first search.

    Complexity: O(n^3), once for each n.

    >>> edges = cayley_graph(3)
    >>> int(edges.max()) + 1, torch.bincount(edges[0]).unique().tolist()
    (24, [4])
    """
    size = cayley_size(n)
    if num_nodes is not None and not 0 <= num_nodes <= size:
        raise ValueError(f"num_nodes: got {num_nodes}, the group has {size} elements")
    edges = _cayley(n)
    if num_nodes is None:
        return edges.clone()
    return edges[:, (edges < num_nodes).all(0)]


def _modulus(num_nodes: int) -> int:
    n = 2
    while cayley_size(n) < num_nodes:
        n += 1
    return n


@register(
    "transform",
    paper="Deac, Lackenby, Veličković. Expander Graph Propagation. LoG 2022",
    arxiv="2210.02997",
    example=lambda: ExpanderPropagation(),
    tags={"complexity": "O(N) time and memory; E grows by 2N"},
)
@functional_transform("graphpoly_expander_propagation")
class ExpanderPropagation(Rewiring):
    """Lay an expander over each graph, for layers that take turns with the graph's own.

    Its edges are those of the smallest Cayley graph of SL(2, Z_n) that has as many nodes, cut off
    where the graph ends. With ``separate`` they are ``expander_index [2, 4N]``, less a border,
    which batches as ``edge_index`` does: give it to every second layer. Otherwise they are added to
    the graph, where they are not there already.

    Args:
        separate: Keep the graph as it is.
        shuffle: Which node of the expander each node is: a permutation that ``seed`` and the number
            of nodes decide, or the order of the nodes.
        seed: Of the permutation.
        fill: What added edges get in each attribute, see :class:`~graphpoly.rewiring.Rewiring`;
            only for ``separate=False``, as are the following.
        typed: Store in ``edge_type`` which edges were added.
        symmetrize: Give each edge its reverse; otherwise a directed graph is refused.

    Complexity: O(N) for each graph; the group of each n is listed once.

    Differences from the paper: nodes may be shuffled. The numbers of nodes mean nothing, and the
    paper's are those of the breadth-first search.

    >>> from torch_geometric.data import Data
    >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=24)
    >>> ExpanderPropagation()(data)
    Data(edge_index=[2, 2], num_nodes=24, expander_index=[2, 96], rewired=[1, 2])
    """

    def __init__(
        self,
        *,
        separate: bool = True,
        shuffle: bool = False,
        seed: int = 0,
        fill: Fill | None = None,
        typed: bool = False,
        symmetrize: bool = False,
    ) -> None:
        super().__init__(fill=fill, typed=typed, symmetrize=symmetrize)
        self.separate, self.shuffle, self.seed = separate, shuffle, seed

    def forward(self, data: Any) -> Any:
        """Add the expander."""
        if not self.separate:
            return super().forward(data)
        self._refuse(data)
        if isinstance(data, Batch):
            ptr = data.ptr.cpu()
        else:
            ptr = torch.tensor([0, data.num_nodes or 0], device="cpu")
        some = [self._expander(size) for size in ptr.diff().tolist()]
        counts = torch.tensor([edges.size(1) for edges in some], device="cpu")
        shift = torch.repeat_interleave(ptr[:-1], counts)
        data.expander_index = (torch.cat(some, 1) + shift).to(data.edge_index.device)
        data.rewired = torch.stack([counts // 2, 0 * counts], 1).to(data.edge_index.device)
        if isinstance(data, Batch) and getattr(data, "_slice_dict", None) is not None:
            ends = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
            graphs = torch.arange(counts.numel() + 1, device="cpu")
            data._slice_dict = {**data._slice_dict, "expander_index": ends, "rewired": graphs}
            data._inc_dict = {
                **data._inc_dict,
                "expander_index": ptr[:-1].clone(),
                "rewired": torch.zeros_like(counts),
            }
        return data

    def _expander(self, size: int) -> Tensor:
        edges = cayley_graph(_modulus(size), size)
        if not self.shuffle:
            return edges
        generator = torch.Generator("cpu").manual_seed(self.seed)
        return torch.randperm(size, generator=generator, device="cpu")[edges]

    def changes(self, graphs: Graphs) -> Changes:
        found = [torch.empty(2, 0, dtype=torch.int64, device="cpu")]
        for first, size in zip(graphs.ptr.tolist(), graphs.ptr.diff().tolist(), strict=False):
            edges = self._expander(size)
            found.append(edges[:, edges[0] < edges[1]] + first)
        pairs = torch.cat(found, 1)
        n = graphs.num_nodes
        held = torch.isin(pairs[0] * n + pairs[1], graphs.edges[0] * n + graphs.edges[1])
        return Changes(pairs[:, ~held], pairs[:, :0])
