r"""Equivariant polynomials of sparse matrices, where sums over nodes are products with vectors.

Where each summed node has at most one neighbour left, removing it is a product with the sparse
matrix, or with the powers of its entries that repeated edges ask for:

.. math::
    f_i \leftarrow f_i \sum_j X_{ij}\, g_j

Patterns with cycles become such patterns once one of their nodes stands still. Its places are
visited in blocks, one a column, so that vectors become matrices of up to 128 columns. What both
arms of a cycle have in common is computed once: a cycle of length k takes
:math:`\lceil k/2 \rceil - 1` products. No dense matrix of size :math:`|V|^2` is made, and what is
mostly zero, as the first steps from a node are, stays sparse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from graphpoly.ops.adjacency import CSR, to_csr, to_edges
from graphpoly.ops.contraction import contraction_plan
from graphpoly.ops.entry import (
    MOST_NODES,
    affordable,
    as_size,
    check_batch,
    check_device,
    check_held,
    check_index,
    check_unmapped,
)
from graphpoly.ops.multigraph import Multigraph
from graphpoly.ops.spmm import spmm
from graphpoly.ops.take_rows import take_rows

__all__ = ["contract_sparse", "still_node"]

# Columns: a block of vectors should stay in the cache.
_MOST, _LEAST, _VALUES = 128, 16, 2**18
# A product of two sparse matrices is made up to so many terms, and up to this part of those that
# a dense one would have.
_STEPS, _PART = 2**25, 16

# What multiplies a node's vector, and all that multiplies it, in order: ("loop", times),
# ("column", out, back) for edges to the node that stands still, ("product", out, back, vector)
# for what a removed node leaves.
_Factor = tuple[Any, ...]
_Vector = tuple[_Factor, ...]


@cache
def still_node(pattern: Multigraph) -> int | None:
    """Return the node to hold still so that products with vectors are enough.

    Returns:
        -1 if none has to stand still; a root if one will do; None if no single node is enough.

    >>> still_node(Multigraph.parse("ab,bc->a")), still_node(Multigraph.parse("ab,bc,ca->b"))
    (-1, 0)
    >>> still_node(Multigraph.parse("ab,ac,ad,bc,bd,cd->")) is None
    True
    """
    if contraction_plan(pattern).width <= 1:
        return -1
    two_roots = len(set(pattern.roots)) == 2
    for node in pattern.roots if two_roots else range(pattern.num_nodes):
        if contraction_plan(pattern, node).width <= 1:
            return node
    return None


def contract_sparse(
    patterns: Sequence[Multigraph],
    edge_index: Any,
    edge_weight: Tensor | None = None,
    *,
    num_nodes: int,
    batch: Tensor | None = None,
    num_graphs: int = 1,
    pairs: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> list[Tensor]:
    """Evaluate polynomials on a graph or a batch; what several of them share is computed once.

    Args:
        patterns: Which ones; :func:`still_node` has to find a node for each.
        edge_index: Entry (i, j) for an edge from i to j, in any of the forms of
            :func:`~graphpoly.ops.to_csr`; those of equal edges are added.
        edge_weight: Entries, ``[E]``; by default ones.
        num_nodes: Number of nodes N.
        batch: Graph of each node, ``[N]``.
        num_graphs: Number of graphs G.
        pairs: Where to evaluate patterns with two roots, ``[2, P]``; by default at the edges.
        dtype: Of the result; by default that of the entries.

    Returns:
        For each pattern ``[G]`` without a root, ``[N]`` with one, ``[P]`` with two.

    Raises:
        ValueError: If no single node of a pattern is enough, or an index is outside the graph.

    Complexity: O(E) time for each summed node, or O(N E) where a node stands still; O(N) memory for
    each vector, times up to 128.

    >>> cycle = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> square = Multigraph.parse("ab,bc,cd,da->")
    >>> contract_sparse([square], cycle, num_nodes=4)[0].tolist()
    [4.0]
    """
    still = [still_node(one) for one in patterns]
    if None in still:
        one = patterns[still.index(None)]
        raise ValueError(f"patterns: got {one}; no node of it leaves trees, use contract")
    num_nodes = as_size("num_nodes", num_nodes, most=MOST_NODES)
    least = 0 if batch is not None else 1
    num_graphs = as_size("num_graphs", num_graphs, least, MOST_NODES)
    check_batch(batch, num_nodes, num_graphs)
    if pairs is not None:
        if pairs.dim() != 2 or pairs.size(0) != 2:
            raise ValueError(f"pairs: got shape {tuple(pairs.shape)}, expected [2, P]")
        check_index("pairs", pairs.reshape(-1), num_nodes)
    matrix_on = getattr(edge_index, "device", None)
    for name, tensor in (("edge_index", edge_index), ("batch", batch), ("pairs", pairs)):
        if isinstance(tensor, Tensor):
            check_held(name, tensor)
            if name != "batch":
                check_unmapped(name, tensor)
            check_device(name, tensor, matrix_on or tensor.device)
    parts = edge_index, edge_weight, num_nodes, dtype
    rest = batch, num_graphs, pairs, still
    return affordable(lambda: f"num_nodes: got {num_nodes}", _contract, patterns, parts, rest)


def _contract(
    patterns: Sequence[Multigraph],
    parts: tuple[Any, Tensor | None, int, torch.dtype | None],
    rest: tuple[Tensor | None, int, Tensor | None, list[int | None]],
) -> list[Tensor]:
    edge_index, edge_weight, num_nodes, dtype = parts
    batch, num_graphs, pairs, still = rest
    given, weight = to_edges(edge_index, edge_weight, size=(num_nodes,) * 2)
    matrix = _Matrix(given, weight, num_nodes, dtype)
    graph = matrix.key.new_zeros(num_nodes) if batch is None else batch
    pairs = matrix.edge_index if pairs is None else pairs.long()
    sizes = (num_graphs, num_nodes, pairs.size(1))
    out = [matrix.one.new_zeros(sizes[len(set(one.roots))]) for one in patterns]
    width = min(max(_LEAST, _VALUES // max(num_nodes, 1)), _MOST)
    blocks = [range(i, min(i + width, num_nodes)) for i in range(0, num_nodes, width)]
    moves = any(node != -1 for node in still)
    for block in [None, *blocks] if moves else [None]:
        columns = _Columns(matrix, graph, num_graphs, block)
        for i, (one, node) in enumerate(zip(patterns, still, strict=True)):
            if node is not None and (node == -1) == (block is None):
                out[i] = columns.add(out[i], one, node, pairs)
    diagonal = pairs[0] == pairs[1]
    return [
        torch.where(diagonal, take_rows(value, pairs[0]), 0)
        if len(set(one.roots)) < len(one.roots)
        else value
        for one, value in zip(patterns, out, strict=True)
    ]


class _Columns:
    """Vectors by what they are, with a column for each place of the node that stands still."""

    def __init__(
        self, matrix: _Matrix, graph: Tensor, num_graphs: int, block: range | None
    ) -> None:
        self.matrix, self.graph, self.num_graphs = matrix, graph, num_graphs
        self.block = block
        self.known: dict[object, Tensor] = {}

    def add(self, out: Tensor, pattern: Multigraph, still: int, pairs: Tensor) -> Tensor:
        """Add what the places in the block contribute."""
        arms, sums = self._arms(pattern, still)
        scale = self.matrix.one
        for one in sums:
            scale = scale * self._sum(one)
        if self.block is None:
            return out + self._whole(pattern, arms, scale, pairs)
        here = torch.arange(self.block.start, self.block.stop, device=out.device)
        scale = (scale * self._vector(arms[still])[here, 0]).expand(len(here))
        if not pattern.roots:
            return out.index_add(0, self.graph[here], scale)
        other = [root for root in pattern.roots if root != still]
        if not other:
            return out.index_add(0, here, scale)
        value = self._vector(arms[other[0]]) * scale
        if still not in pattern.roots:
            if self.num_graphs > 1:  # a root that no edge ties to the place
                value = value * (self.graph.unsqueeze(1) == self.graph[here])
            return out + value.sum(1)
        fixed, free = pairs if pattern.roots[0] == still else pairs.flip(0)
        chosen = ((fixed >= self.block.start) & (fixed < self.block.stop)).nonzero().flatten()
        return out.index_add(0, chosen, value[free[chosen], fixed[chosen] - self.block.start])

    def _whole(
        self, pattern: Multigraph, arms: dict[int, _Vector], scale: Tensor, pairs: Tensor
    ) -> Tensor:
        """The value where no node stands still; ``scale`` is that of each graph."""
        roots = tuple(dict.fromkeys(pattern.roots))
        if not roots:
            return scale
        vectors = [self._vector(arms[root])[:, 0] for root in roots]
        value = vectors[0] * take_rows(scale.expand(self.num_graphs), self.graph)
        if len(roots) == 1:
            return value
        times = Counter(pattern.edges)
        one, other = roots
        entry = self.matrix.at(pairs, times[one, other], times[other, one])
        return take_rows(value, pairs[0]) * take_rows(vectors[1], pairs[1]) * entry

    def _arms(self, pattern: Multigraph, still: int) -> tuple[dict[int, _Vector], list[_Vector]]:
        """What multiplies each node that is left in the end, and what is summed on its own."""
        times = Counter(pattern.edges)

        def powers(row: int, column: int) -> tuple[int, int]:
            return self.matrix.powers(times[row, column], times[column, row])

        factors: dict[int, list[_Factor]] = {node: [] for node in range(pattern.num_nodes)}
        for u, v in {tuple(sorted(edge)) for edge in pattern.edges}:
            if u == v:
                factors[u].append(("loop", times[u, u]))
            elif still in (u, v):
                node = u + v - still
                factors[node].append(("column", *powers(node, still)))
        sums = []
        for node, around in contraction_plan(pattern, still).steps:
            vector = tuple(sorted(factors.pop(node)))
            if around:
                factors[around[0]].append(("product", *powers(around[0], node), vector))
            else:
                sums.append(vector)
        return {node: tuple(sorted(some)) for node, some in factors.items()}, sums

    def _sum(self, vector: _Vector) -> Tensor:
        """The sum over the nodes of each graph, or of the graph of each place."""
        if self.block is not None and self.matrix.places(vector) is not None:
            return self.matrix.totals(vector)[self.block.start : self.block.stop]
        value = self._vector(vector)
        if self.num_graphs == 1:
            total = value.sum(0, keepdim=True)
        else:
            total = value.new_zeros(self.num_graphs, value.size(1))
            total = total.index_add(0, self.graph, value)
        if self.block is None:
            return total[:, 0]
        column = torch.arange(len(self.block), device=value.device).clamp(max=value.size(1) - 1)
        return total[self.graph[self.block.start : self.block.stop], column]

    def _vector(self, vector: _Vector) -> Tensor:
        """The product of its factors, ``[N, F]``, or ``[N, 1]`` where all columns agree."""
        if vector not in self.known:
            factors = [self._factor(factor) for factor in vector]
            ones = self.matrix.one.expand(len(self.graph), 1)
            self.known[vector] = reduce(torch.mul, factors) if factors else ones
        return self.known[vector]

    def _factor(self, factor: _Factor) -> Tensor:
        if factor not in self.known:
            match factor:
                case ("loop", times):
                    value = self.matrix.loops().unsqueeze(1) ** times
                case _ if self.block and (held := self.matrix.places((factor,))) is not None:
                    part = held[self.block.start : self.block.stop].tocoo()
                    entries = torch.from_numpy(part.data).to(self.matrix.one)
                    value = entries.new_zeros(len(self.graph), len(self.block))
                    where = torch.from_numpy(part.col).long(), torch.from_numpy(part.row).long()
                    value = value.index_put(where, entries)
                case ("column", out, back):
                    assert self.block is not None
                    value = self.matrix.columns(self.block, out, back)
                case (_, out, back, vector):
                    value = spmm(self.matrix.operator(out, back), self._vector(vector))
            self.known[factor] = value
        return self.known[factor]


class _Matrix:
    """A sparse matrix X, and those of entries ``X_ij^out X_ji^back``."""

    def __init__(
        self,
        edge_index: Tensor,
        edge_weight: Tensor | None,
        num_nodes: int,
        dtype: torch.dtype | None,
    ) -> None:
        if bool(((edge_index < 0) | (edge_index >= num_nodes)).any()):
            raise ValueError(f"edge_index: an index is outside the graph of {num_nodes} nodes")
        self.num_nodes, self.edge_index = num_nodes, edge_index.long()
        source, target = self.edge_index
        self.key, slot = (source * num_nodes + target).unique(return_inverse=True)
        if edge_weight is None:
            edge_weight = torch.ones_like(slot, dtype=dtype or torch.get_default_dtype())
        weight = edge_weight if dtype is None else edge_weight.to(dtype)
        self.one = weight.new_ones(())
        self.value = weight.new_zeros(len(self.key)).index_add(0, slot, weight)
        self.pairs = torch.stack([self.key // num_nodes, self.key % num_nodes])
        self.back = self._look_up(self.pairs.flip(0))
        # a gradient asks what would be if they were not
        fixed = not weight.requires_grad
        self.symmetric = fixed and torch.equal(self.value, self.back)
        self.binary = fixed and bool((self.value == 1).all())
        self.operators: dict[tuple[int, int], CSR] = {}
        numpy = weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.float64)
        self.constant = fixed and numpy
        self.held: dict[_Vector, csr_matrix | None] = {}
        self.sums: dict[_Vector, Tensor] = {}

    def powers(self, out: int, back: int) -> tuple[int, int]:
        """Say the same with as few powers as will do."""
        if self.symmetric:
            out, back = out + back, 0
        return (min(out, 1), min(back, 1)) if self.binary else (out, back)

    def operator(self, out: int, back: int) -> CSR:
        """The matrix as an operator from its columns to its rows."""
        if (out, back) not in self.operators:
            row, column = self.pairs if out else self.pairs.flip(0)
            weight = self.value**out * self.back**back if out else self.value**back
            adj = to_csr(torch.stack([column, row]), weight, self.num_nodes)
            self.operators[out, back] = adj.with_weight(None) if self._plain(out, back) else adj
        return self.operators[out, back]

    def columns(self, block: range, out: int, back: int) -> Tensor:
        """Some columns as a dense matrix, ``[N, F]``; they are rows of the transpose."""
        adj = self.operator(back, out)
        begin, end = int(adj.rowptr[block.start]), int(adj.rowptr[block.stop])
        column = adj.rows()[begin:end].long() - block.start
        entries = self.one.expand(end - begin) if adj.weight is None else adj.weight[begin:end]
        dense = self.one.new_zeros(self.num_nodes, len(block))
        return dense.index_put((adj.col[begin:end].long(), column), entries)

    def places(self, vector: _Vector) -> csr_matrix | None:
        """The vector at all places at once, a place a row, while most of it is zero; or None."""
        if vector not in self.held:
            self.held[vector] = self._places(vector) if self.constant else None
        return self.held[vector]

    def totals(self, vector: _Vector) -> Tensor:
        """The sum of the vector at each place."""
        if vector not in self.sums:
            held = self.places(vector)
            assert held is not None
            self.sums[vector] = torch.from_numpy(np.asarray(held.sum(1)).ravel()).to(self.one)
        return self.sums[vector]

    def _places(self, vector: _Vector) -> csr_matrix | None:
        product = None
        for factor, times in Counter(vector).items():
            match factor:
                case ("column", out, back):
                    part = self._turned(out, back)
                case ("product", out, back, inner) if (held := self.places(inner)) is not None:
                    step = self._turned(out, back)
                    steps = int(np.diff(step.indptr)[held.indices].sum())
                    if steps > min(_STEPS, self.num_nodes * self.key.numel() // _PART):
                        return None
                    part = held @ step
                case _:
                    return None
            part = part if times == 1 else part.power(times)
            product = part if product is None else product.multiply(part).tocsr()
        return product

    def _turned(self, out: int, back: int) -> csr_matrix:
        """The transpose of :meth:`operator`, for scipy."""
        adj = self.operator(back, out)
        weight = self.one.expand(adj.num_entries) if adj.weight is None else adj.weight
        rows = (weight.numpy(), adj.col.numpy(), adj.rowptr.numpy())
        return csr_matrix(rows, shape=(self.num_nodes, self.num_nodes))

    def loops(self) -> Tensor:
        """The diagonal, ``[N]``."""
        node = torch.arange(self.num_nodes, device=self.key.device)
        return self._look_up(torch.stack([node, node]))

    def at(self, pairs: Tensor, out: int, back: int) -> Tensor:
        """Entries at some pairs."""
        value = self._look_up(pairs) ** out
        return value * self._look_up(pairs.flip(0)) ** back if back else value

    def _plain(self, out: int, back: int) -> bool:
        return self.binary and (self.symmetric or not (out and back))

    def _look_up(self, pairs: Tensor) -> Tensor:
        key = pairs[0] * self.num_nodes + pairs[1]
        if not self.key.numel():
            return self.value.new_zeros(key.shape)
        place = torch.searchsorted(self.key, key).clamp(max=self.key.numel() - 1)
        return torch.where(self.key[place] == key, self.value[place], 0)
