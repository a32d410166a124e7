"""Numbers of neighbours that grow are those of a loader that was made with them."""

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from graphpoly.loader import FanoutSchedule, LinkNeighborLoader, NeighborLoader

FOLLOWS, HAS = ("user", "follows", "user"), ("user", "has", "item")


def graph():
    torch.manual_seed(0)
    return Data(edge_index=torch.randint(40, (2, 900)), num_nodes=40)


def typed():
    torch.manual_seed(0)
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 30, 20
    data[FOLLOWS].edge_index = torch.randint(30, (2, 300))
    data[HAS].edge_index = torch.stack([torch.randint(30, (300,)), torch.randint(20, (300,))])
    return data


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_is_that_of_a_loader_with_its_numbers(workers):
    data = graph()
    loader = NeighborLoader(data, [9, 7], batch_size=8, num_workers=workers)
    schedule = FanoutSchedule(loader, [1, 3], epochs=4)
    for epoch, numbers in enumerate([[1, 3], [3, 4], [5, 5], [7, 6], [9, 7], [9, 7]]):
        assert schedule.set_epoch(epoch) == numbers
        if workers and epoch % 2:
            continue
        other = NeighborLoader(data, numbers, batch_size=8, num_workers=workers)
        runs = []
        for each in (loader, other):
            torch.manual_seed(epoch)
            runs.append(list(each))
        for one, another in zip(*runs, strict=True):
            assert torch.equal(one.e_id, another.e_id)
            assert torch.equal(one.n_id, another.n_id)
    assert schedule.set_epoch(0) == [1, 3]


def test_links_and_types():
    loader = LinkNeighborLoader(graph(), [8], batch_size=4)
    schedule = FanoutSchedule(loader, [2], epochs=2)
    sizes = []
    for epoch in range(3):
        schedule.set_epoch(epoch)
        sizes.append(next(iter(loader)).num_sampled_edges[0])
    assert sizes[0] < sizes[1] < sizes[2]
    loader = NeighborLoader(typed(), {FOLLOWS: [6], HAS: [0]}, input_nodes="user", batch_size=5)
    schedule = FanoutSchedule(loader, [2], epochs=2)
    assert schedule.set_epoch(1) == {FOLLOWS: [4], HAS: [0]}
    batch = next(iter(loader))
    assert int(torch.bincount(batch[FOLLOWS].edge_index[1]).max()) == 4
    assert batch[HAS].edge_index.numel() == 0


def test_what_cannot_grow_is_named():
    data = graph()
    with pytest.raises(ValueError, match="first: got 1 hops, expected 2"):
        FanoutSchedule(NeighborLoader(data, [3, 2]), [1], 2)
    for last, first in (([3, -1], [1, 1]), ([3, 2], [1, -1])):
        with pytest.raises(ValueError, match="none below 0"):
            FanoutSchedule(NeighborLoader(data, last), first, 2)
    with pytest.raises(ValueError, match="epochs: got 0"):
        FanoutSchedule(NeighborLoader(data, [3, 2]), [1, 1], 0)
    lasting = NeighborLoader(data, [3], num_workers=1, persistent_workers=True)
    with pytest.raises(ValueError, match="workers are persistent"):
        FanoutSchedule(lasting, [1], 2)
