"""Every hook that a module has, its parts have, or all modules have is seen."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch_geometric.nn import TopKPooling

from graphpoly import accelerate
from graphpoly.layers import EGNNConv
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.models import NCN
from graphpoly.ops.hooks import is_hooked

WAYS = {
    "forward": lambda module, see: module.register_forward_hook(see),
    "before": lambda module, see: module.register_forward_pre_hook(see),
    "backward": lambda module, see: module.register_full_backward_hook(see),
    "before backward": lambda module, see: module.register_full_backward_pre_hook(see),
    "of all": lambda _, see: torch_module.register_module_forward_hook(see),
    "of all, before": lambda _, see: torch_module.register_module_forward_pre_hook(see),
    "of all, backward": lambda _, see: torch_module.register_module_full_backward_hook(see),
}
every_way = pytest.mark.parametrize("way", WAYS)


@every_way
def test_a_hook_is_found_wherever_it_is(way):
    inner = nn.Linear(2, 2)
    outer = nn.Sequential(nn.Sequential(nn.ReLU(), inner))
    assert not is_hooked(outer, nn.ReLU())
    handle = WAYS[way](inner, lambda *_: None)
    try:
        assert is_hooked(inner)
        assert is_hooked(nn.ReLU(), outer)
    finally:
        handle.remove()
    assert not is_hooked(outer)
    inner.forward = lambda x: x
    assert is_hooked(outer)


def _ncn():
    net, edges = NCN(5, 8), torch.tensor([[0, 1, 2], [1, 2, 0]])
    return net, net.score[0], (torch.randn(4, 5), edges, torch.randint(4, (2, 100)))


def _top_k():
    pool = TopKPooling(5)
    accelerate(pool)
    return pool, pool.select, (torch.randn(4, 5), torch.tensor([[0, 1], [1, 0]]))


def _feed_forward():
    net = FeedForward(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    return net, net[2], (torch.randn(4, 5),)


def _egnn(place):
    def make():
        conv, edges = EGNNConv(5, 8), torch.tensor([[0, 1, 2], [1, 2, 0]])
        part = {"itself": conv.phi_e, "first": conv.phi_e.lin}.get(place)
        if part is None:
            part = conv.phi_e.after if place == "rest" else conv.phi_e.after[place]
        return conv, part, (torch.randn(4, 5), edges, torch.randn(4, 3))

    return make


_EGNN = [
    pytest.param(_egnn(place), id=f"_egnn-{place}")
    for place in ("itself", "first", "rest", 0, 1, 2)
]


@pytest.mark.parametrize("make", [_feed_forward, _ncn, _top_k, *_EGNN])
@pytest.mark.parametrize("way", ["forward", "before", "of all", "of all, before"])
def test_no_call_of_a_part_is_missed(make, way):
    """By those who do in one operator what their parts do."""
    net, part, given = make()
    seen = []

    def see(module, *_):
        seen.append(module)

    handle = WAYS[way](part, see)
    try:
        net(*given)
    finally:
        handle.remove()
    assert any(module is part for module in seen)
