r"""Graphs that are hard to tell apart, made on the spot.

The construction of Cai, Fürer and Immerman (1992) turns a base graph into two graphs. A node v of
the base, of degree d, becomes :math:`2^{d-1}` nodes, one for each even subset of its edges; nodes
of two neighbours are joined if they agree on the edge between them. In the twisted graph one node
has the odd subsets. k-FWL tells the two apart if and only if the treewidth of the (connected) base
is at most k.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import networkx as nx
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_networkx

from graphpoly.errors import unknown

__all__ = [
    "PAIRS",
    "bicyclic_pair",
    "cfi_pair",
    "csl_family",
    "csl_graph",
    "cycle_pair",
    "hard_pair",
    "regular_pair",
    "rook_graph",
    "shrikhande_graph",
]

CSL_SKIPS = (2, 3, 4, 5, 6, 9, 11, 12, 13, 16)


def csl_graph(size: int, skip: int) -> Data:
    """Return a circular skip-link graph: a cycle, and a second one that skips.

    Args:
        size: Number of nodes, at least 5.
        skip: Node i is joined with node i + skip, too; 1 < skip < size - 1, and twice the skip is
            not the size.

    References:
        Murphy, Srinivasan, Rao and Ribeiro, Relational Pooling, ICML 2019, arXiv:1903.02541.

    >>> csl_graph(41, 9).num_edges
    164
    """
    if not 1 < skip < size - 1 or 2 * skip == size:
        raise ValueError(f"skip: got {skip} for {size} nodes; 2 to size - 2 is accepted, not half")
    return _undirected(size, [(i, (i + s) % size) for i in range(size) for s in (1, skip)])


def csl_family(size: int = 41, skips: Iterable[int] = CSL_SKIPS) -> list[Data]:
    """Return one graph for each skip; the published ten by default. All are 4-regular."""
    return [csl_graph(size, skip) for skip in skips]


def rook_graph(side: int = 4) -> Data:
    """Return the moves of a rook: fields of a board, joined if they share a row or a column.

    With side 4 it is strongly regular with the parameters (16, 6, 2, 2).
    """
    fields = list(itertools.product(range(side), repeat=2))
    edges = [
        (i, j)
        for i, j in itertools.combinations(range(len(fields)), 2)
        if fields[i][0] == fields[j][0] or fields[i][1] == fields[j][1]
    ]
    return _undirected(side * side, edges)


def shrikhande_graph() -> Data:
    """Return the other strongly regular graph with the parameters (16, 6, 2, 2)."""
    steps = ((0, 1), (1, 0), (1, 1))
    edges = [
        (4 * a + b, 4 * ((a + da) % 4) + (b + db) % 4)
        for a, b in itertools.product(range(4), repeat=2)
        for da, db in steps
    ]
    return _undirected(16, edges)


def cycle_pair(size: int, other: int | None = None) -> tuple[Data, Data]:
    """Return one cycle of ``size + other`` nodes, and a cycle of each size; all of degree 2.

    Args:
        size: Of one cycle, at least 3.
        other: Of the other one; by default the same.
    """
    other = size if other is None else other
    if min(size, other) < 3:
        raise ValueError(f"size: got {size} and {other}, expected at least 3")
    return (
        _of_networkx(nx.cycle_graph(size + other)),
        _of_networkx(nx.disjoint_union(nx.cycle_graph(size), nx.cycle_graph(other))),
    )


def bicyclic_pair() -> tuple[Data, Data]:
    """Return the carbon skeletons of decalin and bicyclopentyl, the classical pair of molecules."""
    ring = [(i, (i + 1) % 10) for i in range(10)]
    halves = [(5 * h + i, 5 * h + (i + 1) % 5) for h in range(2) for i in range(5)]
    return _undirected(10, [*ring, (0, 5)]), _undirected(10, [*halves, (0, 5)])


def regular_pair(degree: int, size: int, seed: int = 0) -> tuple[Data, Data]:
    """Draw two connected regular graphs that are not isomorphic.

    Args:
        degree: Of every node; 3 or more.
        size: Number of nodes of each, at least 6 and large enough for two such graphs.
        seed: Of the draw.

    Raises:
        ValueError: If no such pair was met in 200 draws.
    """
    first: nx.Graph | None = None
    for draw in range(200):
        graph = nx.random_regular_graph(degree, size, seed=1000 * seed + draw)
        if not nx.is_connected(graph):
            continue
        if first is None:
            first = graph
        elif not nx.is_isomorphic(first, graph):
            return _of_networkx(first), _of_networkx(graph)
    raise ValueError(f"degree, size: no two {degree}-regular graphs with {size} nodes were met")


def cfi_pair(base: Data | nx.Graph) -> tuple[Data, Data]:
    """Return the untwisted and the twisted graph over a base graph.

    Args:
        base: Connected, undirected, without loops; its treewidth says who can tell the two apart.
            A node of degree d becomes 2^(d-1).

    References:
        Cai, Fürer and Immerman, An optimal lower bound on the number of variables for graph
        identification, Combinatorica 1992.

    >>> one, other = cfi_pair(nx.complete_graph(4))
    >>> one.num_nodes, one.num_edges, other.num_edges
    (16, 96, 96)
    """
    graph = base if isinstance(base, nx.Graph) else to_networkx(base, to_undirected=True)
    graph = nx.convert_node_labels_to_integers(nx.Graph(graph))
    if nx.number_of_selfloops(graph) or graph.number_of_nodes() == 0 or not nx.is_connected(graph):
        raise ValueError("base: expected a connected graph without loops")
    return _cfi(graph, twisted=False), _cfi(graph, twisted=True)


def _cfi(base: nx.Graph, *, twisted: bool) -> Data:
    edges = [frozenset(edge) for edge in base.edges]
    nodes: list[tuple[int, frozenset[frozenset[int]]]] = []
    for v in base:
        around = [edge for edge in edges if v in edge]
        parity = int(twisted and v == 0)
        for size in range(parity, len(around) + 1, 2):
            nodes += [(v, frozenset(chosen)) for chosen in itertools.combinations(around, size)]
    joined = [
        (i, j)
        for (i, (u, one)), (j, (v, other)) in itertools.combinations(enumerate(nodes), 2)
        if base.has_edge(u, v) and (frozenset((u, v)) in one) == (frozenset((u, v)) in other)
    ]
    return _undirected(len(nodes), joined)


# name: what the pair is, who is the first to tell it apart, how it is made
PAIRS: dict[str, tuple[str, str, Callable[[], tuple[Data, Data]]]] = {
    "hexagon": ("a hexagon and two triangles", "2-FWL", lambda: cycle_pair(3)),
    "molecules": ("decalin and bicyclopentyl", "2-FWL", bicyclic_pair),
    "k33-prism": (
        "the complete bipartite graph on 3 + 3 nodes and the prism",
        "2-FWL",
        lambda: (
            _of_networkx(nx.complete_bipartite_graph(3, 3)),
            _of_networkx(nx.circular_ladder_graph(3)),
        ),
    ),
    "csl": ("circular skip links 2 and 3 on 41 nodes", "2-FWL", lambda: _csl_pair()),
    "sr16622": (
        "the rook's and Shrikhande's graph",
        "3-FWL",
        lambda: (rook_graph(), shrikhande_graph()),
    ),
    "cfi-k3": ("CFI over the triangle", "2-FWL", lambda: cfi_pair(nx.complete_graph(3))),
    "cfi-k4": ("CFI over the tetrahedron", "3-FWL", lambda: cfi_pair(nx.complete_graph(4))),
    "cfi-k33": ("CFI over K(3, 3)", "3-FWL", lambda: cfi_pair(nx.complete_bipartite_graph(3, 3))),
    "cfi-grid": ("CFI over the 3 x 3 grid", "3-FWL", lambda: cfi_pair(nx.grid_2d_graph(3, 3))),
    "cfi-prism": ("CFI over the prism", "3-FWL", lambda: cfi_pair(nx.circular_ladder_graph(3))),
    "cfi-cube": ("CFI over the cube", "3-FWL", lambda: cfi_pair(nx.hypercube_graph(3))),
    "cfi-k5": (
        "CFI over K5",
        "4-FWL",
        lambda: cfi_pair(nx.complete_graph(5)),
    ),
}


def hard_pair(name: str) -> tuple[Data, Data]:
    """Return one of the pairs of :data:`PAIRS`.

    >>> [graph.num_nodes for graph in hard_pair("sr16622")]
    [16, 16]
    """
    if name not in PAIRS:
        raise unknown("pair", name, PAIRS)
    return PAIRS[name][2]()


def _csl_pair() -> tuple[Data, Data]:
    return csl_graph(41, 2), csl_graph(41, 3)


def _of_networkx(graph: nx.Graph) -> Data:
    graph = nx.convert_node_labels_to_integers(graph)
    return _undirected(graph.number_of_nodes(), list(graph.edges))


def _undirected(size: int, edges: list[tuple[int, int]]) -> Data:
    pairs: Tensor = torch.tensor(edges, dtype=torch.int64, device="cpu").reshape(-1, 2).T
    edge_index = coalesce(torch.cat([pairs, pairs.flip(0)], 1), num_nodes=size)
    return Data(edge_index=edge_index, num_nodes=size)
