"""What a layer or network returns may be edited in place."""

import copy

import pytest
import torch
from torch.utils._pytree import tree_leaves

from graphpoly.testing import assert_close
from tests.compliance.test_hooks import MADE, NETS, subject_of


@pytest.mark.parametrize("name", [*MADE, *NETS])
def test_gradients_know_of_it(name):
    subject = subject_of(name)
    layer, graph = subject.layer(dtype=torch.float64), subject.graph("erdos_renyi")
    found = []
    for double in (torch.Tensor.mul, torch.Tensor.mul_):
        data = copy.copy(graph)
        data.x = graph.x.clone().requires_grad_()
        torch.manual_seed(0)
        outputs = [double(out, 2) for out in tree_leaves(subject.outputs(layer, data))]
        total = sum(out.sin().sum() for out in outputs)
        leaves = [data.x, *(p for p in layer.parameters() if p.requires_grad)]
        found.append([*outputs, *torch.autograd.grad(total, leaves, materialize_grads=True)])
    for one, other in zip(*found, strict=True):
        assert_close(one, other, kind="accumulated")
