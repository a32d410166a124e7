"""GraphMamba: its parts, and what its subgraphs tell apart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from graphpoly.models import GraphMamba
from graphpoly.testing import assert_close, graph_zoo
from tests.models.test_rni_gnn import HEXAGON, TRIANGLES, both_ways

SMALL = {"expand": 1, "states": 4, "kernel_size": 2}


@pytest.mark.parametrize("pool", [None, "mean", "max"])
def test_it_is_the_layer_a_norm_and_a_map(pool):
    torch.manual_seed(0)
    net = GraphMamba(3, 8, 2, walk_length=2, pool=pool, dropout=0.5, **SMALL).double().eval()
    x, batch = torch.randn(6, 3).double(), torch.tensor([0, 0, 0, 1, 1, 1])
    h = net.conv(x, both_ways(TRIANGLES), batch)
    h = F.gelu(F.layer_norm(h, (8,)))
    if pool == "mean":
        h = h.view(2, 3, 8).mean(1)
    elif pool == "max":
        h = h.view(2, 3, 8).amax(1)
    assert_close(net(x, both_ways(TRIANGLES), batch), net.head(h))


@pytest.mark.parametrize(("walk_length", "parted"), [(0, False), (2, True)])
def test_subgraphs_part_what_refinement_cannot(walk_length, parted):
    torch.manual_seed(1)
    options = {"walk_length": walk_length, "num_walks": 8, "pool": "mean"}
    net = GraphMamba(1, 8, 1, **options, **SMALL).double().eval()
    x = torch.ones(6, 1).double()
    one, other = (net(x, both_ways(edges)) for edges in (HEXAGON, TRIANGLES))
    assert (abs(float((one - other).detach())) > 1e-6) == parted


def test_it_learns_what_only_far_nodes_know():
    """The class of every node of a path is the sign at its one end."""
    torch.manual_seed(2)
    path = both_ways(torch.stack([torch.arange(9), torch.arange(1, 10)]))
    edges = torch.cat([path + 10 * g for g in range(6)], 1)
    batch = torch.arange(60) // 10
    sign = torch.arange(6) % 2
    x = torch.zeros(60, 1)
    x[::10, 0] = 2.0 * sign - 1
    net = GraphMamba(1, 16, 2, message_passing=False, **SMALL)
    optimizer = torch.optim.Adam(net.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(net(x, edges, batch, 6), sign[batch]).backward()
        optimizer.step()
    assert (net.eval()(x, edges, batch, 6).argmax(1) == sign[batch]).all()


def test_a_step_in_training_reaches_every_parameter():
    data = graph_zoo(names=["grid"], num_features=5)["grid"]
    net = GraphMamba(5, 8, 3, walk_length=2, samples=2, token_layers=2, dropout=0.1)
    net(data.x, data.edge_index).sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


@pytest.mark.parametrize("training", [True, False])
def test_draws_come_from_a_generator_that_is_given(training):
    data = graph_zoo(names=["grid"], num_features=5)["grid"]
    net = GraphMamba(5, 8, 3, walk_length=2).train(training)
    outs = [
        net(data.x, data.edge_index, generator=torch.Generator().manual_seed(seed))
        for seed in (4, 4, 5)
    ]
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize(
    ("wrong", "message"), [({"pool": "sum"}, "pool"), ({"walk_length": -2}, "walk_length: got -2")]
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        GraphMamba(2, 8, 2, **wrong)
