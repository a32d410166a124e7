from __future__ import annotations

import itertools
import random

import networkx as nx
import pytest

from graphpoly.ops.multigraph import Multigraph, multigraphs

# by number of edges: without root, with one, with two
GENERAL = {0: (1, 1, 2), 1: (2, 5, 15), 2: (11, 32, 117), 3: (52, 199, 877)}
SYMMETRIC = {0: (1, 1, 2), 1: (2, 4, 11), 2: (7, 17, 56), 3: (23, 69, 266)}
SIMPLE = {
    1: (1, 1, 1),
    2: (1, 2, 3),
    3: (3, 5, 10),
    4: (5, 13, 35),
    5: (12, 37, 125),
    6: (30, 114, 460),
}


@pytest.mark.parametrize(
    ("kind", "table"), [("general", GENERAL), ("symmetric", SYMMETRIC), ("simple", SIMPLE)]
)
def test_known_numbers(kind, table) -> None:
    for degree, numbers in table.items():
        assert tuple(len(multigraphs(degree, roots, kind)) for roots in (0, 1, 2)) == numbers


def set_partitions(size: int) -> list[tuple[int, ...]]:
    """Block of each element, blocks numbered as they come."""
    grown = [()]
    for _ in range(size):
        grown = [(*one, block) for one in grown for block in range(max(one, default=-1) + 2)]
    return grown


def renumbered(blocks: list[int]) -> tuple[int, ...]:
    number: dict[int, int] = {}
    return tuple(number.setdefault(block, len(number)) for block in blocks)


@pytest.mark.parametrize("roots", [0, 1, 2])
@pytest.mark.parametrize(("kind", "degree"), [("general", 2), ("general", 3), ("symmetric", 3)])
def test_orbits_of_partitions(kind, degree, roots) -> None:
    """A multigraph is a partition of its edges' ends and its roots; edges have no order."""
    flips = list(itertools.product((False, True), repeat=degree if kind == "symmetric" else 0))
    orbits = set()
    for blocks in set_partitions(roots + 2 * degree):
        ends = [blocks[roots + 2 * i : roots + 2 * i + 2] for i in range(degree)]
        images = []
        for order in itertools.permutations(ends):
            for flip in flips:
                turned = order
                if flip:
                    turned = [e[::-1] if f else e for e, f in zip(order, flip, strict=True)]
                images.append(renumbered([*blocks[:roots], *itertools.chain(*turned)]))
        orbits.add(min(images))
    assert len(multigraphs(degree, roots, kind)) == len(orbits)


def relabelled(one: Multigraph, rng: random.Random, flip: bool) -> Multigraph:
    place = list(range(one.num_nodes))
    rng.shuffle(place)
    edges = [(place[u], place[v]) for u, v in one.edges]
    if flip:
        edges = [edge[::-1] if rng.random() < 0.5 else edge for edge in edges]
    rng.shuffle(edges)
    return Multigraph(tuple(edges), tuple(place[root] for root in one.roots))


@pytest.mark.parametrize("kind", ["general", "symmetric", "simple"])
def test_canonical_forms_do_not_see_names(kind) -> None:
    rng = random.Random(0)
    for roots in (0, 1, 2):
        for one in multigraphs(3, roots, kind):
            for _ in range(3):
                other = relabelled(one, rng, flip=kind != "general")
                assert other.canonical(symmetric=kind != "general") == one


def test_canonical_forms_decide_isomorphism() -> None:
    """Regular and twin-rich graphs too, where refinement alone decides nothing."""
    graphs = [
        nx.cycle_graph(6),
        nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3)),
        nx.complete_bipartite_graph(3, 3),
        nx.circular_ladder_graph(3),
        nx.star_graph(7),
        nx.hypercube_graph(3),
        nx.circulant_graph(8, [1, 4]),
        nx.petersen_graph(),
        *(nx.gnm_random_graph(6, 7, seed=seed) for seed in range(20)),
    ]
    graphs = [graph for graph in graphs if not list(nx.isolates(graph))]
    forms = [Multigraph.of(graph.edges).canonical(symmetric=True) for graph in graphs]
    for (one, form), (other, its) in itertools.combinations(zip(graphs, forms, strict=True), 2):
        assert (form == its) == nx.is_isomorphic(one, other)
    for graph, form in zip(graphs, forms, strict=True):
        back = [*reversed(list(graph.nodes))]
        moved = nx.relabel_nodes(graph, dict(zip(graph.nodes, back, strict=True)))
        assert Multigraph.of(moved.edges).canonical(symmetric=True) == form


def test_text_and_back() -> None:
    for one in (*multigraphs(2, 2), *multigraphs(0, 2)):
        assert Multigraph.parse(str(one)).canonical() == one
    for one in multigraphs(4, 1, "simple"):
        assert Multigraph.parse(str(one)).canonical(symmetric=True) == one
    assert Multigraph.parse("bc->ab") == Multigraph(((1, 2),), (0, 1))
    assert Multigraph.parse("->").num_nodes == 0


def test_mistakes_are_named() -> None:
    for text in ("ab", "abc->", "ab->abc", "a1->a"):
        with pytest.raises(ValueError, match="pattern: got"):
            Multigraph.parse(text)
    with pytest.raises(ValueError, match=r"got nodes \[0, 2\]"):
        Multigraph(((0, 2),))
    with pytest.raises(ValueError, match="roots: got 3"):
        Multigraph(((0, 1),), (0, 1, 1))
    with pytest.raises(ValueError, match="did you mean 'simple'"):
        multigraphs(2, 0, "simpel")
    with pytest.raises(ValueError, match="degree: got 0, expected at least 1"):
        multigraphs(0, 0, "simple")
    with pytest.raises(ValueError, match="roots: got 3"):
        multigraphs(1, 3)
