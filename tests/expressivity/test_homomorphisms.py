from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.expressivity import (
    GraphSet,
    hard_pair,
    homomorphism_counts,
    homomorphisms,
    of_networkx,
    spasm,
    subgraph_counts,
    tuple_colors,
    wl_colors,
)
from graphpoly.ops import Multigraph, contraction_plan
from tests.expressivity.test_tuples import stacked, with_one_node_more

PATTERNS = {
    **{f"C{k}": nx.cycle_graph(k) for k in range(3, 8)},
    **{f"P{k}": nx.path_graph(k) for k in range(2, 7)},
    "K4": nx.complete_graph(4),
    "K5": nx.complete_graph(5),
    "K23": nx.complete_bipartite_graph(2, 3),
    "K14": nx.star_graph(4),
    "bull": nx.bull_graph(),
    "diamond": nx.diamond_graph(),
    "prism": nx.circular_ladder_graph(3),
    "two edges": nx.Graph([(0, 1), (2, 3)]),
}
GRAPHS = [
    nx.gnp_random_graph(8, 0.5, seed=0),
    nx.empty_graph(3),
    nx.petersen_graph(),
    nx.gnm_random_graph(9, 20, seed=1),
    nx.complete_graph(6),
    nx.path_graph(1),
]
DATA = [of_networkx(graph) for graph in GRAPHS]


def by_trying(pattern: nx.Graph, graph: nx.Graph, one_to_one: bool = False) -> int:
    """Map node after node in every way."""
    order = [*pattern]

    def extend(image: dict) -> int:
        if len(image) == len(order):
            return 1
        node = order[len(image)]
        near = [image[v] for v in pattern[node] if v in image]
        ways = [v for v in graph if all(graph.has_edge(u, v) for u in near)]
        ways = [v for v in ways if not one_to_one or v not in image.values()]
        return sum(extend({**image, node: v}) for v in ways)

    return extend({})


def tree_counts(graphs: list[Data] | GraphSet, largest: int = 8) -> torch.Tensor:
    """Of all trees with 2 nodes and more; that with one counts nodes, which are as many."""
    trees = [tree for n in range(2, largest + 1) for tree in nx.nonisomorphic_trees(n)]
    assert len(trees) == {8: 48, 9: 95}[largest] - 1
    return homomorphism_counts(trees, graphs)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_way_to_map(name) -> None:
    pattern = PATTERNS[name]
    graphs = [graph for graph in GRAPHS if len(graph) < 9 or len(pattern) < 7]
    found = homomorphism_counts(pattern, [of_networkx(graph) for graph in graphs])
    assert found.tolist() == [by_trying(pattern, graph) for graph in graphs]


@pytest.mark.parametrize("name", PATTERNS)
def test_every_subgraph(name) -> None:
    pattern = PATTERNS[name]
    same = by_trying(pattern, pattern, one_to_one=True)
    expected = [by_trying(pattern, graph, one_to_one=True) / same for graph in GRAPHS]
    assert subgraph_counts(pattern, DATA).tolist() == expected


def test_isomorphisms_of_networkx() -> None:
    """All simple cycles, as networkx lists them."""
    graph = nx.gnm_random_graph(16, 40, seed=3)
    lengths = [len(cycle) for cycle in nx.simple_cycles(graph, length_bound=7)]
    cycles = [nx.cycle_graph(k) for k in range(3, 8)]
    found = subgraph_counts(cycles, of_networkx(graph))
    assert found.tolist() == [[lengths.count(k) for k in range(3, 8)]]


def test_roots_say_where() -> None:
    graph = nx.gnm_random_graph(9, 16, seed=2)
    data = of_networkx(graph)
    triangles = subgraph_counts("ab,bc,ca->a", data)
    assert triangles.tolist() == [nx.triangles(graph)[v] for v in range(9)]
    middle = subgraph_counts("ab,ac->a", data)
    assert middle.tolist() == [d * (d - 1) / 2 for _, d in sorted(graph.degree)]
    end = subgraph_counts("ab,bc->a", data)
    assert end.sum() == 2 * middle.sum()
    # each pattern with a root sums up to the pattern without
    for text in ("ab,bc,cd,da->", "ab,bc,ca,cd->", "ab,bc,ca,ad,bd,cd->"):
        counts = homomorphism_counts(text + "a", DATA)
        batch = Batch.from_data_list(DATA).batch
        whole = torch.zeros(len(DATA), dtype=torch.float64).index_add(0, batch, counts)
        assert torch.equal(whole, homomorphism_counts(text, DATA))


def test_directions() -> None:
    graph = nx.gnp_random_graph(7, 0.4, seed=4, directed=True)
    data = Data(edge_index=torch.tensor(list(graph.edges)).T, num_nodes=7)
    around, through = nx.DiGraph([(0, 1), (1, 2), (2, 0)]), nx.DiGraph([(0, 1), (1, 2), (0, 2)])
    listed = [[*itertools.permutations(range(7), 3)]] * 2
    expected = [
        sum(all(graph.has_edge(way[u], way[v]) for u, v in p.edges) for way in ways)
        for p, ways in zip((around, through), listed, strict=True)
    ]
    assert homomorphism_counts([around, through], data)[0].tolist() == expected
    assert subgraph_counts([around, through], data)[0].tolist() == [expected[0] / 3, expected[1]]


