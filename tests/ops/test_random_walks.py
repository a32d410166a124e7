"""Walks against counts and chi-square tests, what they see against loops."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from graphpoly.ops import random_walks, to_csr, walk_bits

# node 0 hears 1, 2 (three times) and 3; node 4 is a leaf of 3, node 5 alone
EDGES = torch.tensor([[1, 2, 2, 2, 3, 0, 0, 0, 2, 4, 3], [0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4]])
ADJ = to_csr(EDGES, num_nodes=6)


def walks_from(node, count, length, **options):
    return random_walks(ADJ, torch.full((count,), node), length, **options)


def even(values):
    """The p-value of these being equally likely, from how often each was seen."""
    _, counts = torch.as_tensor(values).unique(return_counts=True)
    return chisquare(counts.cpu().numpy()).pvalue


@pytest.mark.parametrize("backtracking", [True, False])
def test_each_step_is_made_by_its_edge(backtracking):
    node, edge = random_walks(ADJ, torch.arange(6), 40, backtracking=backtracking)
    assert node[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(EDGES[1][edge[:5]], node[:5, :-1])
    assert torch.equal(EDGES[0][edge[:5]], node[:5, 1:])
    # who hears nobody stays
    assert node[5].tolist() == [5] * 41
    assert edge[5].tolist() == [-1] * 40


def test_neighbors_are_equally_likely_and_so_are_the_edges_to_each():
    node, edge = walks_from(0, 6000, 1)
    assert node[:, 1].unique().tolist() == [1, 2, 3]
    assert even(node[:, 1]) > 1e-3
    parallel = edge[node[:, 1] == 2]
    assert parallel.unique().tolist() == [1, 2, 3]
    assert even(parallel) > 1e-3


def test_later_steps_forget_where_a_walk_began():
    node, _ = walks_from(4, 6000, 2)
    assert node[:, 2].unique().tolist() == [0, 2, 4]
    assert even(node[:, 2]) > 1e-3


def test_without_backtracking_the_others_are_equally_likely():
    node, _ = walks_from(3, 9000, 2, backtracking=False)
    by_way_of = node[node[:, 1] == 0]
    assert by_way_of[:, 2].unique().tolist() == [1, 2]
    assert even(by_way_of[:, 2]) > 1e-3
    # a leaf has no other way
    assert node[node[:, 1] == 4][:, 2].unique().tolist() == [3]


def test_draws_decide():
    low, high = torch.zeros(1, 1).double(), torch.tensor([[1 - 2**-53]], dtype=torch.float64)
    assert float(high) < 1
    assert walks_from(0, 1, 1, draws=low).node.tolist() == [[0, 1]]
    assert walks_from(0, 1, 1, draws=high).node.tolist() == [[0, 3]]
    third = torch.full((1, 1), 1 / 3).double()
    assert [walks_from(0, 1, 1, draws=third + i / 9).edge.item() for i in (0.5, 1.5, 2.5)] == [
        1,
        2,
        3,
    ]
    # what is out of range leads nowhere else
    assert walks_from(0, 1, 1, draws=torch.ones(1, 1).double()).node.tolist() == [[0, 3]]
    assert walks_from(0, 1, 1, draws=-torch.ones(1, 1).double()).node.tolist() == [[0, 1]]


def test_a_walk_hangs_on_its_seed_and_place():
    node = walks_from(0, 50, 20, seed=3).node
    assert torch.equal(walks_from(0, 20, 20, seed=3).node, node[:20])
    assert not torch.equal(walks_from(0, 50, 20, seed=4).node, node)
    assert node.unique(dim=0).size(0) == 50


@pytest.mark.parametrize("window", [1, 3, 9])
def test_bits_against_loops(window):
    dense = ADJ.to_dense() > 0
    node = random_walks(ADJ, torch.tensor([0, 3, 5]), 9).node
    expected = torch.zeros(3, 10, 2 * window, dtype=torch.bool)
    for walk in range(3):
        for t in range(10):
            for i in range(1, min(window, t) + 1):
                now, before = node[walk, t], node[walk, t - i]
                expected[walk, t, i - 1] = now == before
                expected[walk, t, window + i - 1] = dense[now, before]
    assert torch.equal(walk_bits(ADJ, node, window), expected)


def test_a_graph_without_edges():
    adj = to_csr(torch.empty(2, 0, dtype=torch.int64), num_nodes=2)
    node, edge = random_walks(adj, torch.tensor([1, 0]), 2, backtracking=False)
    assert node.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert edge.tolist() == [[-1, -1], [-1, -1]]
    assert walk_bits(adj, node, 1)[:, 1:].tolist() == [[[True, False]] * 2] * 2
    assert random_walks(adj, torch.empty(0, dtype=torch.int64), 2).node.shape == (0, 3)
    assert random_walks(adj, torch.tensor([1]), 0).edge.shape == (1, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": torch.tensor([6])}, "start"),
        ({"steps": -1}, "steps: got -1"),
        ({"draws": torch.zeros(1, 3).double()}, "draws"),
        ({"adj": to_csr(EDGES, size=(5, 6))}, "square"),
    ],
)
def test_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        random_walks(**{"adj": ADJ, "start": torch.tensor([0]), "steps": 2, **changes})


def test_windows_are_refused_by_name():
    with pytest.raises(ValueError, match="window: got 3, expected at most 2"):
        walk_bits(ADJ, torch.zeros(1, 3, dtype=torch.int64), 3)
    with pytest.raises(ValueError, match=r"node: got shape \(3,\)"):
        walk_bits(ADJ, torch.zeros(3, dtype=torch.int64), 1)


def test_draws_hang_on_seed_and_name_alone():
    start, name = torch.arange(6).repeat(9), torch.arange(54)
    node, edge = random_walks(ADJ, start, 5, seed=1)
    order = torch.randperm(54)
    renamed = random_walks(ADJ, start[order], 5, seed=1, name=name[order])
    assert torch.equal(renamed.node, node[order])
    assert torch.equal(renamed.edge, edge[order])
    assert torch.equal(random_walks(ADJ, start, 3, seed=1).node, node[:, :4])
    assert not torch.equal(random_walks(ADJ, start, 5, seed=2).node, node)
    with pytest.raises(ValueError, match=r"name: got shape \(2,\)"):
        random_walks(ADJ, start, 1, name=torch.arange(2))
