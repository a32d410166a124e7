from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader
from torch_geometric.data import Data

from graphpoly.loader import NeighborLoader
from graphpoly.loader.cpu_batches import CPUBatches, CPULoader

pytestmark = pytest.mark.cpu  # about other defaults than the one of the tests


class Numbers(CPUBatches, DataLoader):
    pass


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_are_those_of_torch_where_the_default_is_elsewhere(num_workers: int) -> None:
    given = {"batch_size": 3, "shuffle": True, "num_workers": num_workers}
    torch.manual_seed(0)
    expected = [batch.tolist() for batch in DataLoader(range(8), **given)]
    torch.manual_seed(0)
    with torch.device("meta"):
        assert [batch.tolist() for batch in Numbers(range(8), **given)] == expected


def test_what_becomes_of_a_batch_between_two_is_made_where_the_default_says() -> None:
    graphs = [Data(torch.ones(n, 1)) for n in (1, 2, 3)]
    with torch.device("meta"):
        for batch in CPULoader(graphs, batch_size=2):
            assert batch.batch.device.type == "cpu"
            assert torch.empty(1).device.type == "meta"


def test_a_batch_of_chosen_nodes() -> None:
    ring = torch.stack([torch.arange(5), torch.arange(5).roll(1)])
    loader = NeighborLoader(Data(torch.eye(5), ring), [1], batch_size=2)
    expected = loader([3, 1])
    with torch.device("meta"):
        found = loader([3, 1])
    assert found.n_id.tolist() == expected.n_id.tolist()
    assert found.x.tolist() == expected.x.tolist()