def test_ways_to_count_agree(monkeypatch) -> None:
    """Matrices of small graphs, one large graph after another, cliques."""
    graphs = [nx.gnp_random_graph(n, 0.3, seed=n) for n in (12, 30, 21, 5)]
    data = [of_networkx(graph) for graph in graphs]
    patterns = list(PATTERNS.values())
    small = subgraph_counts(patterns, data)
    monkeypatch.setattr(homomorphisms, "_SMALL", 10)
    assert torch.equal(subgraph_counts(patterns, data), small)
    monkeypatch.setattr(homomorphisms, "_is_clique", lambda one: False)
    assert torch.equal(subgraph_counts(patterns, data), small)
    monkeypatch.setattr(homomorphisms, "_SMALL", 256)
    monkeypatch.setattr(homomorphisms, "_AT_ONCE", 1000)
    assert torch.equal(subgraph_counts(patterns, data), small)


def test_treewidth_of_cycles_and_their_like() -> None:
    """Pairs of nodes count cycles up to length 7."""
    for k, width in zip(range(3, 9), (2, 2, 2, 2, 2, 3), strict=True):
        parts = spasm(Multigraph.of(nx.cycle_graph(k).edges))
        assert max(contraction_plan(one).width for one in parts) == width


def test_loops_and_repetitions() -> None:
    looped = Data(edge_index=torch.tensor([[0, 1, 1, 0, 1, 0], [1, 0, 1, 1, 2, 1]]), num_nodes=3)
    plain = Data(edge_index=torch.tensor([[0, 1, 1], [1, 0, 2]]), num_nodes=3)
    assert homomorphism_counts("ab,bc,ca->", [looped, plain]).tolist() == [4, 0]
    assert torch.equal(subgraph_counts("ab,bc->", looped), subgraph_counts("ab,bc->", plain))


def equal_pairs(names: list[int]) -> list[tuple[int, int]]:
    same: dict[int, list[int]] = {}
    for i, name in enumerate(names):
        same.setdefault(name, []).append(i)
    return [pair for group in same.values() for pair in itertools.combinations(group, 2)]


def test_trees_see_what_refinement_sees() -> None:
    """All graphs with up to 7 nodes; two pairs need a tree with 9."""
    for size, pairs, further in ((5, 0, 0), (6, 4, 0), (7, 22, 2)):
        graphs = [of_networkx(g) for g in nx.graph_atlas_g() if len(g) == size]
        names = equal_pairs(wl_colors(graphs).graph.tolist())
        assert len(names) == pairs
        for largest, more in ((8, further), (9, 0)):
            _, row = tree_counts(graphs, largest).unique(dim=0, return_inverse=True)
            rows = equal_pairs(row.tolist())
            assert set(names) <= set(rows)
            assert len(rows) == pairs + more


@pytest.mark.parametrize("name", ["hexagon", "molecules", "k33-prism", "csl", "sr16622", "cfi-k4"])
def test_trees_on_hard_pairs(name) -> None:
    one, other = tree_counts(list(hard_pair(name)))
    assert torch.equal(one, other)


@pytest.mark.slow
def test_trees_on_all_pairs_of_8_nodes() -> None:
    """No tree tells apart the 312 connected pairs that 1-WL does not; closed walks do."""
    atlas = [nx.to_numpy_array(g, dtype=int) for g in nx.graph_atlas_g() if len(g) == 7]
    matrices = with_one_node_more(torch.stack([torch.from_numpy(one) for one in atlas]))
    graphs = stacked(matrices)
    names = tuple_colors(graphs, 2).graph.tolist()
    first = {name: i for i, name in enumerate(names)}
    graphs = graphs.select(torch.tensor(sorted(first.values())))
    assert graphs.num_graphs == 12346
    walks = torch.matrix_power(
        matrices[sorted(first.values())] + torch.eye(8, dtype=torch.int64), 7
    )
    connected = (walks > 0).all(2).all(1)
    graphs = graphs.select(connected.nonzero().flatten())
    pairs = torch.tensor(equal_pairs(wl_colors(graphs).graph.tolist()))
    assert len(pairs) == 312
    counts = tree_counts(graphs)
    assert torch.equal(counts[pairs[:, 0]], counts[pairs[:, 1]])
    cycles = homomorphism_counts([nx.cycle_graph(k) for k in range(3, 9)], graphs)
    assert (cycles[pairs[:, 0]] != cycles[pairs[:, 1]]).any(1).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="got ab->a, ab->; one root each"):
        homomorphism_counts(["ab->a", "ab->"], DATA)
    with pytest.raises(ValueError, match="one root each"):
        homomorphism_counts("ab->ab", DATA)
    with pytest.raises(ValueError, match="got aa->, expected neither loops nor"):
        subgraph_counts("aa->", DATA)
    with pytest.raises(ValueError, match="a node without an edge"):
        homomorphism_counts(nx.empty_graph(2), DATA)
    with pytest.raises(ValueError, match="treewidth 3 on 1000 nodes is too large"):
        homomorphism_counts("ab,bc,ca,ad,bd,cd,aa->", of_networkx(nx.path_graph(1000)))
