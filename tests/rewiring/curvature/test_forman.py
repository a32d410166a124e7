import networkx as nx
import pytest
import torch

from graphpoly.rewiring.curvature import augmented_forman, balanced_forman
from graphpoly.testing import assert_close
from tests.rewiring.graphs import edges, random_graphs


def on_all_edges(graph, value):
    found = balanced_forman(edges(graph), len(graph))
    assert_close(found, torch.full_like(found, value))


def test_closed_forms_of_balanced_forman():
    for n in (3, 4, 7):
        on_all_edges(nx.complete_graph(n), n / (n - 1))
    on_all_edges(nx.cycle_graph(3), 1.5)
    on_all_edges(nx.cycle_graph(4), 1.0)
    for n in (5, 6, 9):
        on_all_edges(nx.cycle_graph(n), 0.0)
    for d in (2, 3, 4):
        on_all_edges(nx.convert_node_labels_to_integers(nx.hypercube_graph(d)), 2 / d)
    for n in (2, 3, 5):
        on_all_edges(nx.complete_bipartite_graph(n, n), 6 / n - 2)
    on_all_edges(nx.star_graph(4), 0.0)
    grid = nx.convert_node_labels_to_integers(nx.grid_2d_graph(6, 6, periodic=True))
    on_all_edges(grid, 0.0)
    for r in (2, 3):
        tree = nx.balanced_tree(r, 3)
        found = dict(
            zip(map(tuple, edges(tree).T.tolist()), balanced_forman(edges(tree)), strict=True)
        )
        assert found[1, r + 1].item() == pytest.approx(4 / (r + 1) - 2)
        assert found[len(tree) - 1, next(iter(tree[len(tree) - 1]))] == 0


def squares(graph, i, j):
    """By listing: i-k-w-j with four different nodes."""
    return sum(
        graph.has_edge(w, j) for k in graph[i] if k != j for w in graph[k] if w not in (i, j)
    )


def test_augmented_forman_counts_cycles():
    for graph in random_graphs(40, 12, seed=3):
        pairs = edges(graph)
        for cycles in (3, 4):
            expected = [
                4
                - graph.degree(i)
                - graph.degree(j)
                + 3 * len(set(graph[i]) & set(graph[j]))
                + (2 * squares(graph, i, j) if cycles == 4 else 0)
                for i, j in pairs.T.tolist()
            ]
            found = augmented_forman(pairs, len(graph), cycles=cycles)
            assert found.tolist() == expected


def test_loops_duplicates_and_order():
    pairs = torch.tensor([[2, 0, 1, 1, 2, 0, 0, 1], [0, 0, 2, 0, 1, 2, 1, 0]])
    for curvature, value in ((balanced_forman, 1.5), (augmented_forman, 3.0)):
        expected = torch.where(pairs[0] == pairs[1], 0.0, value)
        assert_close(curvature(pairs, 5), expected.double())
        assert curvature(torch.empty(2, 0, dtype=torch.long), 3).shape == (0,)


def test_refusals():
    with pytest.raises(ValueError, match="cycles"):
        augmented_forman(torch.tensor([[0, 1], [1, 0]]), cycles=5)
    with pytest.raises(ValueError, match="has no reverse"):
        balanced_forman(torch.tensor([[0], [1]]))
