from __future__ import annotations

import itertools
from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import load_graph_data
from graphpoly.expressivity import (
    PAIRS,
    GraphSet,
    cfi_pair,
    csl_family,
    hard_pair,
    of_networkx,
    tuple_colors,
    wl_colors,
)
from tests.ops.test_color_refinement import partition


def apart(pair: tuple[Data, Data], k: int, rule: str) -> bool:
    one, other = tuple_colors(list(pair), k, rule).graph.tolist()
    return bool(one != other)


@pytest.mark.parametrize("name", PAIRS)
def test_known_results(name) -> None:
    first, pair = PAIRS[name][1], hard_pair(name)
    one, other = wl_colors(list(pair), verify=True).graph.tolist()
    assert one == other
    assert apart(pair, 2, "folklore") == (first == "2-FWL")
    if pair[0].num_nodes <= 40 or first == "3-FWL":
        assert apart(pair, 3, "folklore") == (first in ("2-FWL", "3-FWL"))
        # oblivious 3-WL is folklore 2-WL
        assert apart(pair, 3, "oblivious") == (first == "2-FWL")
    assert not apart(pair, 2, "oblivious")


def stacked(adjacency: torch.Tensor) -> GraphSet:
    """Graphs of one size from their matrices."""
    count, size, _ = adjacency.shape
    graph, source, target = adjacency.nonzero().T
    edge_index = graph * size + torch.stack([source, target])
    return GraphSet(edge_index, torch.arange(count + 1) * size)


def with_one_node_more(adjacency: torch.Tensor) -> torch.Tensor:
    """Every graph with a further node, joined in every way."""
    size = adjacency.size(1)
    joined = torch.arange(2**size).unsqueeze(1) >> torch.arange(size) & 1
    whole = torch.zeros(adjacency.size(0), 2**size, size + 1, size + 1, dtype=torch.int64)
    whole[:, :, :size, :size] = adjacency.unsqueeze(1)
    whole[:, :, size, :size] = whole[:, :, :size, size] = joined
    return whole.flatten(0, 1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("size", "count", "classes"), [(8, 12346, 12095), (9, 274668, 271941)])
def test_pairs_tell_all_small_graphs_apart(size, count, classes) -> None:
    """All graphs with 8 and 9 nodes, made from those with 7; nodes alone tell fewer apart."""
    atlas = [nx.to_numpy_array(g, dtype=int) for g in nx.graph_atlas_g() if len(g) == 7]
    graphs = torch.from_numpy(np.stack(atlas))
    for _ in range(7, size):
        kept, names = [], torch.empty(0, dtype=torch.int64)
        for block in graphs.split(500):
            made = with_one_node_more(block)
            found = tuple_colors(stacked(made), 2).graph
            first = torch.from_numpy(np.unique(found.numpy(), return_index=True)[1])
            first = first[~torch.isin(found[first], names)]
            kept.append(made[first])
            names = torch.cat([names, found[first]])
        graphs = torch.cat(kept)
    assert graphs.size(0) == count
    assert wl_colors(stacked(graphs)).graph.unique().numel() == classes


def test_skip_links() -> None:
    graphs = csl_family()
    assert wl_colors(graphs).graph.unique().numel() == 1
    assert tuple_colors(graphs, 2).graph.unique().numel() == 10
    assert tuple_colors(graphs, 2, "local").graph.unique().numel() == 10


@pytest.mark.data
def test_strongly_regular_families(data_root) -> None:
    graphs = load_graph_data("sr251256", data_root)
    assert len(graphs) == 15
    assert wl_colors(graphs).graph.unique().numel() == 1
    assert tuple_colors(graphs, 2).graph.unique().numel() == 1
    assert tuple_colors(graphs, 3).graph.unique().numel() == 15


@pytest.mark.data
@pytest.mark.parametrize(("name", "pairs"), [("EXP", 0), ("CEXP", 300)])
def test_satisfiability_pairs(data_root, name, pairs) -> None:
    graphs = load_graph_data(name, data_root)
    one, other = wl_colors(graphs).graph.view(-1, 2).T
    assert int((one != other).sum()) == pairs
    one, other = tuple_colors(graphs, 2).graph.view(-1, 2).T
    assert int((one != other).sum()) == 600


