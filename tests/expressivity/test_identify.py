from __future__ import annotations

from collections import Counter
from dataclasses import replace

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import load_graph_data
from graphpoly.expressivity import (
    Level,
    accuracy_bound,
    csl_family,
    hard_pair,
    identify,
    of_networkx,
    r2_bound,
    unique_share,
    verdict,
)


def test_bounds_are_those_of_the_best_function_of_the_colour() -> None:
    color, target = torch.randint(0, 12, (200,)), torch.randint(-2, 3, (200,))
    best = sum(
        Counter(target[color == c].tolist()).most_common(1)[0][1] for c in color.unique().tolist()
    )
    assert accuracy_bound(color, target) == best / 200
    values = torch.randn(200, dtype=torch.float64)
    fitted = torch.stack([values[color == c].mean() for c in color.tolist()])
    residual = (values - fitted).square().sum() / (values - values.mean()).square().sum()
    assert r2_bound(color, values) == pytest.approx(1 - float(residual), abs=1e-12)
    alone = [int((color == c).sum()) == 1 for c in color.tolist()]
    assert unique_share(color) == sum(alone) / 200


def test_constant_targets_and_empty_sets() -> None:
    assert r2_bound(torch.tensor([1, 2]), torch.tensor([3.0, 3.0])) == 1
    empty = torch.empty(0, dtype=torch.int64)
    assert unique_share(empty) == accuracy_bound(empty, empty) == 1


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 76_000.1])
@pytest.mark.parametrize("count", [3, 7, 1000])
def test_equal_targets_are_fitted_exactly(value: float, count: int) -> None:
    """Whatever their mean is rounded to."""
    target = torch.full((count,), value, dtype=torch.float64)
    color = torch.zeros(count, dtype=torch.int64)
    assert r2_bound(color, target) == 1
    other = torch.cat([target, target + 1e-6])
    assert r2_bound(torch.cat([color, color + 1]), other) == 1
    assert r2_bound(torch.zeros(2 * count, dtype=torch.int64), other) == 0


def test_levels_of_hard_graphs() -> None:
    graphs = [*csl_family(), *hard_pair("sr16622"), *hard_pair("hexagon")]
    for number, graph in enumerate(graphs):
        graph.y = torch.tensor([number])
    levels = identify(graphs)
    assert [(level.test, level.rounds, level.graph_classes) for level in levels] == [
        ("1-WL", 0, 3),  # by size
        ("1-WL", 1, 3),
        ("1-WL", None, 3),
        ("2-FWL", None, 13),
    ]
    assert [level.node_classes for level in levels] == [1, 3, 3, None]
    assert levels[2].accuracy_bound == pytest.approx(3 / 14)
    assert levels[3].graph_unique == pytest.approx(12 / 14)


def test_rounds_stop_when_nothing_changes() -> None:
    levels = identify([of_networkx(nx.path_graph(9))], features=(False,))
    assert [level.rounds for level in levels if level.test == "1-WL"] == [0, 1, 2, 3, 4, None]
    assert [level.node_classes for level in levels[:6]] == [1, 2, 3, 4, 5, 5]


def test_one_graph_is_judged_by_its_nodes() -> None:
    graph = of_networkx(nx.star_graph(3))
    graph.x, graph.y = torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.tensor([0, 1, 1, 0])
    found = {(level.features, level.rounds): level for level in identify(graph, pairs=False)}
    assert found[False, 0].accuracy_bound == 0.5
    assert found[False, 1].accuracy_bound == 0.75
    assert found[True, 1].accuracy_bound == 1
    assert found[True, 1].node_unique == 0.5


def test_numbers_are_bounded_by_r2() -> None:
    graphs = [of_networkx(nx.path_graph(n)) for n in (3, 3, 4, 4)]
    for graph, y in zip(graphs, (0.5, 1.25, 5.0, 5.0), strict=True):
        graph.y = torch.tensor([y])
    level = identify(graphs)[-1]
    assert level.accuracy_bound is None
    expected = r2_bound(torch.tensor([0, 0, 1, 1]), torch.tensor([0.5, 1.25, 5.0, 5.0]))
    assert level.r2_bound == pytest.approx(expected)


def test_labels_that_are_not_known_bound_nothing() -> None:
    """NaN is one: a level is that of the graphs, or nodes, whose label there is."""
    for known in ((0.5, 1.25, 5.0, 5.0), (0.0, 1.0, 1.0, 1.0)):
        graphs = [of_networkx(nx.path_graph(n)) for n in (3, 3, 4, 4, 3, 4)]
        for graph, y in zip(graphs, (*known, float("nan"), float("nan")), strict=True):
            graph.y = torch.tensor([y])
        for found, wanted in zip(identify(graphs), identify(graphs[:4]), strict=True):
            assert found.accuracy_bound == wanted.accuracy_bound
            assert found.r2_bound == wanted.r2_bound
        for graph in graphs:
            graph.y = torch.tensor([float("nan")])
        assert {(each.accuracy_bound, each.r2_bound) for each in identify(graphs)} == {(None, None)}
    star = of_networkx(nx.star_graph(3))
    star.y = torch.tensor([0.0, 1.0, 1.0, float("nan")])
    assert (identify(star)[-1].accuracy_bound, identify(star)[-1].r2_bound) == (None, 1)


