"""PyG's GCN and GraphSAGE in one operator: when they are, and that they compute what PyG's do."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from graphpoly import accelerate
from graphpoly.testing import assert_close
from tests.acceleration.networks import (
    EDGES,
    LINEAR,
    WEIGHTS,
    changed,
    check_twin,
    compare,
    features,
    hooked,
    of,
    parametrized,
    replaced,
    served,
    watched,
)

pytestmark = pytest.mark.usefixtures("sooner")

KINDS = ("GCN", "SAGE")
LINEARS = {kind: LINEAR[kind] for kind in KINDS}


AT_ONCE = {
    **{f"{kind}, plain": of(kind) for kind in KINDS},
    **{f"{kind}, no biases": of(kind, bias=False) for kind in KINDS},
    "GCN, one layer": lambda: pyg.GCN(5, 6, 1, 4),
    "SAGE, one layer": lambda: pyg.GraphSAGE(5, 6, 1, 4),
    "GCN, fewer channels": lambda: pyg.GCN(5, 3, 2),
    "SAGE, fewer channels": lambda: pyg.GraphSAGE(5, 3, 2),
    "GCN, no loops": of("GCN", add_self_loops=False),
    "GCN, improved": of("GCN", improved=True),
    "GCN, not normalised": of("GCN", normalize=False),
    "SAGE, sums": of("SAGE", aggr="sum"),
    "SAGE, no roots": of("SAGE", root_weight=False),
}
LEFT = {
    **{f"{kind}, dropout": of(kind, dropout=1.0) for kind in KINDS},
    **{f"{kind}, another activation": of(kind, act="elu") for kind in KINDS},
    **{f"{kind}, no activation": of(kind, act=None) for kind in KINDS},
    **{f"{kind}, a norm between layers": of(kind, norm="layer") for kind in KINDS},
    **{f"{kind}, jumping knowledge": of(kind, jk="cat") for kind in KINDS},
    "GCN, unlike layers": changed("GCN", improved=True, add_self_loops=False),
    "GCN, cached": of("GCN", cached=True),
    "GCN, maximum": of("GCN", aggr="max"),
    "SAGE, maximum": of("SAGE", aggr="max"),
    "SAGE, normalised": of("SAGE", normalize=True),
    "SAGE, projected": of("SAGE", project=True),
    "SAGE, unlike layers": changed("SAGE", aggr_module=pyg.SumAggregation()),
    "SAGE, a bias of roots": lambda: changed("SAGE", lin_r=nn.Linear(6, 6))(),
    **{
        f"{kind}, hook of {name}": hooked(kind, name)
        for kind, lin in LINEARS.items()
        for name in (
            "act",
            "dropout",
            "norms.0",
            "convs.1",
            f"convs.2.{lin}",
            "convs.0.aggr_module",
        )
    },
    **{
        f"{kind}, forward of {name}": replaced(kind, name)
        for kind, lin in LINEARS.items()
        for name in ("act", "convs.0", f"convs.0.{lin}")
    },
    **{
        f"{kind}, a weight made of another": parametrized(kind, f"convs.1.{lin}", "weight")
        for kind, lin in LINEARS.items()
    },
    "GCN, a bias made of another": parametrized("GCN", "convs.1", "bias"),
}


@pytest.mark.parametrize("name", AT_ONCE | LEFT)
def test_the_network_and_its_twin(name):
    torch.manual_seed(0)
    network = (AT_ONCE | LEFT)[name]().double()
    steps = 1 if name.endswith(", dropout") else 0  # without dropout in eval mode
    check_twin(name.partition(",")[0], network, at_once=name in AT_ONCE, steps=steps)


@pytest.mark.parametrize("settings", [{}, {"improved": True}, {"normalize": False}])
def test_edge_weights(settings):
    network = of("GCN", **settings)().double()
    twin = copy.deepcopy(network)
    accelerate(twin)
    with watched("GCN") as kernel:
        compare(network, twin, features(), WEIGHTS)
        assert_close(
            twin(features(), EDGES, edge_weight=WEIGHTS), network(features(), EDGES, WEIGHTS)
        )
    assert kernel.call_count == 2
    assert not served("GCN", twin, features(), EDGES, WEIGHTS.float())[1]
    learned = WEIGHTS.clone().requires_grad_()
    with watched("GCN") as kernel:
        compare(network, twin, features(), learned)
    assert kernel.call_count == 0
    found, wanted = (
        torch.autograd.grad(model(features(), EDGES, learned).sin().sum(), learned)[0]
        for model in (twin, network)
    )
    assert_close(found, wanted)