def test_wider_bases_need_higher_dimensions() -> None:
    # k-FWL parts the pair over a base of treewidth k, and none of larger treewidth; the pentagonal
    # prism has 4 (it is one of the four obstructions to 3), the triangular one 3
    for sides, k in ((3, 3), (5, 4)):
        pair = cfi_pair(nx.circular_ladder_graph(sides))
        assert [apart(pair, j, "folklore") for j in (2, 3)] == [j >= k for j in (2, 3)]


def by_tuples(data: Data, k: int, rule: str) -> Counter:
    """Stable colours of k-tuples from sorted tuples: nested values, so that graphs compare."""
    size = int(data.num_nodes or 0)
    edges = Counter(map(tuple, data.edge_index.T.tolist()))
    x = [0] * size if data.x is None else data.x.tolist()

    def kind(t: tuple[int, ...]) -> tuple:
        return tuple((u == v, edges[u, v], edges[v, u], x[u], x[v]) for u in t for v in t)

    every = list(itertools.product(range(size), repeat=k))
    color = {t: hash(kind(t)) for t in every}
    near = {v: {u for u in range(size) if edges[u, v] or edges[v, u]} for v in range(size)}
    for _ in range(4):
        new = {}
        for t in every:

            def put(j: int, w: int, t: tuple = t, color: dict = color) -> int:
                return color[(*t[:j], w, *t[j + 1 :])]

            if rule == "folklore":
                seen = tuple(sorted(tuple(put(j, w) for j in range(k)) for w in range(size)))
            elif rule == "oblivious":
                seen = tuple(tuple(sorted(put(j, w) for w in range(size))) for j in range(k))
            else:
                seen = tuple(tuple(sorted(put(j, w) for w in near[t[j]])) for j in range(k))
                if rule == "delta":
                    far = [set(range(size)) - near[v] for v in t]
                    seen += tuple(tuple(sorted(put(j, w) for w in far[j])) for j in range(k))
            new[t] = hash((color[t], seen))
        color = new
    return Counter(color.values())


@pytest.mark.parametrize("rule", ["oblivious", "folklore", "local", "delta"])
@pytest.mark.parametrize("k", [2, 3])
def test_rounds_are_those_of_sorted_tuples(k, rule) -> None:
    graphs = []
    for seed in range(24):
        n = 3 + seed % 2
        graph = of_networkx(nx.gnp_random_graph(n, 0.5, seed=seed, directed=seed % 3 == 0))
        graph.x = torch.arange(n) % (1 + seed % 2)
        graphs.append(graph)
    names = tuple_colors(graphs, k, rule, rounds=4)
    expected = [frozenset(by_tuples(graph, k, rule).items()) for graph in graphs]
    number = {value: i for i, value in enumerate(set(expected))}
    assert partition(names.graph[4].tolist()) == partition([number[value] for value in expected])
    for graph, classes in zip(graphs, names.classes.tolist(), strict=True):
        assert classes == len(by_tuples(graph, k, rule))
    stable = tuple_colors(graphs, k, rule)
    assert int(stable.rounds.max()) <= 3
    assert torch.equal(stable.classes, names.classes)


@pytest.mark.parametrize("rule", ["oblivious", "folklore", "local", "delta"])
def test_names_do_not_depend_on_company_or_order(rule) -> None:
    data = of_networkx(nx.gnp_random_graph(9, 0.4, seed=2))
    order = torch.randperm(9)
    moved = Data(edge_index=order[data.edge_index], num_nodes=9)
    other = of_networkx(nx.path_graph(9))
    one, *_, last = tuple_colors([data, other, moved], 2, rule).graph.tolist()
    assert one == last == int(tuple_colors(data, 2, rule).graph)


def test_folklore_sees_the_complement_alike() -> None:
    graphs = [of_networkx(g) for g in nx.graph_atlas_g()[53:120]]
    flipped = [of_networkx(nx.complement(g)) for g in nx.graph_atlas_g()[53:120]]
    names, others = (tuple_colors(each, 2).graph.tolist() for each in (graphs, flipped))
    assert partition(names) == partition(others)


def test_graphs_without_nodes_are_equal() -> None:
    nothing = Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=0)
    one, other, last = tuple_colors(
        [nothing, of_networkx(nx.path_graph(1)), nothing]
    ).graph.tolist()
    assert one == last != other


def test_mistakes_are_named() -> None:
    data = of_networkx(nx.path_graph(3))
    with pytest.raises(ValueError, match="k: got 4"):
        tuple_colors(data, 4)
    with pytest.raises(ValueError, match="did you mean 'folklore'"):
        tuple_colors(data, 2, "folklor")
