r"""Multigraphs with marked nodes: the names of equivariant polynomials and of patterns to count.

A multigraph H with d edges and r marked nodes (roots) names the polynomial of degree d

.. math::
    P_H(X)_{i_a i_b} = \sum_{i_j \in [n],\; j \text{ not a root}}\; \prod_{(u, v) \in E(H)}
        X_{i_u i_v}

of a matrix X: a number without roots, a vector with one, a matrix with two, and a matrix that is
zero off its diagonal where both roots are one node. All H without isolated nodes other than roots
are a basis of the polynomials that commute with permutations, as long as H has at most n nodes; if
X is symmetric, undirected H are one. On the adjacency of a simple graph powers and loops say
nothing, and an H of several pieces is a product, so that simple connected H are enough. There
:math:`P_H` counts the homomorphisms of H.

References:
    Puny, Lim, Kiani, Maron and Lipman, Equivariant Polynomials for Graph Neural Networks, ICML
    2023, arXiv:2302.11556.
"""

from __future__ import annotations

import itertools
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from graphpoly.errors import unknown
from graphpoly.ops.entry import as_size

__all__ = ["KINDS", "Multigraph", "multigraphs"]

KINDS = ("general", "symmetric", "simple")

_LETTERS = string.ascii_letters


@dataclass(frozen=True, order=True)
class Multigraph:
    """Edges between nodes 0, 1, ... and the roots among them.

    Its text is the equation of ``einsum`` that evaluates it; :meth:`parse` reads it again. Roots
    need no edge: ``ab->ac`` holds the degree of a for every c.

    Attributes:
        edges: (from, to); loops and repetitions are welcome.
        roots: None, one or two; twice the same for a diagonal matrix.

    Raises:
        ValueError: If nodes are not numbered from 0 on without gaps.

    >>> triangle = Multigraph(((0, 1), (0, 2), (1, 2)), roots=(0,))
    >>> str(triangle), triangle.num_nodes, triangle.degree
    ('ab,ac,bc->a', 3, 3)
    >>> Multigraph.parse("xy,yz,xz->x") == triangle
    True
    """

    edges: tuple[tuple[int, int], ...]
    roots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        used = {node for edge in self.edges for node in edge} | set(self.roots)
        if used != set(range(len(used))):
            raise ValueError(f"edges, roots: got nodes {sorted(used)}, expected 0, 1, ... in a row")
        if len(self.roots) > 2:
            raise ValueError(f"roots: got {len(self.roots)}, expected at most 2")
        if len(used) > len(_LETTERS):
            raise ValueError(f"edges: got {len(used)} nodes, expected at most {len(_LETTERS)}")

    @classmethod
    def parse(cls, text: str) -> Multigraph:
        """Read an equation such as ``"ab,bc->a"``; the order of nodes and edges is not kept.

        Raises:
            ValueError: If the text is not such an equation.
        """
        left, arrow, right = text.replace(" ", "").partition("->")
        terms = [term for term in left.split(",") if term]
        fits = arrow and all(len(term) == 2 for term in terms) and len(right) <= 2
        if not fits or not set("".join(terms) + right) <= set(_LETTERS):
            raise ValueError(
                f"pattern: got {text!r}, expected two letters an edge and the roots behind an "
                "arrow, as 'ab,bc->a', or none, as 'ab,bc->'"
            )
        return cls.of([(term[0], term[1]) for term in terms], right)

    @classmethod
    def of(cls, edges: Iterable[tuple[object, object]], roots: Iterable[object] = ()) -> Multigraph:
        """Make one from nodes of any name, numbered as they come, the roots first.

        >>> str(Multigraph.of([("x", "y"), ("y", "y")], roots="y"))
        'aa,ba->a'
        """
        listed, number = list(edges), dict[object, int]()
        for node in itertools.chain(marked := list(roots), *listed):
            number.setdefault(node, len(number))
        numbered = sorted((number[u], number[v]) for u, v in listed)
        return cls(tuple(numbered), tuple(number[node] for node in marked))

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return 1 + max(itertools.chain(self.roots, *self.edges), default=-1)

    @property
    def degree(self) -> int:
        """Number of edges, which is the polynomial's degree."""
        return len(self.edges)

    def __str__(self) -> str:
        def name(nodes: Iterable[int]) -> str:
            return "".join(_LETTERS[node] for node in nodes)

        return f"{','.join(map(name, self.edges))}->{name(self.roots)}"

    def canonical(self, *, symmetric: bool = False) -> Multigraph:
        """Return the one multigraph that stands for all that are isomorphic to it.

        Args:
            symmetric: Whether the direction of edges does not count.

        Complexity: colours are refined and nodes singled out in turn; alike ones only once.

        >>> one, other = Multigraph.parse("ab,bc->a"), Multigraph.parse("ac,bc->a")
        >>> one.canonical() == other.canonical()
        False
        >>> one.canonical(symmetric=True) == other.canonical(symmetric=True)
        True
        """
        count = Counter(self.edges)
        if symmetric:
            count.update((v, u) for u, v in self.edges if u != v)
        colors = [self.roots.index(v) if v in self.roots else 2 for v in range(self.num_nodes)]
        edges, place = min(_labelings(count, colors))
        if symmetric:
            edges = tuple((u, v) for u, v in edges if u <= v)
        return Multigraph(edges, tuple(place[root] for root in self.roots))


