"""random_walks: along entries only, by a seed only, each neighbour as often as any other."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from graphpoly.ops import random_walks, to_csr

EDGES = torch.tensor([[1, 2, 3, 0, 2, 0, 1, 4, 2], [0, 0, 0, 1, 1, 2, 2, 4, 3]])  # node 5 is alone


def test_each_step_is_an_entry_or_stays_where_there_is_none():
    adj = to_csr(EDGES, num_nodes=6)
    start = torch.arange(6).repeat(50)
    walks = random_walks(adj, start, 4, seed=3)
    assert walks.shape == (300, 5)
    assert torch.equal(walks[:, 0], start)
    entries = set(map(tuple, EDGES.flip(0).T.tolist())) | {(5, 5)}
    steps = torch.stack([walks[:, :-1].flatten(), walks[:, 1:].flatten()], 1)
    assert set(map(tuple, steps.tolist())) == entries


def test_neighbours_are_equally_likely_and_steps_independent():
    adj = to_csr(EDGES, num_nodes=6)
    walks = random_walks(adj, torch.zeros(6000, dtype=torch.long), 2)
    first = torch.bincount(walks[:, 1], minlength=4)[1:]
    assert chisquare(first).pvalue > 1e-3
    from_two = walks[walks[:, 1] == 2, 2]  # node 2 hears from 0 and 1
    assert chisquare(torch.bincount(from_two)).pvalue > 1e-3


def test_draws_hang_on_seed_and_name_alone():
    adj = to_csr(EDGES, num_nodes=6)
    start, name = torch.arange(6).repeat(9), torch.arange(54)
    walks = random_walks(adj, start, 5, seed=1)
    order = torch.randperm(54)
    assert torch.equal(random_walks(adj, start[order], 5, seed=1, name=name[order]), walks[order])
    assert torch.equal(random_walks(adj, start, 3, seed=1), walks[:, :4])
    assert not torch.equal(random_walks(adj, start, 5, seed=2), walks)


def test_no_step_and_no_walk():
    adj = to_csr(EDGES, num_nodes=6)
    assert random_walks(adj, torch.tensor([4, 2]), 0).tolist() == [[4], [2]]
    assert random_walks(adj, torch.tensor([], dtype=torch.long), 3).shape == (0, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": torch.tensor([6])}, "start: got 6"),
        ({"steps": -1}, "steps: got -1"),
        ({"name": torch.arange(2)}, r"name: got shape \(2,\)"),
        ({"adj": to_csr(EDGES, size=(6, 7))}, "adj: got 7 x 6"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"adj": to_csr(EDGES, num_nodes=6), "start": torch.tensor([0]), "steps": 1}
    with pytest.raises(ValueError, match=message):
        random_walks(**{**given, **change})
