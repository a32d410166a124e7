import math

import networkx as nx
import numpy as np
import pytest
import torch

from graphpoly.rewiring import LASER
from tests.rewiring.graphs import added, data_of, random_graphs


def by_snapshot(data, before):
    kinds = data.edge_type[before.edge_index.size(1) :: 2].tolist()
    return list(zip(added(data, before), kinds, strict=True))


def test_each_snapshot_holds_one_distance_in_both_directions():
    some = [nx.path_graph(12), nx.cycle_graph(9), *random_graphs(40, 15, seed=8)]
    for graph in some:
        before = data_of(graph)
        away = dict(nx.all_pairs_shortest_path_length(graph))
        data = LASER(5, 1.0)(before)
        found = by_snapshot(data, before)
        expected = {
            (u, v): away[u][v] - 1 for u in graph for v in away[u] if u < v and 2 <= away[u][v] <= 6
        }
        assert dict(found) == expected
        assert len(found) == len(expected)
        assert (data.edge_type[: before.edge_index.size(1)] == 0).all()


def test_a_node_chooses_the_fewest_walks():
    """A pair is there if, and only if, one of its nodes may choose the other."""
    for graph in random_graphs(60, 14, seed=2):
        before = data_of(graph)
        walks = np.linalg.matrix_power(
            nx.to_numpy_array(graph, nodelist=range(len(graph)), dtype=object).astype(int)
            + np.eye(len(graph), dtype=int),
            8,
        )
        away = dict(nx.all_pairs_shortest_path_length(graph))
        found = {pair for pair, kind in by_snapshot(LASER(1, 0.4)(before), before)}
        may, must = set(), set()
        for v in graph:
            orbit = [u for u in graph if away[v].get(u) == 2]
            count = min(len(orbit), max(1, math.floor(0.4 * len(orbit) + 0.5)))
            scores = sorted(walks[v][u] for u in orbit)
            for u in orbit:
                pair = min(u, v), max(u, v)
                if walks[v][u] <= scores[count - 1]:
                    may.add(pair)
                if count == len(orbit) or walks[v][u] < scores[count]:
                    must.add(pair)
        assert must <= found <= may


def test_a_permuted_graph_gives_the_permuted_result_where_nothing_is_tied():
    for number, graph in enumerate(random_graphs(20, 15, seed=6)):
        order = np.random.default_rng(number).permutation(len(graph)).tolist()
        turned = nx.relabel_nodes(graph, dict(enumerate(order)))
        one, other = data_of(graph), data_of(turned)
        here = by_snapshot(LASER(3, 1.0)(one), one)
        there = by_snapshot(LASER(3, 1.0)(other), other)
        moved = {
            ((min(order[u], order[v]), max(order[u], order[v])), kind) for (u, v), kind in here
        }
        assert moved == set(there)


def test_ties_are_broken_by_the_seed():
    star = data_of(nx.star_graph(30))
    first = LASER(1, 0.2, seed=1)(star)
    assert torch.equal(first.edge_index, LASER(1, 0.2, seed=1)(star).edge_index)
    assert not torch.equal(first.edge_index, LASER(1, 0.2, seed=2)(star).edge_index)
    # no leaf is favoured: each is chosen by some, over many seeds
    chosen = torch.zeros(31)
    for seed in range(60):
        new = LASER(1, 0.04, minimum=1, seed=seed)(star).edge_index[:, 60:]
        chosen += torch.bincount(new[0], minlength=31)
    mean = chosen[1:].mean()
    assert chosen[0] == 0
    assert ((chosen[1:] / mean - 1).abs() < 0.5).all()


def test_shares_and_least_numbers():
    star = data_of(nx.star_graph(10))
    assert LASER(1, 0.0, minimum=0)(star).rewired.tolist() == [[0, 0]]
    assert LASER(1, 1.0)(star).rewired.tolist() == [[45, 0]]
    assert 5 <= int(LASER(1, 0.0, minimum=1)(star).rewired[0, 0]) <= 10


def test_refusals():
    for arguments, message in (
        ({"num_snapshots": 0}, "num_snapshots: got 0"),
        ({"share": 1.5}, "share: got 1.5"),
        ({"minimum": -1}, "minimum: got -1"),
        ({"num_snapshots": 8}, "power: got 8, expected at least 9"),
    ):
        with pytest.raises(ValueError, match=message):
            LASER(**arguments)