_Counts = dict[tuple[int, int], int]
_Edges = tuple[tuple[int, int], ...]


def _labelings(count: _Counts, colors: list[int]) -> Iterator[tuple[_Edges, list[int]]]:
    """The edges under each numbering that refinement and singling out lead to."""
    colors = _refine(count, colors)
    cells: dict[int, list[int]] = {}
    for node, color in enumerate(colors):
        cells.setdefault(color, []).append(node)
    chosen = min((color for color, cell in cells.items() if len(cell) > 1), default=None)
    if chosen is None:
        edges = [(colors[u], colors[v]) for (u, v), times in count.items() for _ in range(times)]
        yield tuple(sorted(edges)), colors
        return
    tried: list[int] = []
    for node in cells[chosen]:
        if any(_alike(count, node, other) for other in tried):
            continue
        tried.append(node)
        # before the rest of its cell
        single = [2 * c + (c == chosen and v != node) for v, c in enumerate(colors)]
        yield from _labelings(count, single)


def _refine(count: _Counts, colors: list[int]) -> list[int]:
    """Refine colours, and number them by what they are, not by where they stand."""
    around: list[list[tuple[int, int, int]]] = [[] for _ in colors]
    for u, v in {pair for edge in count for pair in (edge, edge[::-1])}:
        around[u].append((v, count.get((u, v), 0), count.get((v, u), 0)))
    while True:
        seen = []
        for v, color in enumerate(colors):
            heard = sorted((-1 if u == v else colors[u], *times) for u, *times in around[v])
            seen.append((color, tuple(heard)))
        rank = {key: i for i, key in enumerate(sorted(set(seen)))}
        if len(rank) == len(set(colors)):
            return [rank[key] for key in seen]
        colors = [rank[key] for key in seen]


def _alike(count: _Counts, one: int, other: int) -> bool:
    """Whether the edges stay the same if two nodes trade places."""
    trade = {one: other, other: one}
    return count == {(trade.get(u, u), trade.get(v, v)): n for (u, v), n in count.items()}


@cache
def multigraphs(degree: int, roots: int = 0, kind: str = "general") -> tuple[Multigraph, ...]:
    """List all with so many edges, one of each kind of isomorphic ones.

    Args:
        degree: Number of edges.
        roots: Number of marked nodes: 0, 1 or 2, in order. Two may be one node, save in
            ``"simple"``.
        kind: ``"general"``, for any matrix: directed, with loops and repetitions. ``"symmetric"``:
            the same without directions. ``"simple"``, for the adjacency of a simple graph:
            connected, no loop, no repetition, at least one edge.

    Returns:
        Canonical multigraphs, in order.

    Complexity: grows like the Bell numbers of twice the degree.

    >>> [str(one) for one in multigraphs(1, 1)]
    ['aa->a', 'ab->a', 'ba->a', 'bb->a', 'cb->a']
    >>> [len(multigraphs(1, roots)) for roots in (0, 1, 2)]
    [2, 5, 15]
    >>> [str(one) for one in multigraphs(2, 2, "simple")]
    ['ab,ac->ab', 'ab,bc->ab', 'ac,bc->ab']
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    roots = as_size("roots", roots, most=2)
    degree = as_size("degree", degree, 1 if kind == "simple" else 0)
    found: Iterable[Multigraph]
    if kind == "simple":
        found = _simple(degree, roots)
    elif degree == 0:
        marks: tuple[tuple[int, ...], ...] = ((0,) * roots, tuple(range(roots)))
        found = [Multigraph((), chosen) for chosen in marks]
    else:
        smaller = multigraphs(degree - 1, roots, kind)
        found = itertools.chain.from_iterable(_grow(one, kind == "symmetric") for one in smaller)
    return tuple(sorted({one.canonical(symmetric=kind != "general") for one in found}))


def _grow(one: Multigraph, symmetric: bool) -> Iterator[Multigraph]:
    """One more edge, between old nodes, an old and a new, or new ones."""
    new = one.num_nodes
    for u, v in itertools.product(range(new + 1), range(new + 2)):
        if (v <= new or u == new) and (u <= v or not symmetric):
            yield Multigraph((*one.edges, (u, v)), one.roots)


def _simple(degree: int, roots: int) -> Iterator[Multigraph]:
    if roots:
        for one in multigraphs(degree, 0, "simple"):
            for marks in itertools.permutations(range(one.num_nodes), roots):
                yield Multigraph(one.edges, marks)
    elif degree == 1:
        yield Multigraph(((0, 1),))
    else:
        for one in multigraphs(degree - 1, 0, "simple"):
            for edge in itertools.combinations(range(one.num_nodes + 1), 2):
                if edge not in one.edges:
                    yield Multigraph((*one.edges, edge))
