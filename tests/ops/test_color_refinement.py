from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor

from graphpoly.ops import (
    backends,
    color_refinement,
    label_names,
    mix64,
    stable_colors,
    to_csr,
)
from graphpoly.ops.color_refinement import color_rounds_reference, color_stable_reference
from tests.conftest import DEVICE
from tests.ops.graphs import SHAPES, random_csr

needs_kernels = pytest.mark.skipif(
    not backends()["cpp"]["available"], reason="the plain definition is too slow for this"
)


def refine_by_tuples(
    size: int, edges: list[tuple[int, int]], node: list[int], edge: list[int], rounds: int | None
) -> list[int]:
    """The partition by sorted tuples; until nothing changes where ``rounds`` is None."""
    color, done = list(node), 0
    while rounds is None or done < rounds:
        tuples = [
            (color[v], *sorted((color[u], edge[e]) for e, (u, w) in enumerate(edges) if w == v))
            for v in range(size)
        ]
        number = {value: k for k, value in enumerate(sorted(set(tuples)))}
        refined = [number[value] for value in tuples]
        if rounds is None and len(number) == len(set(color)):
            break
        color, done = refined, done + 1
    return color


def partition(colors: list[int]) -> list[int]:
    """Colours numbered in the order of their first node."""
    number: dict[int, int] = {}
    return [number.setdefault(color, len(number)) for color in colors]


def random_graph(seed: int) -> tuple[int, Tensor, Tensor | None, Tensor | None]:
    """Sparse or dense, directed or not, with loops and duplicates, labelled or not."""
    g = torch.Generator(DEVICE).manual_seed(seed)
    size = int(torch.randint(1, 14, (), generator=g))
    edges = int(torch.randint(0, 3 * size, (), generator=g))
    edge_index = torch.randint(0, size, (2, edges), generator=g)
    edge_label = torch.randint(0, 2, (edges,), generator=g)
    if seed % 3:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
        edge_label = edge_label.repeat(2)
    node_label = torch.randint(0, 2, (size,), generator=g)
    return (
        size,
        edge_index,
        node_label if seed % 2 else None,
        edge_label if seed % 5 > 1 else None,
    )


def check_against_tuples(seed: int) -> None:
    size, edge_index, node_label, edge_label = random_graph(seed)
    adj = to_csr(edge_index, num_nodes=size)
    labels = {"node_label": node_label, "edge_label": edge_label}
    edges = list(zip(*edge_index.tolist(), strict=True))
    node = [0] * size if node_label is None else node_label.tolist()
    edge = [0] * len(edges) if edge_label is None else edge_label.tolist()
    for rounds, colors in enumerate(color_refinement(adj, 3, **labels).tolist()):
        expected = refine_by_tuples(size, edges, node, edge, rounds)
        assert partition(colors) == partition(expected), (seed, rounds)
    expected = partition(refine_by_tuples(size, edges, node, edge, None))
    for limit in (0, 1, 32):
        color, _ = stable_colors(adj, **labels, limit=limit)
        assert partition(color.tolist()) == expected, (seed, limit)


def test_colors_are_those_of_sorted_tuples() -> None:
    for seed in range(200):
        check_against_tuples(seed)


@pytest.mark.slow
def test_colors_of_many_graphs_are_those_of_sorted_tuples() -> None:
    for seed in range(200, 10_200):
        check_against_tuples(seed)


@pytest.mark.parametrize("shape", [s for s in SHAPES if SHAPES[s][0] == SHAPES[s][1]])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_kernels_give_the_names_of_the_definition(shape, symmetric, wide) -> None:
    adj = random_csr(SHAPES[shape], weighted=False)
    if symmetric:
        both = torch.cat([adj.rows(), adj.col]), torch.cat([adj.col, adj.rows()])
        adj = to_csr(torch.stack(both).long(), num_nodes=adj.num_rows)
    index = torch.int64 if wide else torch.int32
    rowptr, col = adj.rowptr.to(index), adj.col.to(index)
    color = mix64(torch.arange(adj.num_rows) % 2)
    for edge in (None, mix64(torch.arange(adj.num_entries) % 3)):
        arguments = (rowptr, col, edge, color)
        found = torch.ops.graphpoly.color_rounds(*arguments, 4)
        assert torch.equal(found, color_rounds_reference(*arguments, 4))
        for limit in (0, 1, 2, 32):
            for one, other in zip(
                torch.ops.graphpoly.color_stable(*arguments, limit),
                color_stable_reference(*arguments, limit),
                strict=True,
            ):
                assert torch.equal(one, other)


def of(graph: nx.Graph) -> Tensor:
    graph = nx.convert_node_labels_to_integers(graph)
    pairs = torch.tensor(list(graph.edges)).reshape(-1, 2).T
    return torch.cat([pairs, pairs.flip(0)], 1)


def many_parts(*graphs: nx.Graph) -> tuple[Tensor, list[int]]:
    sizes = [graph.number_of_nodes() for graph in graphs]
    return of(nx.disjoint_union_all(graphs)), sizes


@pytest.mark.parametrize("limit", [0, 32])
def test_names_do_not_depend_on_what_else_is_there(limit) -> None:
    graphs = [nx.path_graph(90), nx.random_labeled_tree(70, seed=1), nx.grid_2d_graph(5, 9)]
    edge_index, sizes = many_parts(*graphs)
    together = stable_colors(to_csr(edge_index, num_nodes=sum(sizes)), limit=limit).color
    for graph, size, colors in zip(graphs, sizes, together.split(sizes), strict=True):
        alone = stable_colors(to_csr(of(graph), num_nodes=size), limit=limit).color
        assert torch.equal(alone, colors)


