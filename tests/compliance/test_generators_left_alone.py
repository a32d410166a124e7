"""Whoever analyses a model on the CPU goes on drawing as before, on every device."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import GIN

from graphpoly.privacy.reach import measured_reach
from tests.compliance.test_default_device_of_rooms import EDGES, LOADERS, MADE, MEASURED, SEEN

pytestmark = pytest.mark.cpu  # about devices that need not be there


@pytest.fixture
def seeded(monkeypatch):
    """The seeds that other devices are given."""
    seeds = []
    for device in (torch.cuda, torch.xpu, torch.mtia):
        monkeypatch.setattr(device, "manual_seed_all", seeds.append)
    torch.manual_seed(0)
    assert seeds
    seeds.clear()
    return seeds


@pytest.mark.parametrize("name", SEEN)
def test_analysis(name, seeded):
    before = torch.get_rng_state()
    SEEN[name]()
    assert seeded == []
    assert torch.equal(torch.get_rng_state(), before)


def test_reach(seeded):
    net = GIN(3, 4, 2)  # which draws what it begins with
    before = torch.get_rng_state()
    measured_reach(net, lambda net, data: net(data.x, data.edge_index), EDGES)
    assert seeded == []
    assert torch.equal(torch.get_rng_state(), before)


OTHERS = {**MADE, **LOADERS, **MEASURED}


@pytest.mark.parametrize("name", OTHERS)
def test_what_draws_from_the_generator_of_the_cpu(name, seeded):
    made = OTHERS[name]()
    if name in LOADERS:
        list(made)
    assert seeded == []
