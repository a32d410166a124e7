"""PyG's networks on bags of words: the values and gradients of the dense maps."""

from __future__ import annotations

import copy
from unittest import mock

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly import accelerate
from graphpoly.acceleration import dense
from graphpoly.ops import spmm
from graphpoly.ops._extension import load
from graphpoly.testing import assert_close

pytestmark = pytest.mark.skipif(not load()["available"], reason="without kernels maps are dense")

NODES, WORDS = 140, 150
NETWORKS = {
    "GCN": lambda: pyg.GCN(WORDS, 16, 2, 3),
    "wide GCN": lambda: pyg.GCN(WORDS, 160, 2, 3),
    "GAT": lambda: pyg.GAT(WORDS, 16, 2, 3, heads=4, residual=True),
    "GIN": lambda: pyg.GIN(WORDS, 16, 2, 3),
    "GIN that learns": lambda: pyg.GIN(WORDS, 16, 2, 3, norm="batch_norm", train_eps=True),
    "GIN max": lambda: pyg.GIN(WORDS, 16, 2, 3, aggr="max"),
    "GIN of one map": lambda: pyg.GINConv(nn.Sequential(nn.Linear(WORDS, 3), nn.ReLU())),
    "SAGE": lambda: pyg.GraphSAGE(WORDS, 16, 2, 3),
    "SAGE max": lambda: pyg.GraphSAGE(WORDS, 16, 2, 3, aggr="max"),
    "SAGE that projects": lambda: pyg.SAGEConv(WORDS, 3, project=True),
    "SAGE without roots": lambda: pyg.SAGEConv(WORDS, 3, root_weight=False, bias=False),
    "GraphConv": lambda: pyg.GraphConv(WORDS, 3),
    "GATv2": lambda: pyg.GATv2Conv(WORDS, 3),
}


def bag(seed=0):
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(NODES, WORDS, generator=generator) < 0.03
    edges = torch.randint(NODES - 3, (2, 500), generator=generator)  # and three alone
    return kept.double() * torch.randn(NODES, WORDS, generator=generator), edges


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_those_of_pyg(name):
    torch.manual_seed(0)
    x, edges = bag()
    model = NETWORKS[name]().double()
    twin = copy.deepcopy(model)
    accelerate(twin)
    out, expected = twin(x, edges), model(x, edges)
    assert_close(out, expected)
    probe = torch.randn(expected.shape, dtype=torch.float64)
    grads = (
        torch.autograd.grad(o, list(m.parameters()), probe, allow_unused=True)
        for o, m in ((out, twin), (expected, model))
    )
    for found, wanted in zip(*grads, strict=True):
        if wanted is not None:
            assert_close(found, wanted, kind="accumulated")


@pytest.mark.parametrize("name", ["GCN", "GAT", "GIN", "GIN that learns", "SAGE"])
def test_the_words_are_multiplied_as_sparse_ones(name):
    """Neither a dense map nor a sum over neighbours sees all channels of the features."""
    x, edges = bag()
    model = NETWORKS[name]().double()
    accelerate(model)

    def narrow(adj, given, *rest):
        assert given.size(-1) < WORDS
        return spmm(adj, given, *rest)

    with (
        mock.patch("graphpoly.acceleration.accelerated.spmm", side_effect=narrow),
        mock.patch.object(dense, "linear", side_effect=narrow_linear),
    ):
        model(x, edges)


def narrow_linear(x, *rest, **named):
    assert x.size(-1) < WORDS
    return REAL(x, *rest, **named)


REAL = dense.linear


def test_hooks_see_their_modules():
    x, edges = bag()
    conv = pyg.GCNConv(WORDS, 3).double()
    accelerate(conv)
    seen = []
    conv.lin.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    conv(x, edges)
    assert seen[0] is x
