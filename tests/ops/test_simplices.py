"""Simplicial complexes against networkx, faces and neighbours against sets."""

from __future__ import annotations

import itertools
from collections import Counter

import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.ops import (
    clique_complex,
    simplicial_complex,
    simplicial_faces,
    simplicial_neighbors,
)


def edges_of(graph):
    return torch.tensor(list(graph.edges)).view(-1, 2).T


def random_complex(seed=0, dim=3):
    graph = nx.gnp_random_graph(9, 0.6, seed=seed)
    return graph, clique_complex(edges_of(graph), 9, dim)


def listed(simplices):
    return [[tuple(each) for each in part.T.tolist()] for part in simplices]


@pytest.mark.parametrize("seed", [0, 1])
def test_simplices_are_the_cliques(seed):
    graph, simplices = random_complex(seed)
    cliques = sorted(tuple(sorted(each)) for each in nx.enumerate_all_cliques(graph))
    for k, part in enumerate(listed(simplices)):
        assert part == [each for each in cliques if len(each) == k + 1]
    again = simplicial_complex(reversed([each for part in listed(simplices) for each in part]))
    assert all(torch.equal(*pair) for pair in zip(simplices, again, strict=True))


def test_the_boundary_has_no_boundary():
    _, simplices = random_complex()
    matrices = []
    for k in (1, 2, 3):
        faces = simplicial_faces(simplices, k)
        matrix = torch.zeros(simplices[k - 1].size(1), faces.size(1))
        sign = torch.tensor([(-1.0) ** i for i in range(k + 1)]).unsqueeze(1).expand(faces.shape)
        matrices.append(matrix.scatter(0, faces, sign))
    assert not (matrices[0] @ matrices[1]).any()
    assert not (matrices[1] @ matrices[2]).any()
    # the sphere: a tetrahedron's faces without the inside
    sphere = simplicial_complex(
        each for size in (1, 2, 3) for each in itertools.combinations(range(4), size)
    )
    assert [part.size(1) for part in sphere] == [4, 6, 4]


@pytest.mark.parametrize("k", [0, 1, 2, 3])
@pytest.mark.parametrize("through", ["lower", "upper", "both"])
def test_neighbors_against_sets(k, through):
    _, simplices = random_complex()
    parts = listed(simplices)
    expected = Counter()
    for i, j in itertools.permutations(range(len(parts[k])), 2):
        one, other = set(parts[k][i]), set(parts[k][j])
        face, coface = tuple(sorted(one & other)), tuple(sorted(one | other))
        if through != "upper" and k > 0 and len(face) == k:
            expected[i, j, parts[k - 1].index(face), False] += 1
        if through != "lower" and k < 3 and coface in parts[k + 1]:
            expected[i, j, parts[k + 1].index(coface), True] += 1
    pairs, via, upper = simplicial_neighbors(simplices, k, through)
    found = zip(*pairs.tolist(), via.tolist(), upper.tolist(), strict=True)
    assert Counter(found) == expected


def test_complexes_that_are_not_of_cliques():
    hollow = simplicial_complex([[0], [1], [2], [0, 1], [2, 1], [0, 2]])
    assert [part.size(1) for part in hollow] == [3, 3]
    assert simplicial_neighbors(hollow, 1, "upper").via.numel() == 0
    assert [part.shape for part in simplicial_complex([])] == [(1, 0)]
    assert simplicial_neighbors(simplicial_complex([]), 0).edge_index.shape == (2, 0)
    assert [part.shape for part in simplicial_complex([[]])] == [(1, 0)]
    assert listed(simplicial_complex([[], [0]])) == [[(0,)]]


@pytest.mark.parametrize("node", [0.5, 1.0, "1", None, torch.tensor(0.5)])
def test_nodes_are_whole_numbers(node):
    with pytest.raises(TypeError, match="simplices: got the node"):
        simplicial_complex([[0], [node]])


def test_nodes_may_be_whole_numbers_of_any_library():
    kinds = (int, np.int32, torch.tensor)
    for kind in kinds:
        read = simplicial_complex([[kind(0)], [kind(1)], [kind(1), kind(0), kind(1)]])
        assert listed(read) == [[(0,), (1,)], [(0, 1)]]


def test_complexes_of_other_libraries():
    gudhi = pytest.importorskip("gudhi", reason="gudhi is not installed")
    tree = gudhi.SimplexTree()
    tree.insert([0, 1, 2])
    read = simplicial_complex(simplex for simplex, _ in tree.get_simplices())
    assert listed(read) == [[(0,), (1,), (2,)], [(0, 1), (0, 2), (1, 2)], [(0, 1, 2)]]


def test_simplices_of_toponetx():
    toponetx = pytest.importorskip("toponetx", reason="toponetx is not installed")
    read = simplicial_complex(toponetx.SimplicialComplex([[0, 1, 2]]).simplices)
    assert listed(read) == [[(0,), (1,), (2,)], [(0, 1), (0, 2), (1, 2)], [(0, 1, 2)]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: simplicial_complex([[0], [1], [2], [0, 1], [0, 1, 2]]),
            r"\[0, 1, 2\] has no face",
        ),
        (lambda: simplicial_complex([[0], [2], [0, 2]]), "simplices: got the nodes"),
        (lambda: simplicial_neighbors(simplicial_complex([[0]]), 0, "upward"), "through"),
        (lambda: simplicial_neighbors(simplicial_complex([[0]]), 1), "k: got 1"),
        (lambda: simplicial_faces(simplicial_complex([[0]]), 0), "k: got 0"),
        (lambda: clique_complex(torch.tensor([[0], [1]]), 2, -1), "dim: got -1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
