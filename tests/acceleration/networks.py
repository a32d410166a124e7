"""What tests of networks that may be one operator share."""

from __future__ import annotations

import copy
from types import MethodType
from unittest import mock

import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn.utils import parametrize

import graphpoly.acceleration.conv_network as conv_network
import graphpoly.acceleration.gat_network as gat_network
from graphpoly import accelerate
from graphpoly.testing import assert_close

EDGES = torch.randint(30, (2, 90), generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.rand(90, generator=torch.Generator().manual_seed(1)).double() + 0.1
SIZES = {"in_channels": 5, "hidden_channels": 6, "num_layers": 3, "out_channels": 4}
NETWORKS = {"GAT": pyg.GAT, "GCN": pyg.GCN, "SAGE": pyg.GraphSAGE}
SETTINGS = {"GAT": {"heads": 2}}
LINEAR = {"GAT": "lin", "GCN": "lin", "SAGE": "lin_l"}
OPERATORS = {
    "GAT": (gat_network, "gat_network"),
    "GCN": (conv_network, "conv_network"),
    "SAGE": (conv_network, "conv_network"),
}


def features(seed=0):
    return torch.randn(30, 5, generator=torch.Generator().manual_seed(seed)).double()


def doubled(module, *given, **named):
    return 2 * type(module).forward(module, *given, **named)


def of(kind, **settings):
    return lambda: {"GIN": pyg.GIN, **NETWORKS}[kind](**SIZES, **SETTINGS.get(kind, {}) | settings)


def replaced(kind, name):
    def make():
        network = of(kind)()
        module = network.get_submodule(name)
        module.forward = MethodType(doubled, module)
        return network

    return make


def hooked(kind, name):
    def make():
        network = of(kind)()
        network.get_submodule(name).register_forward_hook(lambda module, given, out: out * 2)
        return network

    return make


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def parametrized(kind, name, parameter):
    def make():
        network = of(kind)()
        parametrize.register_parametrization(network.get_submodule(name), parameter, Doubled())
        return network

    return make


def changed(kind, **attributes):
    """A network whose layers are not alike."""

    def make():
        network = of(kind)()
        for key, value in attributes.items():
            setattr(network.convs[1], key, value)
        return network

    return make


def run(network, x, *given, edges=EDGES):
    leaf = x.detach().requires_grad_()
    out = network(leaf, edges, *given)
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).to(out)
    wanted = [leaf, *network.parameters()]
    return out, torch.autograd.grad(out, wanted, probe, allow_unused=True)


def watched(kind):
    module, name = OPERATORS[kind]
    return mock.patch.object(module, name, wraps=getattr(module, name))


def served(kind, network, *args, **kwargs):
    """What the network gives, and whether it was one operator."""
    with watched(kind) as kernel:
        out = network(*args, **kwargs)
    return out, kernel.call_count == 1


def compare(network, twin, x, *given, edges=EDGES, what=""):
    expected, grads = run(network, x, *given, edges=edges)
    out, found = run(twin, x, *given, edges=edges)
    assert_close(out, expected, what=what)
    for one, other in zip(found, grads, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other, kind="accumulated", what=what)


def check_twin(kind, network, *, at_once, steps=0):
    """Two steps and one in eval mode of a network and its twin.

    ``steps`` of them are one operator where the network is not ``at_once``.
    """
    twin = copy.deepcopy(network)
    accelerate(twin)
    assert list(twin.state_dict()) == list(network.state_dict())
    with watched(kind) as kernel:
        for step in range(3):
            network.train(step < 2), twin.train(step < 2)
            compare(network, twin, features(step))
        for key, value in network.state_dict().items():
            assert torch.equal(twin.state_dict()[key], value)
    assert kernel.call_count == (3 if at_once else steps)
