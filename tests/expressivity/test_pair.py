from __future__ import annotations

import subprocess
import sys
from collections import Counter

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import PAIRS, compare, hard_pair, of_networkx, wl_certificate


def colors_by_tuples(graphs: list[nx.Graph], rounds: int) -> list[dict]:
    color = [dict.fromkeys(graph, ()) for graph in graphs]
    for _ in range(rounds):
        color = [
            {v: (c[v], tuple(sorted((c[u] for u in graph[v]), key=repr))) for v in graph}
            for c, graph in zip(color, graphs, strict=True)
        ]
    return color


def test_certificates_hold() -> None:
    """Checked against nested tuples: the first round, the counts, and what the witness hears."""
    checked = 0
    for seed in range(60):
        graphs = [nx.gnm_random_graph(8, 9, seed=2 * seed + i) for i in range(2)]
        certificate = wl_certificate(*(of_networkx(graph) for graph in graphs))
        for rounds in range(9):
            color = colors_by_tuples(graphs, rounds)
            counts = [Counter(c.values()) for c in color]
            if counts[0] != counts[1]:
                break
        else:
            assert certificate is None
            continue
        assert certificate is not None
        assert certificate.round == rounds
        graph, node = certificate.node
        witness = color[graph][node]
        assert certificate.counts == (counts[0][witness], counts[1][witness])
        assert certificate.counts[0] != certificate.counts[1]
        before = colors_by_tuples(graphs, rounds - 1)
        earlier = [Counter(c.values()) for c in before]
        shared = before[graph][node]
        assert certificate.previous == (earlier[0][shared], earlier[1][shared])
        assert certificate.previous[0] == certificate.previous[1]
        heard = Counter(before[graph][u] for u in graphs[graph][node])
        assert sorted(certificate.heard.values()) == sorted(heard.values())
        assert certificate.other is not None
        (other_graph, other), others = certificate.other
        assert before[other_graph][other] == shared
        assert color[other_graph][other] != witness
        assert certificate.heard != others
        assert f"node {node} of {'AB'[graph]}" in certificate.describe()
        checked += 1
    assert checked > 40


def test_certificates_hold_where_edges_have_labels() -> None:
    """What the witness hears differs, though the colours of its neighbours may be the same."""
    checked, alike = 0, 0
    for seed in range(40):
        skeleton = nx.gnm_random_graph(7, 8, seed=seed)
        draw = torch.Generator().manual_seed(seed)
        kinds = torch.randint(2, (2, 8), generator=draw)
        kinds[1] = kinds[0][torch.randperm(8, generator=draw)]
        graphs = []
        for row in kinds.tolist():
            nx.set_edge_attributes(skeleton, dict(zip(skeleton.edges, row, strict=True)), "kind")
            graphs.append(of_networkx(skeleton, label="kind"))
        certificate = wl_certificate(*graphs)
        if certificate is None or certificate.other is None:
            continue
        (_, _), others = certificate.other
        assert certificate.labelled
        assert certificate.heard != others
        assert "its neighbours and their edges have" in certificate.describe()
        plain = wl_certificate(*graphs, edge_features=False)
        assert plain is None or not plain.labelled
        graph, node = certificate.node
        data = graphs[graph]
        into = data.edge_index[1] == node
        assert sum(certificate.heard.values()) == int(into.sum())
        if certificate.round == 1:  # of one colour at first, so that labels alone are heard
            counts = Counter(data.edge_attr[into].flatten().tolist())
            assert sorted(certificate.heard.values()) == sorted(counts.values())
            alike += 1
        checked += 1
    assert checked > 20
    assert alike > 10


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "cfi-k5" else ()) for name in PAIRS],
)
def test_the_first_test_of_each_pair(name) -> None:
    first = PAIRS[name][1]
    found = compare(*hard_pair(name))
    assert not found.tests["1-WL"]
    if first == "2-FWL":
        assert found.separated_by in ("δ-2-LWL", "2-FWL")
        assert compare_without_local(name) == "2-FWL"
    else:
        assert found.separated_by == (first if first == "3-FWL" else None)
    if found.separated_by is not None:
        assert found.isomorphic is False
        assert "have different colours" in found.witness


def test_neighborhoods_stand_beside_the_ladder() -> None:
    """Above 2-FWL on local graphs that differ, below it where the difference is far away."""
    assert compare(*hard_pair("sr16622")).beside == {"N1": True, "N2": True}
    long = [nx.cycle_graph(20), nx.disjoint_union(nx.cycle_graph(10), nx.cycle_graph(10))]
    found = compare(*(of_networkx(graph) for graph in long))
    assert found.separated_by in ("δ-2-LWL", "2-FWL")
    assert found.beside == {"N1": False, "N2": False}
    path, star = (of_networkx(graph) for graph in (nx.path_graph(4), nx.star_graph(3)))
    assert compare(path, star).beside == {}


def compare_without_local(name: str) -> str:
    from graphpoly.expressivity import tuple_colors

    one, other = tuple_colors(list(hard_pair(name)), 2).graph.tolist()
    return "2-FWL" if one != other else "none"


