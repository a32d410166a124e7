"""Linear maps on our kernel: the values, gradients and manners of PyTorch's and PyG's."""

from __future__ import annotations

import copy
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations
from torch_geometric.nn.dense.linear import Linear as PyGLinear

import graphpoly.ops.affine as ops
from graphpoly.layers.linear import LazyLinear, Linear, after_dropout, is_map, width_of
from graphpoly.testing import assert_close

KINDS = [(Linear, nn.Linear), (LazyLinear, PyGLinear)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5), (0, 5), (2, 0, 5), (5,)])
@pytest.mark.parametrize(("ours", "theirs"), KINDS)
def test_values_and_gradients(ours, theirs, shape, bias, dtype):
    torch.manual_seed(0)
    lin, other = ours(5, 3, bias=bias).to(dtype), theirs(5, 3, bias=bias).to(dtype)
    other.load_state_dict(lin.state_dict())
    found = []
    for module in (lin, other):
        x = torch.linspace(-1, 1, max(1, torch.Size(shape).numel()), dtype=dtype)
        x = x[: torch.Size(shape).numel()].view(shape).requires_grad_()
        out = module(x)
        weight = torch.linspace(1, 2, out.numel(), dtype=dtype).view_as(out)
        grads = torch.autograd.grad((out * weight).sum(), [x, *module.parameters()])
        found.append((out, *grads))
    for one, two in zip(*found, strict=True):
        assert_close(one, two)


def test_a_sum_of_two_maps():
    x, y = torch.randn(2, 4, 5, dtype=torch.float64), torch.randn(2, 4, 3, dtype=torch.float64)
    weight, other = torch.randn(7, 5).double(), torch.randn(7, 3).double()
    bias = torch.randn(7).double()
    expected = F.linear(x, weight, bias) + F.linear(y, other)
    assert_close(ops.affine(x, weight, bias, y=y, other=other), expected)
    assert_close(ops.affine(x.transpose(0, 1), weight), F.linear(x.transpose(0, 1), weight))


def test_what_the_kernel_does_not_serve_is_pytorchs():
    x, weight = torch.randn(4, 5), torch.randn(3, 5)
    with mock.patch.object(ops, "linear", side_effect=AssertionError):
        half = x.bfloat16(), weight.bfloat16()
        assert torch.equal(ops.affine(*half), F.linear(*half))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert ops.affine(x, weight).dtype == torch.bfloat16
        assert torch.func.vmap(lambda row: ops.affine(row, weight))(x.view(2, 2, 5)).shape == (
            2,
            2,
            3,
        )
        out, tangent = torch.func.jvp(lambda x: ops.affine(x, weight), (x,), (x,))
        assert_close(out, tangent)
        wide = torch.randn(2**17, 5)
        assert torch.equal(ops.affine(x, wide), F.linear(x, wide))
        with pytest.raises(RuntimeError, match="shapes"):
            ops.affine(x, weight.T)
        with pytest.raises(RuntimeError, match="dtype"):
            ops.affine(x.double(), weight)


def test_sizes_from_the_first_input_and_copies():
    lin = LazyLinear(-1, 3)
    assert lin(torch.randn(4, 5)).shape == (4, 3)
    again = copy.deepcopy(lin)
    assert type(again) is LazyLinear
    assert_close(again(torch.ones(2, 5)), lin(torch.ones(2, 5)))


class Plain(Linear):
    def forward(self, x):
        return super().forward(x)


def test_another_map_after_dropout():
    ours, x = Linear(5, 3), torch.randn(40, 5)
    found = []
    for kind in (Linear, Plain, nn.Linear, LazyLinear, PyGLinear):
        lin = kind(5, 3)
        lin.load_state_dict(ours.state_dict())
        torch.manual_seed(0)
        found.append(after_dropout(lin, x, 0.5))
        assert_close(after_dropout(lin, x, 0.0), ours(x))
    for out in found[1:]:
        assert_close(out, found[0])


def test_what_may_be_read_in_place_of_a_call():
    lin = nn.Linear(5, 3)
    assert is_map(lin, Linear(5, 3), LazyLinear(5, 3), PyGLinear(5, 3))
    assert is_map(parametrizations.weight_norm(copy.deepcopy(lin)))  # whose weight is made anew
    assert not is_map(LazyLinear(-1, 3))
    assert not is_map(lin, Plain(5, 3))
    assert not is_map(nn.Sequential(lin))
    lin.register_forward_hook(lambda *_: None)
    assert not is_map(lin)
    sizes = [width_of(each) for each in (lin, PyGLinear(4, 3), PyGLinear(-1, 3), nn.Sequential())]
    assert sizes == [5, 4, -1, -1]
