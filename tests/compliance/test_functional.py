"""What torch.func says of a layer or network is what backward() says, or one clear refusal."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.func import functional_call, grad

from graphpoly.registry import entries
from graphpoly.testing import assert_close
from graphpoly.testing.subject import Subject

EVERY = [
    each
    for kind in ("layer", "model")
    for each in entries(kind)
    if {"pairs", "pointer", "steps"}.isdisjoint(inspect.signature(each.obj.forward).parameters)
]
IMPLICIT = ("ConvergentConv", "PicardConv", "SubhomogeneousConv")


def weighted(out):
    return (out * torch.arange(out.numel(), dtype=out.dtype).cos().view(out.shape)).sum()


@pytest.mark.parametrize("entry", EVERY, ids=lambda each: each.name)
def test_gradients_are_those_of_backward(entry):
    subject = Subject(entry)
    layer = subject.layer(dtype=torch.float64)
    data = subject.graph("erdos_renyi", dtype=torch.float64)

    def loss(held, x):
        torch.manual_seed(0)
        return weighted(
            subject.call(lambda *args, **more: functional_call(layer, held, args, more), data, x=x)
        )

    held = {name: value.detach() for name, value in layer.named_parameters()}
    if entry.name in IMPLICIT:
        with pytest.raises(NotImplementedError, match=r"no derivative within torch\.func"):
            grad(loss)(held, data.x)
        return
    leaves = {name: value.clone().requires_grad_() for name, value in held.items()}
    x = data.x.clone().requires_grad_()
    expected = torch.autograd.grad(loss(leaves, x), [x, *leaves.values()], materialize_grads=True)
    found, by_x = grad(loss, (0, 1))(held, data.x)
    for one, other in zip([by_x, *found.values()], expected, strict=True):
        assert_close(one, other)
