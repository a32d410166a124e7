"""A seed decides an epoch, whatever the network draws meanwhile."""

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.loader import LinkNeighborLoader, NeighborLoader, seeded_epoch


def graph():
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(40, (2, 160), generator=generator)
    return Data(torch.arange(40.0).view(40, 1), edges)


def edges(batches):
    return [batch.e_id.tolist() for batch in batches]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [NeighborLoader, LinkNeighborLoader])
def test_it_is_the_epoch_after_that_seed(kind, workers):
    loader = kind(graph(), [3, 2], batch_size=9, shuffle=True, num_workers=workers)
    torch.manual_seed(5)
    wanted = edges(loader)
    torch.manual_seed(1)
    outside, found = torch.rand(len(wanted)), []
    torch.manual_seed(1)
    for i, batch in enumerate(seeded_epoch(loader, 5)):
        assert torch.rand(()) == outside[i]  # the network draws what it would without a loader
        found.append(batch)
    assert edges(found) == wanted
    assert edges(seeded_epoch(loader, 5, start=2)) == wanted[2:]
    assert edges(seeded_epoch(loader, 6)) != wanted


def test_the_loader_is_left_as_it_was():
    loader = NeighborLoader(graph(), [3], batch_size=9, filter_per_worker=True)
    list(seeded_epoch(loader, 0))
    assert loader.filter_per_worker
    assert next(iter(loader)).x.shape[1] == 1


def test_a_transform_draws_from_outside():
    def noisy(batch):
        batch.noise = torch.rand(2).tolist()
        return batch

    loader = NeighborLoader(graph(), [3], batch_size=20, shuffle=True, transform=noisy)
    plain = NeighborLoader(graph(), [3], batch_size=20, shuffle=True)
    torch.manual_seed(2)
    wanted = [torch.rand(2).tolist() for _ in range(2)]
    torch.manual_seed(2)
    found = list(seeded_epoch(loader, 3))
    assert [batch.noise for batch in found] == wanted
    assert edges(found) == edges(seeded_epoch(plain, 3))


def test_a_generator_of_its_own_is_refused():
    loader = NeighborLoader(graph(), [3], shuffle=True, generator=torch.Generator())
    with pytest.raises(ValueError, match="generator"):
        next(seeded_epoch(loader, 0))
