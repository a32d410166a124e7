"""Parameters of a shape or a type that PyTorch spreads or promotes: each layer as PyG's own."""

from __future__ import annotations

import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly import accelerate
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 1, 1, 2, 3, 0, 2], [1, 0, 2, 1, 0, 3, 2]])
IN, OUT = 6, 4
ATTENTION = {
    "GATConv": lambda **more: pyg.GATConv(IN, OUT, heads=2, **more),
    "GATv2Conv": lambda **more: pyg.GATv2Conv(IN, OUT, heads=2, **more),
    "TransformerConv": lambda **more: pyg.TransformerConv(IN, OUT, heads=2, **more),
}


def perceptron():
    return nn.Sequential(nn.Linear(IN, 5), nn.ReLU(), nn.Linear(5, OUT))


def normalized():
    return nn.Sequential(nn.Linear(IN, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, OUT))


MAKE = {
    **ATTENTION,
    "GATConv mean": lambda: pyg.GATConv(IN, OUT, heads=2, concat=False),
    "GATConv residual": lambda: pyg.GATConv(IN, OUT, heads=2, residual=True),
    "GCNConv": lambda: pyg.GCNConv(IN, OUT),
    "GCNConv wide": lambda: pyg.GCNConv(IN, 2 * IN),
    "SAGEConv": lambda: pyg.SAGEConv(IN, OUT, project=True),
    "GraphConv": lambda: pyg.GraphConv(IN, OUT),
    "ChebConv": lambda: pyg.ChebConv(IN, OUT, 3),
    "TAGConv": lambda: pyg.TAGConv(IN, OUT),
    "SGConv": lambda: pyg.SGConv(IN, OUT, K=2),
    "GINConv": lambda: pyg.GINConv(perceptron(), train_eps=True),
    "GINConv norm": lambda: pyg.GINConv(normalized()),
    "PNAConv": lambda: pyg.PNAConv(
        IN, OUT, ["mean", "max"], ["identity", "amplification"], deg=torch.tensor([0, 2, 2])
    ),
    "GCN": lambda: pyg.GCN(IN, 5, 2, OUT),
    "GraphSAGE": lambda: pyg.GraphSAGE(IN, 5, 2, OUT),
    "GAT": lambda: pyg.GAT(IN, 6, 2, OUT, heads=2),
    "GIN": lambda: pyg.GIN(IN, 5, 2, OUT, norm="batch_norm"),
}
BIASES = [
    (kind, name)
    for kind, make in MAKE.items()
    for name, _ in make().named_parameters()
    if name.endswith("bias") and "module" not in name and name != "nn.1.bias"
]


def given(layer, name, value):
    holder, _, last = name.rpartition(".")
    setattr(layer.get_submodule(holder), last, nn.Parameter(value))


def outcome(layer, x, *rest):
    out = layer(x, EDGES, *rest)
    weight = torch.arange(out.numel(), dtype=out.dtype).cos().view(out.shape)
    leaves = list(layer.parameters())
    return out, torch.autograd.grad((out * weight).sum(), leaves, allow_unused=True)


def check_alike(layer, x, *rest):
    """Equal in value, shape and type, up to the rounding of ``x``."""
    twin = copy.deepcopy(layer)
    accelerate(twin)
    (expected, theirs), (out, ours) = outcome(layer, x, *rest), outcome(twin, x, *rest)
    assert out.dtype is expected.dtype
    assert_close(out.to(x.dtype), expected.to(x.dtype))
    for one, other in zip(ours, theirs, strict=True):
        if other is None:
            assert one is None
        else:
            assert one.shape == other.shape
            assert one.dtype is other.dtype
            assert_close(one.to(x.dtype), other.to(x.dtype), kind="accumulated")


@pytest.mark.parametrize(("kind", "name"), BIASES)
@pytest.mark.parametrize("shape", [(1,), (1, -1)])
def test_a_bias_that_is_spread_over_the_channels(kind, name, shape):
    layer = MAKE[kind]().double()
    bias = torch.randn_like(layer.get_parameter(name))
    given(layer, name, bias[:1] if shape == (1,) else bias.view(shape))
    check_alike(layer, torch.randn(4, IN, dtype=torch.float64))


@pytest.mark.parametrize("kind", ATTENTION)
@pytest.mark.parametrize("edge_dim", [None, 3])
def test_one_vector_or_bias_in_float64(kind, edge_dim):
    """Whatever PyG's own layer takes in another type."""
    x = torch.randn(4, IN)
    rest = () if edge_dim is None else (torch.randn(EDGES.size(1), edge_dim),)
    tried = 0
    for name, value in ATTENTION[kind](edge_dim=edge_dim).named_parameters():
        layer = ATTENTION[kind](edge_dim=edge_dim)
        given(layer, name, torch.randn_like(value, dtype=torch.float64))
        try:
            layer(x, EDGES, *rest)
        except RuntimeError:
            continue
        tried += 1
        check_alike(layer, x, *rest)
    assert tried or kind == "TransformerConv"
