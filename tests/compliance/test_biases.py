"""A bias of one number is spread over all channels, as ``torch.nn.Linear`` does."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn
from torch_geometric.nn import Linear

from graphpoly.registry import entries
from graphpoly.testing import assert_close
from graphpoly.testing.subject import Subject

EVERY = [
    each
    for kind in ("layer", "model")
    for each in entries(kind)
    if {"pairs", "pointer", "steps"}.isdisjoint(inspect.signature(each.obj.forward).parameters)
]


def outcome(subject, data, name, bias):
    layer = subject.layer(dtype=torch.float64)
    lin = layer.get_submodule(name)
    lin.bias = nn.Parameter(bias)
    torch.manual_seed(0)
    out = subject.call(layer, data)
    (grad,) = torch.autograd.grad(out.square().sum(), lin.bias, materialize_grads=True)
    return out, grad


@pytest.mark.parametrize("entry", EVERY, ids=lambda each: each.name)
def test_one_number_is_as_many_equal_ones(entry):
    subject = Subject(entry)
    data = subject.graph("erdos_renyi", dtype=torch.float64)
    for name, module in subject.layer(dtype=torch.float64).named_modules():
        if isinstance(module, nn.Linear | Linear) and module.bias is not None:
            one = torch.full((1,), 0.37, dtype=torch.float64)
            whole = one.expand(module.bias.numel()).clone()
            expected, each = outcome(subject, data, name, whole)
            out, grad = outcome(subject, data, name, one)
            assert_close(out, expected, kind="accumulated", what=name)
            assert_close(grad, each.sum().view(1), kind="accumulated", what=name)
