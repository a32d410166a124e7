r"""How often patterns occur in graphs: homomorphisms, and subgraphs as their combinations.

A homomorphism maps the nodes of a pattern F to those of a graph G and edges to edges. Removing the
nodes of F one by one in the order of :func:`graphpoly.ops.contraction_plan` walks a tree
decomposition of F, whose width is that of the plan. Those that map no two nodes to one are

.. math::
    \operatorname{inj}(F, G) = \sum_\pi \Bigl(\prod_{B \in \pi} (-1)^{|B| - 1} (|B| - 1)!\Bigr)
        \hom(F / \pi, G)

over all partitions of the nodes of F into sets without an edge, and G has
:math:`\operatorname{inj}(F, G) / |\operatorname{Aut}(F)|` subgraphs F, induced or not.

1-WL tells apart what trees count, k-FWL what patterns of treewidth k do.

References:
    Curticapean, Dell and Marx, Homomorphisms are a good basis for counting small subgraphs, STOC
    2017. Dell, Grohe and Rattan, Lovász meets Weisfeiler and Leman, ICALP 2018.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from graphpoly.devices import on_cpu
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.ops import (
    Multigraph,
    contract,
    contract_sparse,
    contraction_plan,
    list_cliques,
    still_node,
)

__all__ = ["homomorphism_counts", "spasm", "subgraph_counts"]

Pattern: TypeAlias = str | Multigraph | nx.Graph

_SMALL = 256  # nodes, up to which graphs are counted in as matrices
_AT_ONCE = 2**20  # numbers in a batch of matrices
_LARGEST = 2**27  # numbers in one tensor


@on_cpu()
def homomorphism_counts(patterns: Pattern | Sequence[Pattern], graphs: Any) -> Tensor:
    """Count homomorphisms.

    Args:
        patterns: A graph of networkx, a text such as ``"ab,bc,ca->"`` or a
            :class:`~graphpoly.ops.Multigraph`; or a list of them. With a root, ``"ab,bc,ca->a"``,
            those that map it to each node. Edges have the direction that they are written in, which
            matters where the graphs are directed.
        graphs: Whatever :meth:`GraphSet.of` gathers. Repeated edges count once, a loop is an edge.

    Returns:
        ``[G]``, or ``[N]`` with a root; a column for each pattern of a list. float64, exact up to
        :math:`2^{53}`.

    Raises:
        ValueError: If patterns of a list differ in the number of roots or have two, or if one asks
            for more memory than there should be.

    Complexity: O(N + E) for a tree, on all graphs at once; cliques are listed. Otherwise
    O(n^(w+1)) on small graphs, at treewidth w, and O(n m) on large ones where one node keeps the
    pattern from being a tree, as in a cycle.

    >>> from graphpoly.expressivity import hard_pair
    >>> homomorphism_counts("ab,bc,ca->", hard_pair("hexagon")).tolist()
    [0.0, 12.0]
    """
    return _with_columns(patterns, graphs, _counts)


@on_cpu()
def subgraph_counts(patterns: Pattern | Sequence[Pattern], graphs: Any) -> Tensor:
    """Count subgraphs, induced or not.

    Args:
        patterns: As for :func:`homomorphism_counts`, without loops and repetitions. With a root,
            the subgraphs in which each node has its place.
        graphs: Whatever :meth:`GraphSet.of` gathers. Loops and repetitions do not count.

    Returns:
        As :func:`homomorphism_counts` does.

    Complexity: that of the homomorphisms of all of :func:`spasm`. For cycles and paths of up to 7
    nodes their treewidth is at most 2.

    >>> import networkx as nx
    >>> from graphpoly.expressivity import hard_pair
    >>> subgraph_counts([nx.complete_graph(4), nx.cycle_graph(4)], hard_pair("sr16622")).tolist()
    [[8.0, 60.0], [0.0, 60.0]]
    """
    return _with_columns(patterns, graphs, _subgraphs)


def spasm(pattern: Multigraph, *, symmetric: bool = True) -> dict[Multigraph, int]:
    """Return the patterns whose homomorphisms make up those that map no two nodes to one.

    Args:
        pattern: Without loops.
        symmetric: Whether directions do not count.

    Returns:
        The coefficient of each; patterns in which nodes without an edge are merged.

    Complexity: as many steps as the pattern's nodes have partitions.

    >>> {str(one): times for one, times in spasm(Multigraph.parse("ab,bc,cd,da->")).items()}
    {'ab->': 1, 'ac,bc->': -2, 'ab,ac,bd,cd->': 1}
    """
    return dict(_spasm(pattern, symmetric))


@cache
def _spasm(pattern: Multigraph, symmetric: bool) -> tuple[tuple[Multigraph, int], ...]:
    total: Counter[Multigraph] = Counter()
    joined = {frozenset(edge) for edge in pattern.edges}
    for blocks in _partitions(pattern.num_nodes, joined):
        sign = math.prod((-1) ** (n - 1) * math.factorial(n - 1) for n in Counter(blocks).values())
        edges = {(blocks[u], blocks[v]) for u, v in pattern.edges}
        if symmetric:
            edges = {(min(edge), max(edge)) for edge in edges}
        merged = Multigraph.of(edges, [blocks[root] for root in pattern.roots])
        total[merged.canonical(symmetric=symmetric)] += sign
    return tuple((merged, times) for merged, times in total.items() if times)


def _partitions(size: int, joined: set[frozenset[int]]) -> Iterator[list[int]]:
    """The block of each node, in every way that puts no edge into a block."""

    def grow(blocks: list[int]) -> Iterator[list[int]]:
        node = len(blocks)
        if node == size:
            yield blocks
            return
        barred = {blocks[v] for v in range(node) if frozenset((v, node)) in joined}
        for block in range(max(blocks, default=-1) + 2):
            if block not in barred:
                yield from grow([*blocks, block])

    return grow([])


def _with_columns(
    patterns: Pattern | Sequence[Pattern],
    graphs: Any,
    count: Callable[[list[Multigraph], GraphSet], list[Tensor]],
) -> Tensor:
    listed = [_pattern(one) for one in ([patterns] if isinstance(patterns, Pattern) else patterns)]
    if len({len(one.roots) for one in listed}) > 1 or any(len(one.roots) > 1 for one in listed):
        raise ValueError(
            f"patterns: got {', '.join(map(str, listed))}; one root each, or none each, is accepted"
        )
    columns = count(listed, GraphSet.of(graphs, features=False, edge_features=False))
    return columns[0] if isinstance(patterns, Pattern) else torch.stack(columns, 1)


def _pattern(pattern: Pattern) -> Multigraph:
    if isinstance(pattern, str):
        return Multigraph.parse(pattern)
    if isinstance(pattern, Multigraph):
        return pattern
    if list(nx.isolates(pattern)):
        raise ValueError("patterns: a node without an edge only multiplies by the number of nodes")
    return Multigraph.of(pattern.edges())


def _subgraphs(patterns: list[Multigraph], whole: GraphSet) -> list[Tensor]:
    for one in patterns:
        if any(u == v for u, v in one.edges) or len(set(one.edges)) < one.degree:
            raise ValueError(f"patterns: got {one}, expected neither loops nor repetitions")
    proper = whole.edge_index[0] != whole.edge_index[1]
    whole = GraphSet(whole.edge_index[:, proper], whole.ptr)
    symmetric = _is_symmetric(whole)
    return [
        value / _automorphisms(one, symmetric)
        for one, value in zip(patterns, _injective(patterns, whole, symmetric), strict=True)
    ]


def _injective(patterns: list[Multigraph], whole: GraphSet, symmetric: bool) -> list[Tensor]:
    """Count the homomorphisms that map no two nodes to one."""
    parts = [spasm(one, symmetric=symmetric) for one in patterns]
    needed = list(dict.fromkeys(merged for part in parts for merged in part))
    counts = dict(zip(needed, _counts(needed, whole), strict=True))
    return [
        torch.stack([times * counts[merged] for merged, times in part.items()]).sum(0)
        for part in parts
    ]


@cache
def _automorphisms(pattern: Multigraph, symmetric: bool) -> float:
    """What maps a pattern into itself, one to one, and its root to its root."""
    edge_index = torch.tensor(pattern.edges).T.reshape(2, -1)
    if symmetric:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    own = GraphSet(edge_index, torch.tensor([0, pattern.num_nodes]))
    return float(_injective([pattern], own, symmetric)[0][0])


def _counts(patterns: list[Multigraph], whole: GraphSet) -> list[Tensor]:
    """Choose the way of each pattern."""
    whole = GraphSet(coalesce(whole.edge_index, num_nodes=whole.num_nodes), whole.ptr)
    loops = bool((whole.edge_index[0] == whole.edge_index[1]).any())
    simple = not loops and _is_symmetric(whole)
    trees = [one for one in patterns if still_node(one) == -1]
    cliques = [one for one in patterns if simple and one not in trees and _is_clique(one)]
    rest = [one for one in patterns if one not in trees and one not in cliques]
    found = _by_products(trees, whole)
    found |= {one: _by_cliques(one, whole) for one in cliques}
    found |= _in_parts(rest, whole)
    return [found[one] for one in patterns]


def _is_symmetric(whole: GraphSet) -> bool:
    ways = whole.edge_index, whole.edge_index.flip(0)
    one, other = (coalesce(way, num_nodes=whole.num_nodes) for way in ways)
    return torch.equal(one, other)


def _is_clique(one: Multigraph) -> bool:
    pairs = {frozenset(edge) for edge in one.edges}
    return len(pairs) == one.num_nodes * (one.num_nodes - 1) // 2 and all(map(len, pairs))


def _by_products(patterns: list[Multigraph], whole: GraphSet) -> dict[Multigraph, Tensor]:
    if not patterns:
        return {}
    values = contract_sparse(
        patterns,
        whole.edge_index,
        num_nodes=whole.num_nodes,
        batch=whole.batch,
        num_graphs=whole.num_graphs,
        dtype=torch.float64,
    )
    return dict(zip(patterns, values, strict=True))


def _by_cliques(pattern: Multigraph, whole: GraphSet) -> Tensor:
    """Count cliques; each is hit in every order of the pattern's nodes."""
    size = pattern.num_nodes
    nodes = list_cliques(whole.edge_index, size, whole.num_nodes)
    if pattern.roots:
        count = torch.bincount(nodes.flatten(), minlength=whole.num_nodes)
        return math.factorial(size - 1) * count.double()
    count = torch.bincount(whole.batch[nodes[0]], minlength=whole.num_graphs)
    return math.factorial(size) * count.double()


