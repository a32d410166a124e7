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
    for data, changes in zip(some, decide(transform, some), strict=True):
        found, expected = apply_changes(transform, data, changes), transform(data.clone())
        assert found.keys() == expected.keys()
        for key in ("edge_index", "edge_type", "edge_weight"):
            if key in expected:
                assert torch.equal(found[key], expected[key])
        assert torch.equal(found.rewired, expected.rewired)


def test_blocks_cover_all_graphs_once():
    sizes = [5000, *[60] * 200, 0, 4096, 1]
    ranges = list(blocks([Data(num_nodes=size) for size in sizes]))
    assert [i for each in ranges for i in each] == list(range(len(sizes)))
    for each in ranges:
        assert len(each) <= 64
        assert len(each) == 1 or sum(sizes[i] for i in each) <= 4096
    assert list(blocks([])) == []
