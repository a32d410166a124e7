from __future__ import annotations

import itertools
import random
from collections import Counter

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import GraphSet, hard_pair, isomorphic, of_networkx
from graphpoly.expressivity.isomorphism import twin_ranks
from tests.expressivity.test_duplicates import moved


def test_isomorphism_is_that_of_networkx() -> None:
    for seed in range(40):
        graphs = [nx.gnm_random_graph(6, 6, seed=2 * seed + i, directed=seed % 2) for i in range(2)]
        expected = nx.is_isomorphic(*graphs)
        assert isomorphic(*(of_networkx(graph) for graph in graphs)) == expected
        assert isomorphic(of_networkx(graphs[0]), moved(of_networkx(graphs[0]), seed))


def test_whose_edge_it_is_counts_where_incoming_colors_are_the_same() -> None:
    """Every edge keeps its target and takes another source of the same colour, part by part."""
    draw = random.Random(0)
    answers = []
    for seed in range(200):
        graph = nx.gnm_random_graph(6, 4, seed=seed, directed=True)
        other = graph.copy()
        u, v = draw.choice(list(other.edges))
        other.remove_edge(u, v)
        other.add_edge(draw.choice([w for w in other if not other.has_edge(w, v)]), v)
        labels = {node: draw.randrange(3) if graph.in_degree(node) else 0 for node in graph}
        for each in (graph, other):
            nx.set_node_attributes(each, labels, "kind")
        same = nx.algorithms.isomorphism.categorical_node_match("kind", 0)
        answers.append(nx.is_isomorphic(graph, other, node_match=same))
        one, two = (of_networkx(each) for each in (graph, other))
        one.x = two.x = torch.tensor([labels[node] for node in graph])
        assert isomorphic(one, two) == answers[-1], (seed, graph.edges, other.edges)
    assert 10 < sum(answers) < 190


def test_parallel_edges_and_their_labels_count() -> None:
    edges = torch.tensor([[0, 0, 1], [1, 1, 0]])
    labels = [torch.tensor(label) for label in ([0, 1, 0], [1, 0, 0], [0, 0, 1])]
    graphs = [Data(edge_index=edges, edge_attr=label, num_nodes=2) for label in labels]
    assert isomorphic(graphs[0], graphs[1])
    assert not isomorphic(graphs[0], graphs[2])


def test_twins_of_every_sort_are_those_of_networkx() -> None:
    """Few kinds of nodes, blown up into twins that are joined or not; one edge moved."""
    draw = random.Random(0)
    answers = []
    for seed in range(60):
        base = nx.gnm_random_graph(4, 4, seed=seed)
        graph = nx.Graph()
        for node in base:
            twins = [(node, i) for i in range(draw.randint(1, 4))]
            graph.add_nodes_from(twins)
            if draw.random() < 0.5:
                graph.add_edges_from(itertools.combinations(twins, 2))
        graph.add_edges_from((a, b) for a in graph for b in graph if base.has_edge(a[0], b[0]))
        other = graph.copy()
        other.remove_edge(*draw.choice(list(other.edges)))
        other.add_edge(*draw.choice(list(nx.non_edges(other))))
        expected = nx.is_isomorphic(graph, other)
        answers.append(expected)
        assert isomorphic(of_networkx(graph), moved(of_networkx(other), seed)) == expected
        assert isomorphic(of_networkx(graph), moved(of_networkx(graph), seed))
    assert 3 < sum(answers) < 55


def test_labels_of_edges_tell_twins_apart() -> None:
    star = of_networkx(nx.star_graph(4))
    graphs = []
    for labels in ([0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 0, 0]):
        graphs.append(star.clone())
        graphs[-1].edge_attr = torch.tensor(labels * 2)
    assert isomorphic(graphs[0], graphs[1])
    assert not isomorphic(graphs[0], graphs[2])
    clique = nx.complete_graph(4)
    for (u, v), kind in zip(clique.edges, [0, 1, 1, 1, 1, 0], strict=True):
        clique.edges[u, v]["kind"] = kind
    other = nx.relabel_nodes(clique, {0: 2, 2: 0})
    assert isomorphic(of_networkx(clique, label="kind"), of_networkx(other, label="kind"))
    other.edges[0, 1]["kind"] = 1 - other.edges[0, 1]["kind"]
    assert not isomorphic(of_networkx(clique, label="kind"), of_networkx(other, label="kind"))


def test_twins_are_nodes_that_may_change_places_whatever_their_numbers() -> None:
    """Brute force: exchanging two leaves all edges. Kinds of edges are small numbers, too."""
    draw = random.Random(0)
    twins = 0
    for size in [5, 8] * 50:
        pairs = [draw.choices(range(size), k=2) for _ in range(size // 2 + 1)]
        kinds = torch.tensor([draw.randrange(5) for _ in pairs])
        data = Data(edge_index=torch.tensor(pairs).T, edge_attr=kinds, num_nodes=size)
        labels = torch.tensor([draw.randrange(2) for _ in range(size)])
        edges = Counter((u, v, kind) for (u, v), kind in zip(pairs, kinds.tolist(), strict=True))

        def change(edges, labels, u, v) -> bool:
            place = {u: v, v: u}
            moved = {(place.get(a, a), place.get(b, b), k): n for (a, b, k), n in edges.items()}
            return moved == edges and bool(labels[u] == labels[v])

        expected = [sum(change(edges, labels, u, v) for u in range(v)) for v in range(size)]
        assert twin_ranks(GraphSet.of(data), labels).tolist() == expected
        twins += sum(expected)
        new = torch.tensor(draw.sample(range(size), size))
        other = Data(labels[new.argsort()], new[data.edge_index], kinds, num_nodes=size)
        data.x = labels
        assert isomorphic(data, other)
    assert twins > 10


@pytest.mark.parametrize(
    "graph",
    [
        nx.star_graph(1500),
        nx.empty_graph(5000),
        nx.complete_graph(400),
        nx.complete_bipartite_graph(200, 300),
        nx.disjoint_union_all([nx.path_graph(2)] * 400),
        nx.full_rary_tree(2, 300),
        nx.path_graph(20_000),
    ],
    ids=["star", "empty", "clique", "bipartite", "edges", "tree", "path"],
)
def test_symmetric_graphs_of_any_size(graph) -> None:
    data = of_networkx(graph)
    assert isomorphic(data, moved(data, 1))


@pytest.mark.parametrize("kept", [0, 1 << 22])
def test_a_search_that_comes_back(kept, monkeypatch) -> None:
    """Beside equal parts, two that only search tells apart: every choice before is tried."""
    monkeypatch.setattr("graphpoly.expressivity.isomorphism._MOST_KEPT", kept)
    assert not isomorphic(*hard_pair("cfi-k4"))
    rook, shrikhande = (nx.Graph(data.edge_index.T.tolist()) for data in hard_pair("sr16622"))
    one = nx.disjoint_union_all([rook, rook, shrikhande])
    other = nx.disjoint_union_all([shrikhande, rook, rook])
    assert isomorphic(of_networkx(one), of_networkx(other))
    assert not isomorphic(
        of_networkx(nx.disjoint_union(rook, rook)), of_networkx(nx.disjoint_union(rook, shrikhande))
    )