@pytest.mark.parametrize("limit", [0, 2, 32])
def test_names_survive_relabelling_and_covering(limit) -> None:
    """A cycle of wheels looks to each node like any longer one: equal colours in graphs of
    different sizes, and of different order."""
    for seed in range(10):
        base = nx.gnp_random_graph(12, 0.2, seed=seed)
        base.add_edges_from((i, i + 1) for i in range(11))
        cover = nx.Graph()
        for layer in range(3):
            cover.add_nodes_from((layer, v) for v in base)
        for number, (u, v) in enumerate(base.edges):
            turn = number % 3
            cover.add_edges_from(((layer, u), ((layer + turn) % 3, v)) for layer in range(3))
        one = stable_colors(to_csr(of(base), num_nodes=12), limit=limit).color
        other = stable_colors(to_csr(of(cover), num_nodes=36), limit=limit).color
        assert torch.equal(one.repeat(3), other)
        order = torch.randperm(36)
        shuffled = to_csr(order[of(cover)], num_nodes=36)
        assert torch.equal(stable_colors(shuffled, limit=limit).color[order], other)


def test_a_stable_name_says_how_the_graph_goes_on() -> None:
    """All nodes of a cycle and of a clique have one colour from the start, but not the same."""
    edge_index, sizes = many_parts(nx.cycle_graph(5), nx.complete_graph(5), nx.cycle_graph(3))
    color, rounds = stable_colors(to_csr(edge_index, num_nodes=sum(sizes)))
    assert partition(color.tolist()) == [0] * 5 + [1] * 5 + [0] * 3
    assert rounds.tolist() == [0] * 13


@needs_kernels
def test_long_and_wide_graphs_need_no_round_for_each_node() -> None:
    path = torch.stack([torch.arange(49_999), torch.arange(1, 50_000)])
    color, rounds = stable_colors(to_csr(torch.cat([path, path.flip(0)], 1), num_nodes=50_000))
    assert color.unique().numel() == 25_000
    assert torch.equal(color, color.flip(0))
    assert rounds.unique().tolist() == [-1]
    grid = of(nx.grid_2d_graph(90, 90))
    color, rounds = stable_colors(to_csr(grid, num_nodes=8100))
    assert color.unique().numel() == 45 * 46 // 2
    assert rounds.unique().tolist() == [-1]


@needs_kernels
def test_threads_change_nothing() -> None:
    torch.manual_seed(3)
    edge_index = torch.randint(0, 3000, (2, 30_000))
    edge_index = torch.cat([edge_index, edge_index.flip(0)], 1)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            adj = to_csr(edge_index, num_nodes=4000)
            found.append((color_refinement(adj, 3), *stable_colors(adj)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_equal_names_go_on_together() -> None:
    """Two nodes that share a colour when both their parts have settled, and not in the next."""
    check_against_tuples(392)


def test_names_are_those_of_version_1() -> None:
    """Stored names must mean the same for ever; a change needs a new COLOR_VERSION."""
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 0, 2, 3], [1, 0, 2, 1, 0, 2, 3, 2]])
    adj = to_csr(edge_index, num_nodes=4)
    label, edge = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1, 0, 0, 1, 1])
    plain = color_refinement(adj, 2)[2].tolist()
    labelled = color_refinement(adj, 2, node_label=label, edge_label=edge)[2].tolist()
    stable = stable_colors(adj, node_label=label).color.tolist()
    worklist = stable_colors(adj, edge_label=edge, limit=0).color.tolist()
    features = label_names(torch.tensor([[1.5, -2.0], [0.0, 3.0]])).tolist()
    assert {
        "plain": plain,
        "labelled": labelled,
        "stable": stable,
        "worklist": worklist,
        "features": features,
    } == GOLDEN


GOLDEN = {
    "plain": [3215442602683153561, 3215442602683153561, 1926813986824294168, -9064951476579646908],
    "labelled": [
        6569540225125798456,
        8025530930521490615,
        5517260236589579339,
        -6181786938710448001,
    ],
    "stable": [
        -5529376137202214994,
        6988353149585120070,
        -6817873465352191264,
        -8237048768519788734,
    ],
    "worklist": [
        635264174762528375,
        8242125883564102122,
        -1661820712703446347,
        -6212129001229106826,
    ],
    "features": [7749428993178521012, -8213539862093684618],
}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rounds": -1}, "rounds: got -1"),
        ({"rounds": 1, "node_label": torch.zeros(3)}, "node_label: got 3 rows for 2 nodes"),
        ({"rounds": 1, "edge_label": torch.zeros(3)}, "edge_label: got 3 for 1 edges"),
        ({"rounds": 1, "node_label": torch.tensor([0.0, torch.nan])}, "label: got NaN"),
    ],
)
def test_mistakes_are_named(arguments, message) -> None:
    adj = to_csr(torch.tensor([[0], [1]]), num_nodes=2)
    with pytest.raises(ValueError, match=message):
        color_refinement(adj, **arguments)


def test_a_rectangle_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a square"):
        stable_colors(random_csr(SHAPES["wide"]))
