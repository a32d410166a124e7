"""A network is looked at again when anything in it was changed."""

import copy
import gc
import weakref

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn.utils import parametrize

from graphpoly.acceleration import accelerate, restore
from graphpoly.acceleration.snapshot import Snapshot


def network():
    torch.manual_seed(0)
    made = pyg.GIN(5, 6, 3, 4, norm="batch_norm")
    accelerate(made)
    return made


def test_each_attribute_parameter_and_child_counts():
    made = network()
    taken = Snapshot(made)
    assert taken.holds()
    seen = 0
    for module in made.modules():
        for own in [
            vars(module),
            *(each for each in vars(module).values() if isinstance(each, dict)),
        ]:
            for name, value in list(own.items()):
                own[name] = copy.copy(value) if isinstance(value, dict | list) else object()
                assert not taken.holds(), (type(module).__name__, name)
                own[name] = value
                assert taken.holds()
                seen += 1
    assert seen > 500


CHANGES = {
    "a hook": lambda lin: lin.register_forward_hook(lambda *given: None),
    "a hook before": lambda lin: lin.register_forward_pre_hook(lambda *given: None),
    "a hook of gradients": lambda lin: lin.register_full_backward_hook(lambda *given: None),
    "a forward of its own": lambda lin: setattr(lin, "forward", lambda x: x),
    "another attribute": lambda lin: setattr(lin, "note", 1),
    "one less": lambda lin: delattr(lin, "in_channels"),
    "an equal parameter": lambda lin: setattr(lin, "weight", nn.Parameter(lin.weight.detach())),
    "no bias": lambda lin: setattr(lin, "bias", None),
    "a buffer": lambda lin: lin.register_buffer("mask", torch.ones(1)),
    "a child": lambda lin: lin.add_module("child", nn.Identity()),
    "a class": lambda lin: setattr(lin, "__class__", type("Own", (type(lin),), {})),
    "a parametrization": lambda lin: parametrize.register_parametrization(
        lin, "weight", nn.Identity()
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_done_to_a_module_counts(change):
    made = network()
    taken = Snapshot(made)
    change(made.convs[1].nn.lins[0])
    assert not taken.holds()
    assert Snapshot(made).holds()


def test_lists_and_modes_count():
    made = network()
    taken = Snapshot(made)
    made.convs[0].nn.dropout[0] = 0.5
    assert not taken.holds()
    taken = Snapshot(made)
    lists = [each for part in made.modules() for each in vars(part).values() if type(each) is list]
    lists[-1].append(0.0)  # nothing lies behind it
    assert not taken.holds()
    lists[-1].pop()
    assert taken.holds()
    made.convs[2].eval()
    assert not taken.holds()
    taken = Snapshot(made)
    restore(made)
    assert not taken.holds()


def test_what_training_changes_does_not():
    made = network()
    taken = Snapshot(made)
    optimizer = torch.optim.Adam(made.parameters())
    accelerate(made, optimizer)
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    for _ in range(2):
        made(torch.randn(4, 5), edges).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    made.load_state_dict(copy.deepcopy(made.state_dict()))
    assert taken.holds()


def test_networks_are_not_kept():
    made = network()
    made(torch.randn(4, 5), torch.tensor([[0, 1], [1, 2]])).sum().backward()
    gone = weakref.ref(made), weakref.ref(made.convs[1].nn.lins[0].weight)
    del made
    gc.collect()
    assert [each() for each in gone] == [None, None]
