"""Parities of degrees: labels by loops, correlations over all graphs, elimination, and learners."""

from __future__ import annotations

import dataclasses
import itertools

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import (
    degree_counts,
    degree_functions,
    find_dataset,
    parity_correlation,
    solve_parity,
)
from graphpoly.recipes import recipe_for, run_recipe


def degrees(data):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(data.num_nodes))
    graph.add_edges_from(data.edge_index.T.tolist())
    assert graph.number_of_edges() == data.num_edges
    assert nx.number_of_selfloops(graph) == 0
    return [degree for _, degree in graph.in_degree()]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", ["parity", "threshold"])
def test_labels_are_those_of_a_loop(kind, flip):
    chosen = {1, 2, 5}
    graphs = degree_functions(60, 7, kind=kind, degrees=chosen, flip=flip, p=0.4, seed=3)
    chance = {d: 0.4**d * 0.6 ** (6 - d) * binomial for d, binomial in ((1, 6), (2, 15), (5, 6))}
    for data in graphs:
        found = sum(d in chosen for d in degrees(data))
        label = found % 2 if kind == "parity" else int(found > 7 * sum(chance.values()))
        assert data.y.tolist() == [label ^ flip]
        assert degree_counts(data).tolist() == [degrees(data).count(d) for d in range(7)]
    assert {int(data.y) for data in graphs} == {0, 1}


def test_no_order_of_the_nodes_changes_a_label():
    for data in degree_functions(20, 9, seed=1):
        moved = Data(edge_index=torch.randperm(9)[data.edge_index], num_nodes=9)
        assert torch.equal(degree_counts(moved), degree_counts(data))


@pytest.mark.parametrize(("one", "other"), [([1], []), ([0, 2], [1]), ([0, 1, 2], []), ([2], [2])])
@pytest.mark.parametrize("p", [0.5, 0.3])
def test_correlations_are_means_over_all_graphs(one, other, p):
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    mean = 0.0
    for held in itertools.product([False, True], repeat=6):
        edges = torch.tensor([pair for pair, there in zip(pairs, held, strict=True) if there])
        data = Data(edge_index=edges.view(-1, 2).T.long(), num_nodes=3)
        counts = degree_counts(data)
        sign = (-1) ** int(counts[one].sum() + counts[other].sum())
        mean += sign * p ** sum(held) * (1 - p) ** (6 - sum(held))
    assert parity_correlation(3, one, other, p=p) == pytest.approx(mean, abs=1e-12)


def test_two_parities_have_next_to_nothing_in_common():
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(80, 15, generator=generator) < 0.5
    sets = [row.nonzero().flatten().tolist() for row in drawn]
    held = [abs(parity_correlation(15, a, b)) for a, b in zip(sets[::2], sets[1::2], strict=True)]
    assert sorted(held)[len(held) // 2] < 1e-3
    assert parity_correlation(15, range(15)) == pytest.approx(-1)  # there are fifteen nodes in all


def test_elimination_finds_a_function_that_is_right_on_graphs_that_it_has_not_seen():
    for seed in range(5):
        graphs = degree_functions(400, 8, flip=bool(seed % 2), seed=seed)
        counts = torch.stack([degree_counts(data) for data in graphs])
        y = torch.cat([data.y for data in graphs])
        found = solve_parity(counts[:200], y[:200])
        assert torch.equal((counts @ found[:-1].long() + found[-1]) % 2, y)
        wrong = y.clone()
        wrong[7] ^= 1
        with pytest.raises(ValueError, match="y: no parity of counts agrees"):
            solve_parity(counts, wrong)


def test_a_run_has_a_function_of_its_own():
    entry = find_dataset("degree-function")
    reading = dataclasses.replace(entry.reading, train=5, val=2, test=3)
    one, again, other = (entry.load(None, reading, seed).graphs for seed in (0, 0, 1))
    assert all(torch.equal(a.edge_index, b.edge_index) for a, b in zip(one, again, strict=True))
    assert not all(torch.equal(a.edge_index, b.edge_index) for a, b in zip(one, other, strict=True))


def test_what_is_above_its_mean_is_learned_and_a_parity_is_not(tmp_path):
    small = {"num_nodes": 10, "train": 256, "val": 128, "test": 256, "epochs": 16, "lr": 0.01}
    small |= {"hidden_channels": 16, "num_layers": 2, "watch_train": False}
    scores = {}
    for kind in ("parity", "threshold"):
        out, recipe = tmp_path / kind, recipe_for("MPNN", "degree-function")
        changes = {**small, "kind": kind, "readout": "add"}
        outcome = run_recipe(recipe, seeds=1, out=out, overrides=changes)
        scores[kind] = outcome.experiments["MPNN"].mean
    assert scores["threshold"] > 0.8
    y = torch.cat([data.y for data in degree_functions(640, 10, seed=0)]).double()
    assert scores["parity"] < max(y.mean(), 1 - y.mean()) + 0.1  # no better than a constant


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: degree_functions(1, kind="paritY"), "did you mean 'parity'"),
        (lambda: degree_functions(0), "num_graphs: got 0"),
        (lambda: degree_functions(1, 3, degrees=[3]), "degrees: got 3, expected whole numbers"),
        (lambda: degree_functions(1, 3, degrees=[1.5]), "degrees: got 1.5, expected whole numbers"),
        (lambda: degree_functions(1, p=1.5), "p: got 1.5"),
        (lambda: solve_parity(torch.ones(3, 2).long(), torch.ones(2)), "got shapes .3, 2. and .2."),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
