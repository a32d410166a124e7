from __future__ import annotations

import pytest
import torch

from graphpoly.ops import polynomial, reorder, spmm, to_csr
from graphpoly.ops.reorder import METHODS


def grid(side: int) -> torch.Tensor:
    place = torch.arange(side * side).view(side, side)
    across = torch.stack([place[:, :-1].flatten(), place[:, 1:].flatten()])
    down = torch.stack([place[:-1].flatten(), place[1:].flatten()])
    pairs = torch.cat([across, down], 1)
    return torch.cat([pairs, pairs.flip(0)], 1)


def shuffled(edges: torch.Tensor, nodes: int) -> torch.Tensor:
    return torch.randperm(nodes)[edges]


@pytest.mark.parametrize("method", METHODS)
def test_results_come_back_in_the_old_order(method):
    nodes = 49
    edges, weight = shuffled(grid(7), nodes), torch.rand(168)
    x, theta = torch.randn(nodes, 3), torch.randn(4, 3)
    powers = torch.stack([torch.ones(3, 3), torch.zeros(3, 3), torch.zeros(3, 3)])
    order = reorder(edges, nodes, method)
    assert torch.equal(order.perm[order.inverse], torch.arange(nodes))
    assert torch.equal(order.back(order.rows(x)), x)
    there = to_csr(edges, weight, nodes)
    here = to_csr(order.edges(edges), weight, nodes)
    torch.testing.assert_close(order.back(spmm(here, order.rows(x), "max")), spmm(there, x, "max"))
    torch.testing.assert_close(
        order.back(polynomial(here, order.rows(x), theta, powers)),
        polynomial(there, x, theta, powers),
    )


def test_degrees_fall():
    edges = torch.randint(0, 30, (2, 200))
    degree = torch.bincount(edges[1], minlength=30)
    order = reorder(edges, 30, "degree")
    assert (degree[order.perm].diff() <= 0).all()


def test_reverse_cuthill_mckee_finds_the_band_of_a_grid():
    edges = shuffled(grid(10), 100)
    moved = reorder(edges, 100, "rcm").edges(edges)
    assert (moved[0] - moved[1]).abs().max() <= 11 < (edges[0] - edges[1]).abs().max()


@pytest.mark.parametrize("many", [2, 64, 128, 256])
def test_reverse_cuthill_mckee_sees_edges_that_are_listed_often(many):
    edges = shuffled(grid(10), 100).repeat(1, many)
    moved = reorder(edges, 100, "rcm").edges(edges)
    assert (moved[0] - moved[1]).abs().max() <= 11


def test_communities_follow_one_another():
    cliques = [torch.combinations(torch.arange(8) + 8 * k).t() for k in range(4)]
    bridges = torch.tensor([[0, 8, 16], [8, 16, 24]])
    pairs = torch.cat([*cliques, bridges], 1)
    edges = torch.cat([pairs, pairs.flip(0)], 1)
    name = torch.randperm(32)
    order = reorder(name[edges], 32, "community")
    clique = name.argsort()[order.perm] // 8
    assert clique.unique_consecutive().numel() == 4


@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_edges_keeps_its_order(method):
    order = reorder(torch.empty(2, 0, dtype=torch.long), 3, method)
    assert sorted(order.perm.tolist()) == [0, 1, 2]
    assert reorder(torch.empty(2, 0, dtype=torch.long), 0, method).perm.numel() == 0


def test_a_sparse_adjacency_is_a_graph_too():
    edges = grid(3)
    matrix = torch.sparse_coo_tensor(edges.flip(0), torch.ones(edges.size(1)), (9, 9))
    assert torch.equal(reorder(matrix, 9).perm, reorder(edges, 9).perm)


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="degree"):
        reorder(grid(2), 4, "degrees")
