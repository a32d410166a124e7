"""Against brute force: half planes, empty circles, all tours; and the form of the answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.data import (
    POINT_TASKS,
    closed_length,
    enclosed_area,
    find_dataset,
    point_sets,
    same_cycle,
    same_triangles,
    shortest_tour,
)
from graphpoly.loader import PackedDataset


def turn(a, b, c):
    """Twice the signed area of a triangle."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def points(data):
    return data.x.double().numpy()


def test_hulls_have_every_point_to_the_left_of_each_side():
    for data in point_sets("convex_hull", 60, (3, 4, 7, 12), seed=3):
        pos, corners = points(data), data.pointer.tolist()
        assert corners[0] == min(corners)
        assert data.length.tolist() == [len(set(corners))] == [len(corners)]
        for a, b in itertools.pairwise([*corners, corners[0]]):
            others = [c for c in range(len(pos)) if c not in (a, b)]
            assert all(turn(pos[a], pos[b], pos[c]) > 0 for c in others)


def in_circle(a, b, c, d):
    """Whether d lies in the circle through a, b, c, which run counter-clockwise."""
    rows = [[*(p - d), ((p - d) ** 2).sum()] for p in (a, b, c)]
    return np.linalg.det(np.array(rows)) > 0


def test_triangles_are_those_whose_circles_are_empty():
    for data in point_sets("delaunay", 40, (3, 4, 6, 9), seed=4):
        pos, found = points(data), data.pointer.view(-1, 3).tolist()
        wanted = []
        for corners in itertools.combinations(range(len(pos)), 3):
            a, b, c = corners if turn(*pos[list(corners)]) > 0 else corners[::-1]
            others = (d for d in range(len(pos)) if d not in corners)
            if not any(in_circle(pos[a], pos[b], pos[c], pos[d]) for d in others):
                wanted.append(list(corners))
        assert sorted(found) == wanted
        assert all(corners == sorted(corners) for corners in found)
        centers = []
        for a, b, c in pos[found]:
            side = np.array([np.linalg.norm(each) for each in (b - c, a - c, a - b)])
            centers.append(tuple(side @ np.stack([a, b, c]) / side.sum()))
        assert centers == sorted(centers)


def test_tours_are_the_shortest_of_all():
    for data in point_sets("tour", 24, (2, 3, 4, 5, 6, 7), seed=5):
        size, order = data.num_nodes, data.pointer
        every = [(0, *rest) for rest in itertools.permutations(range(1, size))]
        least = min(closed_length(data.x, torch.tensor(tour)) for tour in every)
        assert closed_length(data.x, order) == pytest.approx(least, rel=1e-12)
        assert sorted(order.tolist()) == list(range(size))
        assert order[0] == 0
        assert size < 3 or order[1] < order[-1]


def test_tours_with_a_closed_form():
    angle = torch.arange(11).double() * 2 * torch.pi / 11
    around = torch.stack([angle.cos(), angle.sin()], 1)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    back = torch.empty(11, dtype=torch.long).index_copy(0, order, torch.arange(11))
    assert same_cycle(back.unsqueeze(0), shortest_tour(around[order]).unsqueeze(0)) == 1
    line = torch.tensor([0.0, 3.0, 1.0, 2.0]).unsqueeze(1)
    assert closed_length(line, shortest_tour(line)) == 6
    assert shortest_tour(torch.zeros(1, 2)).tolist() == [0]
    assert shortest_tour(torch.zeros(2, 3)).tolist() == [0, 1]


def test_length_and_area_of_a_rectangle():
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0], [1.0, 1.0]])
    assert closed_length(corners, torch.tensor([2, 3, 0, 1])) == 10
    assert enclosed_area(corners, torch.tensor([2, 3, 0, 1])) == 6
    assert enclosed_area(corners, torch.tensor([0, 3, 2, 1])) == 6
    assert enclosed_area(corners, torch.tensor([0, 1])) == 0


