import pytest
import torch

from graphpoly.ops.node_balls import (
    ball_costs,
    ball_members,
    entries_inside,
    pointers,
    slices,
    sorted_entries,
)
from graphpoly.testing import graph_zoo

GRAPHS = graph_zoo(num_features=1, dtype=torch.float64)


def entries_of(data):
    source, target = data.edge_index
    return sorted_entries(target, source, data.num_nodes)


def steps(data, allowed):
    """One step along a row between allowed nodes, or none, dense."""
    matrix = torch.eye(data.num_nodes, dtype=torch.bool)
    matrix[data.edge_index[1], data.edge_index[0]] = True
    return matrix & allowed & allowed.unsqueeze(1)


@pytest.mark.parametrize("radius", [0, 1, 2, 5])
def test_members_are_what_the_dense_powers_reach(radius):
    for name, data in GRAPHS.items():
        node = torch.arange(data.num_nodes)
        limit = (2 * node).clamp(max=max(data.num_nodes - 1, 0))
        members = ball_members(entries_of(data), node, limit, radius)
        found = torch.zeros(data.num_nodes, data.num_nodes)
        if data.num_nodes:
            found[members // data.num_nodes, members % data.num_nodes] += 1
        for center in node.tolist():
            step = steps(data, node <= limit[center]).double()
            reach = torch.linalg.matrix_power(step, radius)[center] > 0
            assert torch.equal(found[center] > 0, reach), name
        assert bool((members.diff() > 0).all())


def test_entries_inside_are_those_with_both_ends_there():
    for name, data in GRAPHS.items():
        entries, size = entries_of(data), data.num_nodes
        limit = torch.arange(size)
        members = ball_members(entries, limit, limit, 2)
        row, col, slot = entries_inside(entries, members, limit)
        keys, found = members.tolist(), []
        for key in keys:
            for slot_, (source, target) in enumerate(data.edge_index.T.tolist()):
                other = key // size * size + source
                if target == key % size and other in keys:
                    found.append((keys.index(key), keys.index(other), slot_))
        assert sorted(zip(row.tolist(), col.tolist(), slot.tolist(), strict=True)) == sorted(found)
        assert torch.equal(row, row.sort().values), name


def test_the_cost_bounds_the_entries_and_counts_walks():
    for name, data in GRAPHS.items():
        entries, size = entries_of(data), data.num_nodes
        node = torch.arange(size)
        matrix = torch.zeros(size, size, dtype=torch.float64)
        matrix = matrix.index_put(
            (data.edge_index[1], data.edge_index[0]), torch.ones(1).double(), accumulate=True
        )
        count = entries.start.diff()
        cost = ball_costs(entries, count, 2)
        # walks of one, two and three steps
        expected = matrix @ (torch.eye(size) + matrix @ (torch.eye(size) + matrix)).double()
        assert torch.equal(cost, expected.sum(1)), name
        members = ball_members(entries, node, torch.full_like(node, size - 1), 2)
        row, _, _ = entries_inside(entries, members, torch.full_like(node, size - 1))
        inside = torch.bincount((members // max(size, 1))[row], minlength=size)
        assert bool((inside <= cost).all()), name


def test_slices_are_bounded(monkeypatch):
    monkeypatch.setitem(slices.__globals__, "_BUDGET", 10)
    cost = torch.tensor([4.0, 4.0, 4.0, 25.0, 1.0, 1.0], dtype=torch.float64)
    lengths = slices(cost)
    assert sum(lengths) == 6
    # beside the largest ball of each
    assert all(float(part.sum() - part.max()) <= 10 for part in cost.split(lengths))
    assert len(lengths) == 3
    assert slices(cost[:0]) == []


def test_pointers_of_empty_rows():
    assert pointers(torch.tensor([1, 1, 3]), 5).tolist() == [0, 0, 2, 2, 3, 3]