def _by_matrices(patterns: list[Multigraph], part: GraphSet) -> dict[Multigraph, Tensor]:
    if not patterns:
        return {}
    n = int(part.sizes.max())
    width = max(contraction_plan(one).width for one in patterns)
    if n ** max(2, width) > _LARGEST:
        raise ValueError(f"patterns: one of treewidth {width} on {n} nodes is too large to count")
    source, target = part.edge_index
    graph = part.batch[source]
    x = torch.zeros(part.num_graphs, n, n, dtype=torch.float64)
    x[graph, source - part.ptr[graph], target - part.ptr[graph]] = 1
    mask = torch.arange(n) < part.sizes.unsqueeze(1)
    values = zip(patterns, contract(patterns, x, mask), strict=True)
    return {one: value[mask] if one.roots else value for one, value in values}


def _in_parts(patterns: list[Multigraph], whole: GraphSet) -> dict[Multigraph, Tensor]:
    """Count in many small graphs at once, and in large ones one by one."""
    out = {
        one: torch.zeros(whole.num_nodes if one.roots else whole.num_graphs, dtype=torch.float64)
        for one in patterns
    }
    if not patterns:
        return out
    lean = [one for one in patterns if still_node(one) is not None]
    wide = [one for one in patterns if one not in lean]
    for chosen in _chunks(whole.sizes, max(2, *(contraction_plan(one).width for one in patterns))):
        part = whole.select(chosen)
        if int(part.sizes.max()) <= _SMALL:
            found = _by_matrices(patterns, part)
        else:
            found = _by_products(lean, part) | _by_matrices(wide, part)
        nodes = torch.cat([torch.arange(*whole.ptr[g : g + 2].tolist()) for g in chosen.tolist()])
        for one, value in found.items():
            out[one][nodes if one.roots else chosen] = value
    return out


def _chunks(sizes: Tensor, width: int) -> Iterator[Tensor]:
    """Graphs in order of size, as many together as there is room for."""
    order = sizes.argsort()
    begin, ascending = 0, sizes[order].tolist()
    for end, size in enumerate([*ascending[1:], None], 1):
        if size is None or size > _SMALL or (end + 1 - begin) * size**width > _AT_ONCE:
            yield order[begin:end]
            begin = end
