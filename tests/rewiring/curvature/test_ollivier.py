import networkx as nx
import numpy as np
import pytest
import torch
from scipy.optimize import linprog

pytest.importorskip("ot", reason="no POT: pip install 'graphpoly[rewiring]'")

from graphpoly.rewiring.curvature import lin_lu_yau, ollivier_ricci
from graphpoly.testing import assert_close
from tests.rewiring.graphs import edges, random_graphs


def by_linear_programming(graph, i, j, alpha):
    """The definition, over all nodes and with networkx's distances."""
    n = len(graph)
    away = dict(nx.all_pairs_shortest_path_length(graph))
    cost = np.array([[away[a].get(b, 0) for b in range(n)] for a in range(n)], dtype=float)
    far = np.array([[b not in away[a] for b in range(n)] for a in range(n)])

    def measure(v):
        mass = np.zeros(n)
        mass[v] = alpha
        for k in graph[v]:
            mass[k] += (1 - alpha) / graph.degree(v)
        return mass

    rows = np.kron(np.eye(n), np.ones((1, n)))
    cols = np.kron(np.ones((1, n)), np.eye(n))
    solved = linprog(
        cost.flatten(),
        A_eq=np.vstack([rows, cols]),
        b_eq=np.concatenate([measure(i), measure(j)]),
        bounds=[(0, 0 if one else None) for one in far.flatten()],
    )
    return 1 - solved.fun


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_brute_force(alpha):
    for graph in random_graphs(12, 7, seed=4, least=3):
        pairs = edges(graph)
        expected = [by_linear_programming(graph, i, j, alpha) for i, j in pairs.T.tolist()]
        found = ollivier_ricci(pairs, len(graph), alpha=alpha)
        assert_close(found, torch.tensor(expected, dtype=torch.float64), kind="accumulated")


def all_edges(graph, alpha=0.0):
    return ollivier_ricci(edges(graph), len(graph), alpha=alpha)


def test_closed_forms():
    for n, value in ((3, 0.75), (4, 0.5), (5, 0.25), (6, 0.0)):
        graph = nx.complete_graph(3) if n == 3 else nx.cycle_graph(n)
        found = all_edges(graph, 0.5)
        assert_close(found, torch.full_like(found, value))
    for r in (2, 3, 4):
        tree = nx.balanced_tree(r, 3)
        expected = [
            -2 * max(1 - 1 / tree.degree(i) - 1 / tree.degree(j), 0)
            for i, j in edges(tree).T.tolist()
        ]
        assert_close(all_edges(tree), torch.tensor(expected, dtype=torch.float64))


def test_lin_lu_yau():
    for leaves in (2, 3, 6):
        found = lin_lu_yau(edges(nx.star_graph(leaves)))
        assert_close(found, torch.full_like(found, 2 / leaves))
    assert lin_lu_yau(edges(nx.path_graph(2))).tolist() == pytest.approx([2.0, 2.0])
    for graph in random_graphs(10, 7, seed=9, least=3):
        pairs = edges(graph)
        if pairs.numel():
            slope = ollivier_ricci(pairs, len(graph), alpha=1 - 1e-6) / 1e-6
            assert torch.allclose(lin_lu_yau(pairs, len(graph)), slope, atol=1e-4)


def test_refusals():
    with pytest.raises(ValueError, match=r"alpha: got 1\.0"):
        ollivier_ricci(torch.tensor([[0, 1], [1, 0]]), alpha=1.0)