def test_a_cycle_begins_anywhere_and_runs_either_way():
    cycle = torch.tensor([[3, 1, 4, 0, -1]])
    for other, same in (
        ([0, 3, 1, 4, -1], 1),
        ([4, 1, 3, 0, -1], 1),
        ([3, 4, 1, 0, -1], 0),
        ([3, 1, 4, -1, -1], 0),
        ([3, 1, 4, 0, 2], 0),
        ([-1] * 5, 0),
    ):
        assert same_cycle(cycle, torch.tensor([other])) == same


def test_triangles_are_the_same_in_any_order():
    both = torch.tensor([[0, 1, 2, 1, 2, 3, -1]])
    for other, same in (
        ([3, 1, 2, 2, 1, 0, -1], 1),
        ([0, 1, 2, 1, 2, -1, -1], 0),
        ([0, 1, 2, 0, 1, 2, -1], 0),
        ([0, 1, 2, 1, 2, 3, 3], 0),
    ):
        assert same_triangles(both, torch.tensor([other])) == same


@pytest.mark.parametrize("task", POINT_TASKS)
def test_a_batch_counts_pointers_on_and_a_seed_repeats(task):
    graphs = point_sets(task, 4, (3, 5), seed=7)
    assert all(
        torch.equal(a.x, b.x) and torch.equal(a.pointer, b.pointer)
        for a, b in zip(graphs, point_sets(task, 4, (3, 5), seed=7), strict=True)
    )
    assert not torch.equal(graphs[0].x, point_sets(task, 1, (3,), seed=8)[0].x)
    assert [data.num_nodes for data in graphs] == [3, 5, 3, 5]
    assert [data.num_edges for data in graphs] == [6, 20, 6, 20]
    shifted = torch.cat([data.pointer + k for data, k in zip(graphs, (0, 3, 8, 11), strict=True)])
    for batch in (Batch.from_data_list(graphs), PackedDataset(graphs).batch([0, 1, 2, 3])):
        assert torch.equal(batch.pointer, shifted)
        assert batch.length.tolist() == [data.pointer.numel() for data in graphs]


@pytest.mark.parametrize("name", ["convex-hull", "delaunay", "tour"])
def test_entries_are_read_and_divided(name):
    entry = find_dataset(name)
    small = {"smallest": 4, "largest": 6, "train": 5, "val": 2, "test": 3}
    loaded = entry.load(None, type(entry.reading)(**small), 0)
    split = loaded.split("drawn", 0)
    assert [len(part) for part in (split.train, split.val, split.test)] == [5, 2, 3]
    assert {data.num_nodes for data in loaded.graphs} == {4, 5, 6}
    with pytest.raises(ValueError, match="smallest, largest: got 6 and 4"):
        entry.load(None, type(entry.reading)(smallest=6, largest=4), 0)


def test_bad_arguments():
    for given, words in (
        (lambda: point_sets("hull", 1), "did you mean 'convex_hull'"),
        (lambda: point_sets("tour", 0), "num_sets: got 0"),
        (lambda: point_sets("tour", 1, ()), "sizes: got ()"),
        (lambda: point_sets("delaunay", 1, (4, 2)), "at least 3 for 'delaunay'"),
        (lambda: point_sets("tour", 1, (4, 17)), "at least 2 and at most 16 for 'tour'"),
        (lambda: shortest_tour(torch.zeros(17, 2)), "pos: got shape (17, 2)"),
        (lambda: shortest_tour(torch.zeros(3)), "pos: got shape (3,)"),
        (lambda: shortest_tour(torch.zeros(0, 2)), "pos: got shape (0, 2)"),
        (lambda: shortest_tour(torch.full((3, 2), torch.nan)), "pos: got distances that are not"),
        (lambda: shortest_tour(torch.tensor([[0.0], [1.0], [torch.inf]])), "pos: got distances"),
        (lambda: shortest_tour(1e200 * torch.eye(3).double()), "pos: got distances"),
    ):
        with pytest.raises(ValueError) as caught:
            given()
        assert words in str(caught.value)
