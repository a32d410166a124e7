"""Networks whose layers are one operator, as parts of others and under modes."""

import copy
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
from torch import nn
from torch.overrides import TorchFunctionMode

import graphpoly.acceleration.conv_network as conv_network
import graphpoly.acceleration.gin_network as gin_network
from graphpoly import accelerate
from graphpoly.testing import assert_close

pytestmark = pytest.mark.usefixtures("sooner")

EDGES = torch.randint(30, (2, 90), generator=torch.Generator().manual_seed(0))
KINDS = {
    "GCN": (pyg.GCN, conv_network, "conv_network"),
    "GIN": (pyg.GIN, gin_network, "gin_network"),
    "SAGE": (pyg.GraphSAGE, conv_network, "conv_network"),
}


class Around(nn.Module):
    """A network with a forward of its own, whose dropout is a function."""

    def __init__(self, layers, p=0.0):
        super().__init__()
        self.layers, self.p, self.lin = layers, p, nn.Linear(4, 2)

    def forward(self, x, edge_index):
        out = F.dropout(self.layers(x, edge_index), self.p, self.training)
        return self.lin(out.relu())


class Counted(TorchFunctionMode):
    """Somebody else who sees what is called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def features():
    return torch.randn(30, 5, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_another_network_goes_at_once(kind, depth):
    """The mode of the network around it, which sees to dropout, keeps nothing from it."""
    made, module, name = KINDS[kind]
    network = Around(made(5, 6, 3, 4)).double()
    network = network if depth == 1 else nn.Sequential(Nested(network)).double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    x = features().requires_grad_()
    call = network if depth == 1 else network[0]
    other = twin if depth == 1 else twin[0]
    with mock.patch.object(module, name, wraps=getattr(module, name)) as kernel:
        for training in (True, False):
            network.train(training), twin.train(training)
            out, expected = other(x, EDGES), call(x, EDGES)
            assert_close(out, expected)
            (found,) = torch.autograd.grad(out.sin().sum(), x)
            (wanted,) = torch.autograd.grad(expected.sin().sum(), x)
            assert_close(found, wanted)
    assert kernel.call_count == 2


class Nested(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, edge_index):
        return self.inner(x, edge_index)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_around_it_is_still_ours(kind):
    made, _, _ = KINDS[kind]
    network = Around(made(5, 6, 3, 4), p=0.5).double()
    accelerate(network)
    module = "graphpoly.acceleration.drops.dropped_input"
    with mock.patch(module, side_effect=lambda x, p, training: x * 0) as drop:
        out = network(features(), EDGES)
    assert drop.call_count == 1
    assert_close(out, network.lin.bias.expand(30, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mode_of_somebody_else_sees_the_layers(kind):
    made, module, name = KINDS[kind]
    network = made(5, 6, 3, 4).double()
    expected = network(features(), EDGES)
    accelerate(network)
    with (
        mock.patch.object(module, name, wraps=getattr(module, name)) as kernel,
        Counted() as counted,
    ):
        out = network(features(), EDGES)
    assert kernel.call_count == 0
    assert "relu" in counted.names
    assert_close(out, expected)