def test_isomorphic_graphs_are_found_equal() -> None:
    one = of_networkx(nx.gnp_random_graph(12, 0.4, seed=5))
    other = Data(edge_index=torch.randperm(12)[one.edge_index], num_nodes=12)
    found = compare(one, other)
    assert (found.separated_by, found.isomorphic) == (None, True)
    assert found.tests == {"1-WL": False, "δ-2-LWL": False, "2-FWL": False, "3-FWL": False}


def test_sizes_and_labels_part_first() -> None:
    path, star = of_networkx(nx.path_graph(4)), of_networkx(nx.star_graph(3))
    assert compare(path, of_networkx(nx.path_graph(5))).separated_by == "size"
    found = compare(path, star)
    assert (found.separated_by, found.round) == ("1-WL", 1)
    path.x, other = torch.tensor([0, 0, 0, 1]), of_networkx(nx.path_graph(4))
    other.x = torch.tensor([0, 1, 0, 0])
    assert compare(path, other).round == 1
    other.x = torch.tensor([0, 0, 0, 2])
    found = compare(path, other)
    assert (found.round, found.certificate.other) == (0, None)
    assert compare(path, other, features=False).isomorphic is True


def test_edges_are_counted_as_they_are_meant() -> None:
    ring, path = of_networkx(nx.cycle_graph(6)), of_networkx(nx.path_graph(6))
    assert compare(ring, path).witness == "A has 6 nodes and 6 edges, B 6 and 5"
    one_way = of_networkx(nx.DiGraph([(0, 1), (1, 2)]))
    loop = of_networkx(nx.Graph([(0, 1), (2, 2)]))
    each = "edges, each direction counted"
    assert compare(one_way, loop).witness == f"A has 3 nodes and 2 {each}, B 3 and 3"
    again = of_networkx(nx.MultiGraph([(0, 1), (0, 1), (1, 2)]))
    assert compare(again, of_networkx(nx.path_graph(3))).witness.startswith("A has 3 nodes and 3 e")


def test_long_paths_part_late() -> None:
    """A leaf at one place or at the next: no node sees an end and the leaf before many rounds."""
    graphs = []
    for place in (30, 31):
        graph = nx.path_graph(100)
        graph.add_edge(place, "leaf")
        graphs.append(of_networkx(graph))
    certificate = wl_certificate(*graphs)
    color = (
        [Counter(c.values()) for c in _numbered(graphs, certificate.round)],
        [Counter(c.values()) for c in _numbered(graphs, certificate.round - 1)],
    )
    assert color[0][0] != color[0][1]
    assert color[1][0] == color[1][1]
    assert certificate.round > 10


def _numbered(graphs: list[Data], rounds: int) -> list[dict[int, int]]:
    """Colours by sorted tuples, numbered through both graphs."""
    near: list[dict[int, list[int]]] = []
    for data in graphs:
        held: dict[int, list[int]] = {v: [] for v in range(data.num_nodes)}
        for u, v in data.edge_index.T.tolist():
            held[v].append(u)
        near.append(held)
    color = [dict.fromkeys(held, 0) for held in near]
    for _ in range(rounds):
        tuples = [
            {v: (c[v], *sorted(c[u] for u in held[v])) for v in held}
            for c, held in zip(color, near, strict=True)
        ]
        names = {t: i for i, t in enumerate(sorted({t for each in tuples for t in each.values()}))}
        color = [{v: names[t] for v, t in each.items()} for each in tuples]
    return color


def test_large_graphs_skip_tuples() -> None:
    one, other = of_networkx(nx.cycle_graph(500)), of_networkx(nx.cycle_graph(500))
    found = compare(one, other)
    assert set(found.skipped) == {"δ-2-LWL", "2-FWL", "3-FWL"}
    assert found.isomorphic is None


def test_one_graph_with_labels_is_refused() -> None:
    one, other = hard_pair("hexagon")
    one.x = torch.zeros(6)
    with pytest.raises(ValueError, match=r"graphs\[1\] has no x"):
        compare(one, other)


_LONG = """
import resource, sys, torch
from torch_geometric.data import Data
from graphpoly.expressivity import wl_certificate
n = int(sys.argv[1])
graphs = []
for place in (n // 3, n // 3 + 1):
    edges = torch.stack([torch.arange(n - 1), torch.arange(1, n)])
    edges = torch.cat([edges, torch.tensor([[place], [n]])], 1)
    graphs.append(Data(edge_index=torch.cat([edges, edges.flip(0)], 1), num_nodes=n + 1))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(wl_certificate(*graphs).round, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "size", [4000, pytest.param(40_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_a_certificate_keeps_few_rounds(size) -> None:
    """A leaf moved by a place, far from both ends: as many rounds as the near end is away."""
    words = [sys.executable, "-c", _LONG, str(size)]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    # what lies midway between the near end and the leaf has heard of both
    assert int(found[0]) == size // 3 // 2 + 2
    assert int(found[1]) < 300 * 1024  # KiB
