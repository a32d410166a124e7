"""torch.compile of each accelerated layer: one graph, whatever the number of its edges is."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg

from graphpoly.acceleration import accelerate
from graphpoly.acceleration.swap import ACCELERATED
from graphpoly.testing import assert_close
from tests.acceleration.test_convs import IN, OUT
from tests.acceleration.test_export import LAYERS, graph

SIZES = [(7, 15), (11, 26)]
MODELS = LAYERS | {
    "GIN": lambda: pyg.GIN(IN, 6, 2, OUT),
    "GIN with norms": lambda: pyg.GIN(IN, 6, 2, OUT, norm="batch_norm", jk="cat"),
}


class Thinned(torch.nn.Module):
    """A layer on the edges that a mask leaves, whose number a program does not know."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index, *edge):
        kept = edge_index[0] != 3
        return self.layer(x, edge_index[:, kept], *(each[kept] for each in edge))


def step(model, run, data):
    """Output, and gradients of features and parameters."""
    x, edge_index, *edge = data
    x = x.double().requires_grad_()
    out = run(x, edge_index, *(each.double() for each in edge))
    probe = torch.sin(torch.arange(out.numel()) + 1.0).view_as(out)
    leaves = [x, *model.parameters()]
    return [out, *torch.autograd.grad((out * probe).sum(), leaves, materialize_grads=True)]


def check(name, layer):
    twin = copy.deepcopy(layer)
    assert accelerate(twin).accelerated
    torch.compiler.reset()
    program = torch.compile(twin, backend="eager", fullgraph=True, dynamic=True)
    for size in SIZES:
        data = graph(name, *size)
        for one, other in zip(step(twin, program, data), step(layer, layer, data), strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("name", MODELS)
def test_one_program(name):
    check(name, MODELS[name]().double())


@pytest.mark.parametrize("name", MODELS)
def test_of_edges_that_a_mask_leaves(name):
    check(name, Thinned(MODELS[name]().double()))


def test_every_accelerated_layer_is_compiled():
    assert {type(make()) for make in MODELS.values()} >= set(ACCELERATED)
