from __future__ import annotations

import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import (
    SUBSTRUCTURES,
    hard_pair,
    of_networkx,
    substructure_colors,
    substructure_counts,
    substructures,
)

SHAPES = {
    (3, "path"): nx.path_graph(3),
    (3, "triangle"): nx.complete_graph(3),
    (4, "path"): nx.path_graph(4),
    (4, "star"): nx.star_graph(3),
    (4, "cycle"): nx.cycle_graph(4),
    (4, "paw"): nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3)]),
    (4, "diamond"): nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 0)]),
    (4, "clique"): nx.complete_graph(4),
}


def by_enumeration(graph: nx.Graph, size: int) -> list[list[int]]:
    names = SUBSTRUCTURES[size]
    out = [[0] * len(names) for _ in graph]
    for nodes in itertools.combinations(graph, size):
        part = graph.subgraph(nodes)
        for i, name in enumerate(names):
            if nx.is_isomorphic(part, SHAPES[size, name]):
                for v in nodes:
                    out[v][i] += 1
    return out


@pytest.mark.parametrize("size", [3, 4])
def test_counts_are_those_of_enumeration(size, monkeypatch) -> None:
    graphs = [nx.gnp_random_graph(9, p, seed=s) for p in (0.2, 0.5, 0.8) for s in range(4)]
    graphs += [nx.complete_graph(6), nx.star_graph(5), nx.empty_graph(3), nx.empty_graph(0)]
    graphs += [nx.path_graph(1), nx.complete_bipartite_graph(3, 4), nx.wheel_graph(7)]
    expected = [row for graph in graphs for row in by_enumeration(graph, size)]
    for cells in (1 << 22, 20):  # all edges at once, and few
        monkeypatch.setattr(substructures, "_MOST_CELLS", cells)
        found = substructure_counts([of_networkx(graph) for graph in graphs], size)
        assert found.tolist() == expected


def test_counts_of_a_large_clique() -> None:
    size = 60
    edges = (1 - torch.eye(size)).nonzero().T
    counts = substructure_counts(Data(edge_index=edges, num_nodes=size), 4)
    assert counts.unique(dim=0).tolist() == [[0, 0, 0, 0, 0, 59 * 58 * 57 // 6]]


def test_loops_do_not_count() -> None:
    edge_index = torch.tensor([[0, 1, 1, 2, 0, 0], [1, 0, 2, 1, 0, 0]])
    assert substructure_counts(Data(edge_index=edge_index, num_nodes=3), 3).tolist() == [[1, 0]] * 3


@pytest.mark.parametrize("size", [3, 4])
def test_what_counts_see(size) -> None:
    names = substructure_colors(list(hard_pair("k33-prism")), size).graph.tolist()
    assert names[0] != names[1]
    # no cycle shorter than five
    names = substructure_colors(list(hard_pair("molecules")), size).graph.tolist()
    assert names[0] == names[1]


def test_labels_are_seen() -> None:
    one = of_networkx(nx.path_graph(3))
    other = one.clone()
    one.x, other.x = torch.tensor([0, 1, 0]), torch.tensor([1, 0, 1])
    assert len(set(substructure_colors([one, other], 3).graph.tolist())) == 2
    assert len(set(substructure_colors([one, other], 3, features=False).graph.tolist())) == 1


@pytest.mark.parametrize("size", [3, 4])
def test_labels_of_edges_are_seen(size) -> None:
    """Of the six cycles of four edges with two labels, two have labels like 0011 and 0101."""
    ring = of_networkx(nx.cycle_graph(4))
    kinds = [kind for kind in itertools.product((0, 1), repeat=4) if sum(kind) == 2]
    edges = ring.edge_index[:, :4].T.tolist()
    order = [edges.index(e) for e in ([0, 1], [1, 2], [2, 3], [0, 3])]
    graphs = []
    for kind in kinds:
        label = torch.empty(4, dtype=torch.int64)
        label[order] = torch.tensor(kind)
        graphs.append(Data(edge_index=ring.edge_index, edge_attr=label.repeat(2), num_nodes=4))
    names = substructure_colors(graphs, size).graph.tolist()
    across = [kind[0] == kind[2] for kind in kinds]
    for i, j in itertools.combinations(range(6), 2):
        assert (names[i] == names[j]) == (across[i] == across[j])
    assert len(set(substructure_colors(graphs, size, edge_features=False).graph.tolist())) == 1


def test_mistakes_are_named() -> None:
    one_way = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2)
    with pytest.raises(ValueError, match="lacks its reverse"):
        substructure_counts(one_way, 3)
    with pytest.raises(ValueError, match="size: got 5"):
        substructure_counts(one_way, 5)
