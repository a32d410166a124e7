"""Graphs rewired in blocks are those rewired one by one."""

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.rewiring import DIGL, GTR, LASER, SDRF, ExpanderPropagation, FoSR
from graphpoly.rewiring.plan import apply_changes, blocks, decide


def ring(size, isolated):
    ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    edges = torch.cat([ahead, ahead.flip(0)], 1)
    return Data(edge_index=edges, num_nodes=size + isolated, edge_weight=torch.rand(2 * size))


def empty(size):
    return Data(edge_index=torch.zeros(2, 0, dtype=torch.long), num_nodes=size)


RINGS = [ring(5 + i, i % 3) for i in range(12)]


@pytest.mark.parametrize(
    "transform",
    [
        FoSR(3, typed=True),
        GTR(3),
        SDRF(4, tau=2.0, typed=True, removal_bound=0.5),
        LASER(2, 0.3),
        ExpanderPropagation(separate=False, typed=True),
        DIGL(0.2, k=3, typed=True),
    ],
    ids=lambda transform: type(transform).__name__,
)
@pytest.mark.parametrize(
    "some", [RINGS, [empty(1), *map(empty, (0, 4))]], ids=["rings", "no edges"]
)
def test_a_block_equals_its_graphs(transform, some):
    same(apply_changes(transform, some, decide(transform, some)), transform, some)


def same(found, transform, some):
    for one, data in zip(found, some, strict=True):
        expected = transform(data.clone())
        assert type(one) is type(expected)
        assert set(one.keys()) == set(expected.keys())
        assert one.num_nodes == expected.num_nodes
        for key, value in expected.to_dict().items():
            held = one[key]
            assert type(held) is type(value)
            if isinstance(value, torch.Tensor):
                assert held.dtype == value.dtype
                assert torch.equal(held.to_dense(), value.to_dense())
            else:
                assert held == value


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"y": 1.5},
        {"y": torch.tensor(2)},
        {"name": "ring"},
        {"y": torch.tensor([[1.0, 2.0]]), "center_index": torch.tensor([2])},
        {"adj": torch.eye(3).to_sparse()},
    ],
    ids=["none", "number", "0-d", "text", "label and index", "sparse"],
)
@pytest.mark.parametrize("batches", [True, False], ids=["alike", "one is not"])
def test_whatever_else_graphs_hold_stays_as_it_is(extra, batches):
    some = [data.clone() for data in RINGS[:5]]
    for i, data in enumerate(some):
        data.x = torch.arange(3.0 * data.num_nodes).view(-1, 3)
        data.edge_attr = torch.rand(data.num_edges, 2)
        for name, value in extra.items():
            data[name] = value + i if name == "y" else value
    if not batches:
        some[2].further = torch.ones(1)
    transform = SDRF(4, tau=2.0, typed=True, removal_bound=0.5)
    same(apply_changes(transform, some, decide(transform, some)), transform, some)


def test_edges_that_hold_other_things_are_changed_one_by_one():
    some = [data.clone() for data in RINGS[:4]]
    for width, data in enumerate(some, 1):
        data.edge_attr = torch.rand(data.num_edges, width)
    transform = SDRF(4, tau=2.0, removal_bound=0.5)
    same(apply_changes(transform, some, decide(transform, some)), transform, some)


def test_directed_graphs_with_types_are_changed_together():
    some = []
    for i, data in enumerate(RINGS[:4]):
        half = data.edge_index[:, : data.num_edges // 2]
        some.append(Data(edge_index=half, num_nodes=data.num_nodes, edge_type=half[0] % 2 + i))
    transform = FoSR(2, symmetrize=True, typed=True, fill={"edge_type": 9})
    found = apply_changes(transform, some, decide(transform, some))
    same(found, transform, some)
    assert all((data.edge_type == 9).sum() == 4 for data in found)
    assert all(data.num_edges == data.num_nodes - i % 3 for i, data in enumerate(some))


def test_blocks_cover_all_graphs_once():
    sizes = [5000, *[60] * 200, 0, 4096, 1]
    ranges = list(blocks([Data(num_nodes=size) for size in sizes]))
    assert [i for each in ranges for i in each] == list(range(len(sizes)))
    for each in ranges:
        assert len(each) <= 64
        assert len(each) == 1 or sum(sizes[i] for i in each) <= 4096
    assert list(blocks([])) == []
