"""PyG's GAT in one operator: when it is, and that it computes what PyG's does."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch import nn

from tests.acceleration.networks import (
    changed,
    check_twin,
    hooked,
    of,
    parametrized,
    replaced,
)

pytestmark = pytest.mark.usefixtures("sooner")

SIZES = (5, 6, 3)


def given(name, value):
    """A network with another value of an attribute of a layer within it."""
    return changed("GAT", **{name: value})


AT_ONCE = {
    "plain": of("GAT"),
    "one head": of("GAT", heads=1),
    "no biases": of("GAT", bias=False),
    "heads joined at the end": lambda: pyg.GAT(*SIZES, heads=3),
    "one layer": lambda: pyg.GAT(5, 6, 1, 4, heads=2),
    "one layer, joined": lambda: pyg.GAT(5, 6, 1, heads=2),
    "another slope": of("GAT", negative_slope=0.5),
    "no loops": of("GAT", add_self_loops=False),
    "room for features of edges": of("GAT", edge_dim=3),
    "averages of one head": lambda: pyg.GAT(5, 6, 1, heads=1, concat=False),
}
LEFT = {
    "dropout": of("GAT", dropout=1.0),
    "dropout of attention alone": given("dropout", 1.0),
    "averages between layers": of("GAT", concat=False),
    "version 2": of("GAT", v2=True),
    "residuals": of("GAT", residual=True),
    "maps for each side": lambda: pyg.GAT((5, 5), 6, 2, heads=2),
    "another activation": of("GAT", act="elu"),
    "no activation": of("GAT", act=None),
    "a norm between layers": of("GAT", norm="layer"),
    "jumping knowledge": of("GAT", jk="cat"),
    "maximum": of("GAT", aggr="max"),
    "unlike slopes": given("negative_slope", 0.7),
    "unlike loops": given("add_self_loops", False),
    "a map with a bias": lambda: with_bias(of("GAT")()),
    **{
        f"hook of {name}": hooked("GAT", name)
        for name in (
            *("act", "dropout", "norms.0", "convs.1"),
            *("convs.2.lin", "convs.0.aggr_module"),
        )
    },
    **{f"forward of {name}": replaced("GAT", name) for name in ("act", "convs.0", "convs.0.lin")},
    "a weight made of another": parametrized("GAT", "convs.1.lin", "weight"),
    "a vector made of another": parametrized("GAT", "convs.1", "att_src"),
    "a bias made of another": parametrized("GAT", "convs.1", "bias"),
}


def with_bias(network):
    network.convs[1].lin = nn.Linear(6, 6)
    return network


@pytest.mark.parametrize("name", AT_ONCE | LEFT)
def test_the_network_and_its_twin(name):
    torch.manual_seed(0)
    network = (AT_ONCE | LEFT)[name]().double()
    steps = 1 if name.startswith("dropout") else 0  # without dropout in eval mode
    check_twin("GAT", network, at_once=name in AT_ONCE, steps=steps)
