"""PyTorch's module of dropout on our operator."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly import accelerate, restore
from graphpoly.acceleration.dropout import AcceleratedDropout
from graphpoly.ops import dropout
from graphpoly.testing import assert_close


def test_it_is_put_in_and_taken_out():
    model = pyg.GCN(4, 8, 2, 3, dropout=0.5)
    printed = str(model)
    accelerate(model)
    assert type(model.dropout) is AcceleratedDropout
    assert str(model) == printed
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(twin.dropout) is AcceleratedDropout
        restore(twin)
        assert type(twin.dropout) is nn.Dropout
    restore(model)
    assert type(model.dropout) is nn.Dropout


def test_it_is_the_operator_in_training_and_nothing_else():
    model = nn.Sequential(nn.Dropout(0.3))
    accelerate(model)
    x = torch.randn(20, 30)
    torch.manual_seed(0)
    expected = dropout(x, 0.3)
    torch.manual_seed(0)
    assert torch.equal(model(x), expected)
    assert torch.equal(model.eval()(x), x)
    assert model[0](input=x) is x


def test_what_it_does_not_serve_is_pytorchs():
    module = nn.Sequential(nn.Dropout(1.0, inplace=True))
    accelerate(module)
    x = torch.ones(5)
    assert module(x) is x
    assert_close(x, torch.zeros(5))
    plain = nn.Sequential(nn.Dropout(1.0))
    accelerate(plain)
    assert_close(plain(torch.ones(5, dtype=torch.complex64)), torch.zeros(5, dtype=torch.complex64))


def test_tensors_of_rows_of_several_lengths_are_pytorchs():
    module = nn.Sequential(nn.Dropout(0.5))
    accelerate(module)
    given = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)])
    for part, out in zip(given.unbind(), module(given).unbind(), strict=True):
        assert part.shape == out.shape


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.AlphaDropout])
def test_its_relatives_are_left_alone(kind):
    model = nn.Sequential(kind(0.5))
    accelerate(model)
    assert type(model[0]) is kind
