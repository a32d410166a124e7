"""FeedForward and Dropout: the values, gradients and manners of PyTorch's modules."""

from __future__ import annotations

import copy
from unittest import mock

import pytest
import torch
from torch import nn
from torch_geometric.nn.dense.linear import Linear as PyGLinear

import graphpoly.layers.feed_forward as module
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.linear import LazyLinear, Linear
from graphpoly.ops import backends, dropout
from graphpoly.testing import assert_close

SERVED = {
    "linear, relu, linear": lambda: [Linear(5, 8), nn.ReLU(inplace=True), Linear(8, 3)],
    "norm between": lambda: [nn.Linear(5, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 3)],
    "dropout before and between": lambda: [
        *(Dropout(0.2), Linear(5, 8, bias=False), nn.GELU(), Dropout(0.4), Linear(8, 3)),
    ],
    "dropped before a ReLU": lambda: [
        *(Linear(5, 8), nn.LayerNorm(8, eps=0.1), Dropout(0.4)),
        *(nn.ReLU(), Linear(8, 3, bias=False)),
    ],
    "no first map": lambda: [nn.SiLU(), PyGLinear(5, 3), nn.SiLU()],
    "a norm first": lambda: [nn.LayerNorm(5), nn.GELU(), LazyLinear(5, 1), nn.Tanh(), Linear(1, 2)],
}
OTHERS = {
    "nothing": list,
    "one map": lambda: [Linear(5, 3)],
    "another function": lambda: [Linear(5, 8), nn.ELU(), Linear(8, 3)],
    "another order": lambda: [Linear(5, 8), nn.ReLU(), nn.LayerNorm(8), Linear(8, 3)],
    "dropped twice": lambda: [Linear(5, 8), Dropout(), nn.ReLU(), Dropout(), Linear(8, 3)],
    "dropped before a GELU": lambda: [Linear(5, 8), Dropout(), nn.GELU(), Linear(8, 3)],
    "a GELU by a tangent": lambda: [Linear(5, 8), nn.GELU("tanh"), Linear(8, 3)],
    "a norm of two dimensions": lambda: [nn.LayerNorm([4, 5]), nn.ReLU(), Linear(5, 3)],
    "a norm without parameters": lambda: [
        nn.LayerNorm(5, elementwise_affine=False),
        nn.ReLU(),
        Linear(5, 3),
    ],
}
fast = pytest.mark.skipif(
    backends()["cpp"].get("simd", "") == "generic" or not backends()["cpp"]["available"],
    reason="small matrices are multiplied by PyTorch there",
)


def gradients(layers, x):
    x = x.clone().requires_grad_()
    torch.manual_seed(3)
    out = layers(x)
    loss = (out * torch.linspace(1, 2, out.numel(), dtype=x.dtype).view_as(out)).sum()
    return out, *torch.autograd.grad(loss, [x, *layers.parameters()])


def operator():
    return mock.patch.object(module, "feed_forward", wraps=module.feed_forward)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(6, 4, 5), (0, 4, 5), (4, 5)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", [*SERVED, *OTHERS])
def test_is_the_sequential_of_its_modules(name, training, shape, dtype):
    """What is dropped, too: its numbers are those of the places, whoever draws."""
    torch.manual_seed(0)
    layers = FeedForward(*(SERVED | OTHERS)[name]()).to(dtype).train(training)
    plain = nn.Sequential(*layers)
    assert list(layers.state_dict()) == list(plain.state_dict())
    x = torch.randn(shape, dtype=dtype)
    for one, other in zip(gradients(layers, x), gradients(plain, x), strict=True):
        assert_close(one, other, kind="accumulated")


@fast
@pytest.mark.parametrize("name", SERVED)
def test_is_one_operator(name):
    with operator() as kernel:
        FeedForward(*SERVED[name]())(torch.randn(6, 5))
    assert kernel.call_count == 1


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_operator_does_not_do_runs_module_by_module(name):
    with mock.patch.object(module, "feed_forward", side_effect=AssertionError):
        FeedForward(*OTHERS[name]())(torch.randn(6, 4, 5))


def test_hooks_types_and_transforms_are_heard():
    layers = FeedForward(Linear(5, 8), nn.ReLU(), Linear(8, 3))
    x = torch.randn(4, 5)
    with mock.patch.object(module, "feed_forward", side_effect=AssertionError):
        assert torch.func.vmap(layers)(x.view(2, 2, 5)).shape == (2, 2, 3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert layers(x).dtype == torch.bfloat16
        assert copy.deepcopy(layers).bfloat16()(x.bfloat16()).dtype == torch.bfloat16
        with pytest.raises(RuntimeError, match="dtype"):
            layers(x.double())
        with pytest.raises(RuntimeError, match="shapes"):
            layers(x[:, :4])
        seen = []
        hook = layers[1].register_forward_hook(lambda *given: seen.append(given))
        layers(x)
        assert len(seen) == 1
        hook.remove()


def test_sizes_from_the_first_input():
    layers = FeedForward(LazyLinear(-1, 8), nn.ReLU(), Linear(8, 3))
    x = torch.randn(4, 5)
    assert_close(layers(x), layers(x))
    assert layers[0].weight.shape == (8, 5)


@pytest.mark.parametrize("slow", [False, True])
def test_another_map_at_the_end(slow):
    layers = FeedForward(Linear(5, 8), nn.LayerNorm(8), Dropout(0.4), nn.ReLU(), Linear(8, 3))
    other = Linear(8, 2)
    x, seed = torch.randn(6, 5), torch.random.get_rng_state()
    if slow:
        layers[1].register_forward_hook(lambda *given: None)
    out = layers.ending(x, other.weight, other.bias)
    torch.random.set_rng_state(seed)
    assert_close(out, nn.Sequential(*layers[:-1], other)(x))


def test_dropout_draws_by_places():
    x = torch.ones(1000, requires_grad=True)
    layer = Dropout(0.25)
    torch.manual_seed(0)
    out = layer(x)
    torch.manual_seed(0)
    assert torch.equal(out, dropout(x, 0.25))
    assert torch.equal(out, torch.autograd.grad(out.sum(), x)[0])
    assert set(out.unique().tolist()) == {0.0, float(torch.tensor(1.0) / 0.75)}
    assert layer.eval()(x) is x