@pytest.mark.parametrize("column", [False, True])
def test_nodes_without_a_class_bound_nothing(column: bool) -> None:
    """Of the classes of nodes it is a number below 0, here as in a division."""
    graph = of_networkx(nx.disjoint_union(nx.star_graph(5), nx.path_graph(4)))
    y = torch.tensor([-1, 0, 1, 1, -1, -1, 2, -1, -1, 0])
    graph.y = y.unsqueeze(1) if column else y
    colors = {0: [0] * 10, 1: [0, 1, 1, 1, 1, 1, 1, 2, 2, 1]}
    found = {level.rounds: level for level in identify(graph, rounds=1)}
    for rounds, color in colors.items():
        known = [(c, label) for c, label in zip(color, y.tolist(), strict=True) if label >= 0]
        best = {c: Counter(label for d, label in known if d == c) for c, _ in known}
        fitted = sum(each.most_common(1)[0][1] for each in best.values())
        assert found[rounds].accuracy_bound == fitted / len(known)
    graph.y = torch.full((10,), -1)
    assert {each.accuracy_bound for each in identify(graph)} == {None}


def test_large_graphs_have_no_level_of_pairs() -> None:
    graphs = [of_networkx(nx.cycle_graph(450))] * 2
    assert "2-FWL" not in {level.test for level in identify(graphs)}


# share of graphs identified after 0, 1, ... rounds, classes and bound of the stable colours
PUBLISHED = {
    ("MUTAG", False): ([0.0053, 0.096, 0.436, 0.553, 0.5798], 139, 0.9681),
    ("MUTAG", True): ([0.218, 0.282, 0.809, 0.840, 0.8723], 175, 1.0),
    ("ENZYMES", False): ([0.030, 0.955, 0.983], 595, 1.0),
    ("PROTEINS", False): ([0.048, 0.764, 0.864], 996, 0.975),
    ("PROTEINS", True): ([0.499, 0.943], 1069, 0.997),
}


@pytest.mark.data
@pytest.mark.parametrize(("name", "features"), PUBLISHED)
def test_shares_of_molecules_and_proteins(data_root, name, features) -> None:
    shares, classes, bound = PUBLISHED[name, features]
    graphs = load_graph_data(name, data_root)
    # the measured table sees labels of nodes alone
    data = [Data(x=g.x, edge_index=g.edge_index, y=g.y, num_nodes=g.num_nodes) for g in graphs]
    levels = identify(data, features=(features,), pairs=False)
    for level, share in zip(levels, shares, strict=False):
        assert level.graph_unique == pytest.approx(share, abs=6e-4)
    assert levels[-1].graph_classes == classes
    if bound is not None:
        assert levels[-1].accuracy_bound == pytest.approx(bound, abs=6e-4)


@pytest.mark.data
@pytest.mark.parametrize("name", ["PTC_MR", "ENZYMES", "IMDB-BINARY"])
def test_rounds_are_those_of_nested_tuples(data_root, name) -> None:
    graphs = load_graph_data(name, data_root)
    near, color = [], []
    for data in graphs:
        held: list[list[int]] = [[] for _ in range(data.num_nodes)]
        for u, v in data.edge_index.T.tolist():
            held[v].append(u)
        near.append(held)
        plain = data.x is None
        color.append([0] * data.num_nodes if plain else list(map(tuple, data.x.tolist())))
    levels = identify(
        [Data(x=g.x, edge_index=g.edge_index, y=g.y, num_nodes=g.num_nodes) for g in graphs],
        features=(graphs[0].x is not None,),
        pairs=False,
    )
    for level in levels[:3]:
        whole = [tuple(sorted(c)) for c in color]
        count = Counter(whole)
        assert level.graph_classes == len(count)
        assert level.graph_unique == pytest.approx(sum(count[c] == 1 for c in whole) / len(whole))
        best: dict[tuple, Counter] = {}
        for c, data in zip(whole, graphs, strict=True):
            best.setdefault(c, Counter())[int(data.y)] += 1
        bound = sum(max(each.values()) for each in best.values()) / len(whole)
        assert level.accuracy_bound == pytest.approx(bound)
        color = [
            [hash((c[v], tuple(sorted(c[u] for u in held[v])))) for v in range(len(c))]
            for c, held in zip(color, near, strict=True)
        ]


def test_the_verdict_is_what_the_bounds_say() -> None:
    level = Level("1-WL", False, None, 2, 0.5, 2, 0.5, 0.75, None)
    pairs = replace(level, test="2-FWL", accuracy_bound=0.9)
    found = verdict([level, pairs])
    assert "raise the accuracy on this data by at most 25.00 points: 1-WL allows 75.00 %" in found
    assert "models bounded by 2-FWL gain 15.00 points at most" in found
    assert "2-FWL" not in verdict([level])
    assert "cannot fit this data better" in verdict([replace(level, accuracy_bound=1.0)])
    numbers = replace(level, accuracy_bound=None, r2_bound=0.5)
    assert "raise the R^2 on this data by at most 50.00 points" in verdict([numbers])
    assert "cannot be said" in verdict([replace(level, accuracy_bound=None)])
    labelled = replace(level, features=True, accuracy_bound=1.0)
    assert "cannot fit this data better" in verdict([level, labelled])
