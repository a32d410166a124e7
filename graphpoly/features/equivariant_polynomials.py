"""Equivariant polynomials of the adjacency, as features of graphs, nodes, edges and pairs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.ops import (
    Multigraph,
    contract,
    contract_sparse,
    contraction_plan,
    multigraphs,
    still_node,
    to_edges,
    uncomputable,
)
from graphpoly.ops.multigraph import KINDS
from graphpoly.registry import register

__all__ = ["EquivariantPolynomials"]

_PLACES = ("graph", "node", "edge")
_SMALL = 256  # nodes, up to which graphs are matrices
_LARGEST = 2**27  # numbers in one tensor


@register(
    "transform",
    paper="Puny, Lim, Kiani, Maron, Lipman. Equivariant Polynomials for Graph Neural Networks. "
    "ICML 2023",
    arxiv="2302.11556",
    example=lambda: EquivariantPolynomials(3),
    tags={"complexity": "O(n^(w+1)), w the treewidth", "expressivity": "homomorphism counts"},
)
@functional_transform("graphpoly_equivariant_polynomials")
class EquivariantPolynomials(BaseTransform):
    r"""Add polynomials of the adjacency that commute with permutations.

    .. math::
        P_H(X)_{i_a i_b} = \sum_{i_j \in [n],\; j \text{ not a root}}\;
            \prod_{(u, v) \in E(H)} X_{i_u i_v}

    for chosen multigraphs H; see :class:`graphpoly.ops.Multigraph`. On a graph these are numbers of
    homomorphisms: nodes of H may fall together, and each symmetry of H counts, so that
    ``"ab,bc,cd,da->a"`` is the number of closed walks of length 4. Of subgraphs
    :func:`graphpoly.expressivity.subgraph_counts` gives the numbers. Adds ``poly_graph [1, P_0]``
    for those without a root, ``poly_node [N, P_1]`` for those with one, ``poly_edge [E, P_2]`` for
    those with two, in the order of ``edge_index``; and with ``pairs`` their values at all pairs of
    nodes, ``poly_pair [n^2, P_2]``, row :math:`i n + j` for (i, j). All of them batch as they are.

    Args:
        elements: A number of edges, for all of ``kind`` up to it. ``"uncomputable"`` for what PPGN
            does not compute: 12 elements, or the 1 of ``degree`` 5. Or a list of elements, such as
            ``["ab,bc,ca->a"]``.
        degree: Largest number of edges of ``"uncomputable"``.
        kind: ``"general"``, ``"symmetric"`` or ``"simple"``: which matrices they are a basis for;
            see :func:`graphpoly.ops.multigraphs`.
        roots: Numbers of roots that are wanted.
        edges: Add ``poly_edge``.
        pairs: Add ``poly_pair``.
        normalize: Divide the values of each node, edge or pair by their norm, then each column by
            its norm over the graph. Values of graphs stay as they are.
        weight: Name of the attribute that holds the entries of X, ``[E]``; ones by default, and the
            values of ``adj_t`` where that is the graph. Entries of equal edges are added.
        attr_name: What the names of the results begin with.

    Raises:
        TypeError: On ``HeteroData``; X is one matrix.
        ValueError: If a tensor would be larger than it should.

    Complexity: O(N + E) for trees; at treewidth w O(n^(w+1)) on graphs with up to 256 nodes, and
    O(n m) on larger ones where one node keeps an element from being a tree.

    Differences from the paper: values of graphs and nodes are features of their own, where the
    paper writes them into matrices; there they would be normalised together with the others.

    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0, 2, 3], [1, 2, 0, 0, 1, 2, 3, 2]])
    >>> transform = EquivariantPolynomials(["ab,bc,ca->a", "ac,bc->ab"])
    >>> data = transform(Data(edge_index=triangle, num_nodes=4))
    >>> data.poly_node.flatten().tolist(), data.poly_edge.flatten().tolist()
    ([2.0, 2.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    """

    def __init__(
        self,
        elements: int | str | Sequence[str | Multigraph] = "uncomputable",
        degree: int = 6,
        *,
        kind: str = "simple",
        roots: Iterable[int] = (0, 1, 2),
        edges: bool = True,
        pairs: bool = False,
        normalize: bool = False,
        weight: str | None = None,
        attr_name: str = "poly",
    ) -> None:
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS)
        self.roots = tuple(roots)
        if not set(self.roots) <= {0, 1, 2}:
            raise ValueError(f"roots: got {self.roots}, expected some of 0, 1 and 2")
        self.elements: int | str | list[str]
        if isinstance(elements, int | str):
            self.elements = elements
        else:
            self.elements = [str(one) for one in elements]
        self.degree, self.kind, self.edges, self.pairs = degree, kind, edges, pairs
        self.normalize, self.weight, self.attr_name = normalize, weight, attr_name
        self.patterns = self._chosen()

    def _chosen(self) -> list[Multigraph]:
        if self.elements == "uncomputable":
            listed: Iterable[Multigraph] = uncomputable(self.degree)
        elif isinstance(self.elements, str):
            raise ValueError(
                f"elements: got {self.elements!r}; a number of edges, 'uncomputable' or a list is "
                "accepted"
            )
        elif isinstance(self.elements, int):
            degrees = range(int(self.kind == "simple"), self.elements + 1)
            steps = itertools.product(degrees, (0, 1, 2))
            listed = [one for d, r in steps for one in multigraphs(d, r, self.kind)]
        else:
            listed = [Multigraph.parse(text) for text in self.elements]
        return [one for one in listed if len(one.roots) in self.roots]

    @property
    def names(self) -> dict[str, list[str]]:
        """What the columns are: the elements of graphs, nodes, and edges or pairs.

        >>> EquivariantPolynomials(2).names["node"]
        ['ab->a', 'ab,ac->a', 'ab,bc->a']
        """
        return {
            place: [str(one) for one in self.patterns if len(one.roots) == roots]
            for roots, place in enumerate(_PLACES)
        }

    def forward(self, data: Any) -> Any:
        """Add the values."""
        if not isinstance(data, Data):
            raise TypeError(
                f"EquivariantPolynomials: got {type(data).__name__}; Data of one node type is "
                "accepted"
            )
        graph = _Graph.of(data, self.weight)
        num_edges = graph.edge_index.size(1)
        at = torch.cat([graph.edge_index, graph.pairs()], 1) if self.pairs else graph.edge_index
        values = graph.evaluate(self.patterns, at)
        for roots, place in enumerate(_PLACES):
            marked = zip(self.patterns, values, strict=True)
            some = [value for one, value in marked if len(one.roots) == roots]
            if not some:
                continue
            value = torch.stack(some, 1)
            if roots == 0:
                self._store(data, place, value)
            elif roots == 1:
                self._store(data, place, value, graph, graph.batch)
            else:
                owner = graph.batch[at[0]]
                if self.edges:
                    self._store(data, place, value[:num_edges], graph, owner[:num_edges])
                if self.pairs:
                    self._store(data, "pair", value[num_edges:], graph, owner[num_edges:])
        return data

    def _store(
        self,
        data: Data,
        place: str,
        value: Tensor,
        graph: _Graph | None = None,
        owner: Tensor | None = None,
    ) -> None:
        if self.normalize and graph is not None and owner is not None:
            value = value / _not_zero(value.norm(dim=1, keepdim=True))
            square = value.new_zeros(graph.sizes.numel(), value.size(1))
            norm = square.index_add(0, owner, value.square()).sqrt()
            value = value / _not_zero(norm)[owner]
        data[f"{self.attr_name}_{place}"] = value.to(torch.get_default_dtype())

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.elements!r}, {self.degree}, kind={self.kind!r}, "
            f"roots={self.roots}, edges={self.edges}, pairs={self.pairs}, "
            f"normalize={self.normalize}, weight={self.weight!r}, attr_name={self.attr_name!r})"
        )


def _not_zero(norm: Tensor) -> Tensor:
    return torch.where(norm > 0, norm, 1)


@dataclass(frozen=True)
class _Graph:
    """A graph or a batch of them, with what stands at its edges, ``[E]`` float64."""

    edge_index: Tensor
    weight: Tensor
    batch: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, data: Data, name: str | None) -> _Graph:
        size = int(data.num_nodes or 0)
        edges = data.edge_index if data.get("edge_index") is not None else data.adj_t
        edge_index, weight = to_edges(edges, None, size=(size, size))
        if name is not None:
            weight = data[name].flatten()
            if weight.numel() != edge_index.size(1):
                raise ValueError(
                    f"weight: {name} has {weight.numel()} values for {edge_index.size(1)} edges"
                )
        if weight is None:
            weight = torch.ones(edge_index.size(1), device=edge_index.device)
        sizes = torch.tensor([size], device=edge_index.device)
        if isinstance(data, Batch):
            sizes = data.ptr.diff()
        return cls(edge_index, weight.double(), torch.repeat_interleave(sizes), sizes)

    def pairs(self) -> Tensor:
        """All pairs within each graph, ``[2, sum of n^2]``."""
        count = self.sizes.square()
        graph = torch.repeat_interleave(count)
        place = torch.arange(graph.numel(), device=graph.device) - (count.cumsum(0) - count)[graph]
        n = self.sizes[graph]
        local = torch.stack([place // n.clamp(min=1), place % n.clamp(min=1)])
        return local + self._start[graph]

    @property
    def _start(self) -> Tensor:
        return self.sizes.cumsum(0) - self.sizes

    def evaluate(self, patterns: list[Multigraph], pairs: Tensor) -> list[Tensor]:
        """Values of graphs, of nodes, and at the pairs."""
        large = bool((self.sizes > _SMALL).any())
        still = {one: still_node(one) for one in patterns}
        lean = [one for one, node in still.items() if node == -1 or (large and node is not None)]
        values = contract_sparse(
            lean,
            self.edge_index,
            self.weight,
            num_nodes=self.batch.numel(),
            batch=self.batch,
            num_graphs=self.sizes.numel(),
            pairs=pairs,
        )
        found = dict(zip(lean, values, strict=True))
        wide = [one for one in patterns if one not in found]
        found |= zip(wide, self._as_matrices(wide, pairs), strict=True)
        return [found[one] for one in patterns]

    def _as_matrices(self, patterns: list[Multigraph], pairs: Tensor) -> list[Tensor]:
        if not patterns:
            return []
        n, count = int(self.sizes.max()), self.sizes.numel()
        width = max(2, *(contraction_plan(one).width for one in patterns))
        if count * n**width > _LARGEST:
            raise ValueError(
                f"elements: some of treewidth {width} take tensors of {count} x {n}^{width} numbers"
            )

        def local(edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            graph = self.batch[edges[0]]
            return graph, *(edges - self._start[graph])

        x = self.weight.new_zeros(count, n, n)
        x = x.index_put(local(self.edge_index), self.weight, accumulate=True)
        mask = torch.arange(n, device=x.device) < self.sizes.unsqueeze(1)
        where: tuple[Any, ...] = (slice(None), mask, local(pairs))
        values = zip(patterns, contract(patterns, x, mask), strict=True)
        return [value[where[len(one.roots)]] for one, value in values]
