"""Layers that run as one operator: which do, and that the others are as they were."""

import copy
from unittest import mock

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

import graphpoly.acceleration.gat_conv as gat
import graphpoly.acceleration.gcn_conv as gcn
from graphpoly.acceleration import accelerate
from graphpoly.testing import assert_close

pytestmark = pytest.mark.usefixtures("sooner")

IN, OUT, HEADS = 5, 6, 2
PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])


def features(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, IN, generator=generator, dtype=dtype).requires_grad_()


def hooked(layer):
    layer.lin.register_forward_hook(lambda module, given, out: out * 2)
    return layer


def parametrized(layer):
    nn.utils.parametrizations.weight_norm(layer.lin)
    return layer


SERVED = {
    "GCN": lambda: pyg.GCNConv(IN, OUT),
    "GCN without bias": lambda: pyg.GCNConv(IN, OUT, bias=False),
    "GCN without weights": lambda: pyg.GCNConv(IN, OUT, normalize=False),
    "GCN that was lazy": lambda: pyg.GCNConv(-1, OUT),
    "GAT": lambda: pyg.GATConv(IN, OUT, heads=HEADS),
    "GAT without bias or loops": lambda: pyg.GATConv(
        IN, OUT, heads=HEADS, bias=False, add_self_loops=False, negative_slope=0.3
    ),
    "GAT that was lazy": lambda: pyg.GATConv(-1, OUT),
}
LEFT = {
    "GCN that narrows": lambda: pyg.GCNConv(IN, IN - 1),
    "GCN with a hook": lambda: hooked(pyg.GCNConv(IN, OUT)),
    "GCN of another weight": lambda: parametrized(pyg.GCNConv(IN, OUT)),
    "GAT with a hook": lambda: hooked(pyg.GATConv(IN, OUT)),
    "GAT of another weight": lambda: parametrized(pyg.GATConv(IN, OUT)),
    "GAT of means": lambda: pyg.GATConv(IN, OUT, heads=HEADS, concat=False),
    "GAT with a residual": lambda: pyg.GATConv(IN, OUT, residual=True),
}


def operator(layer):
    module, name = (gat, "gat_layer") if isinstance(layer, pyg.GATConv) else (gcn, "gcn_layer")
    return mock.patch.object(module, name, wraps=getattr(module, name))


@pytest.mark.parametrize("name", SERVED | LEFT)
def test_one_operator_or_several(name):
    torch.manual_seed(0)
    layer = (SERVED | LEFT)[name]().double()
    layer(features().detach(), PAIRS)  # what is lazy finds its size
    twin = copy.deepcopy(layer)
    accelerate(twin)
    with operator(layer) as called:
        for step in range(2):
            found, probe = [], torch.sin(torch.arange(5.0) + step).double().unsqueeze(-1)
            for module in (layer, twin):
                x = features()
                out = module(x, PAIRS)
                grads = torch.autograd.grad((out * probe).sum(), [x, *module.parameters()])
                found.append((out, *grads))
            for one, other in zip(*found, strict=True):
                assert_close(other, one)
    assert called.call_count == (2 if name in SERVED else 0)


@pytest.mark.parametrize("name", ["GCN", "GAT"])
def test_other_types_and_pairs_of_features_run_as_before(name):
    layer = SERVED[name]()
    accelerate(layer)
    x = features(torch.float32)
    with operator(layer) as called:
        with torch.autocast("cpu", torch.bfloat16):
            layer(x, PAIRS)
        layer.bfloat16()(x.bfloat16(), PAIRS)
        with pytest.raises(RuntimeError):
            layer.double()(x, PAIRS)
        if name == "GAT":
            layer((x.double(), x.double()), PAIRS)
        assert not called.call_count
        layer(x.double(), PAIRS)
        assert called.call_count == 1


@pytest.mark.parametrize("make", [torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr])
@pytest.mark.parametrize("name", ["GCN", "GCN that narrows", "GAT"])
def test_features_that_come_as_a_sparse_tensor(name, make):
    layer = (SERVED | LEFT)[name]().double()
    twin = copy.deepcopy(layer)
    accelerate(twin)
    x = make(features().detach().relu())
    assert_close(twin(x, PAIRS), layer(x, PAIRS))
