"""feed_forward against the modules of PyTorch, on all sizes that tiles may have."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphpoly.ops import backends, dropout
from graphpoly.ops.feed_forward import ACTIVATIONS, feed_forward
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

FUNCTIONS = {"relu": F.relu, "silu": F.silu, "gelu": F.gelu}
SEED = torch.tensor(-987654321098765)
# rows, inner, hidden, channels: one tile and less, several, narrow results, several ranges of rows
SIZES = [
    *((0, 3, 5, 2), (1, 3, 5, 2), (7, 5, 17, 3), (61, 2, 16, 1), (130, 33, 64, 4)),
    *((13, 1, 1, 1), (97, 130, 40, 7), (450, 20, 70, 3), (260, 130, 300, 130)),
]
both = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def drawn(*shape, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape) + seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def maps(inner, hidden, channels, first, norm):
    """What a call is given beside x and the last map, and that."""
    more = {"weight": drawn(hidden, inner) / inner**0.5, "bias": drawn(hidden)} if first else {}
    more |= {"scale": drawn(hidden, seed=1), "shift": drawn(hidden, seed=2)} if norm else {}
    last = {"last": drawn(channels, hidden) / hidden**0.5, "last_bias": drawn(channels, seed=3)}
    return more | last


def plainly(x, last, last_bias, weight=None, bias=None, scale=None, shift=None, **options):
    """The same by functions of PyTorch."""
    x = x if weight is None else F.linear(x, weight, bias)
    x = x if scale is None else F.layer_norm(x, x.shape[1:], scale, shift, options["eps"])
    x = FUNCTIONS[options["activation"]](x)
    return F.linear(dropout(x, options["dropout"], seed=options["seed"]), last, last_bias)


def gradients(run, x, given, dtype, **options):
    leaves = {name: tensor.to(dtype).requires_grad_() for name, tensor in given.items()}
    x = x.to(dtype).requires_grad_()
    out = run(x, **leaves, **options)
    weight = drawn(*out.shape, seed=7).to(dtype)
    return out, *torch.autograd.grad((out * weight).sum(), [x, *leaves.values()])


@both
@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_and_gradients_are_those_of_the_modules(activation, first, norm, share, dtype):
    options = {"activation": activation, "eps": 1e-2, "dropout": share, "seed": SEED}
    for rows, inner, hidden, channels in SIZES:
        inner = inner if first else hidden
        x, given = 2 * drawn(rows, inner), maps(inner, hidden, channels, first, norm)
        found = gradients(feed_forward, x, given, dtype, **options)
        exact = gradients(plainly, x, given, torch.float64, **options)
        for one, two in zip(found, exact, strict=True):
            assert one.dtype == dtype
            scale = float(two.detach().abs().max()) if two.numel() else 1.0
            assert_close(one / max(1, scale), (two / max(1, scale)).to(dtype), kind="accumulated")


@both
@pytest.mark.parametrize("channels", range(1, 10))
def test_few_channels_of_any_width(channels, dtype):
    """Whose sums run over lanes where rows fill a register: nothing behind a row is read."""
    options = {"activation": "silu", "eps": 1e-2, "dropout": 0.0, "seed": None}
    widths = (*(1, 3, 4, 7, 8, 9, 15, 16, 17), *(31, 32, 33, 63, 65, 127, 128, 130))
    for hidden, rows in itertools.product(widths, (1, 5, 60, 61, 130)):
        x, given = drawn(rows, hidden), maps(1, hidden, channels, False, False)
        exact = plainly(x, **given, **options)
        found = feed_forward(x.to(dtype), **{k: v.to(dtype) for k, v in given.items()}, **options)
        assert_close(found, exact.to(dtype), kind="accumulated")


@both
@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_functions_and_their_slopes_far_out(activation, dtype):
    x = torch.cat([torch.linspace(-40, 40, 4001), torch.tensor([-1e30, -200.0, 200.0, 1e30])])
    x = x.to(dtype).unsqueeze(1).requires_grad_()
    one = torch.ones(1, 1, dtype=dtype)
    out = feed_forward(x, one, activation=activation)
    (slope,) = torch.autograd.grad(out.sum(), x)
    exact = x.detach().double().requires_grad_()
    value = FUNCTIONS[activation](exact)
    (expected,) = torch.autograd.grad(value.sum(), exact)
    assert_close(out, value.to(dtype))
    assert_close(slope, expected.to(dtype))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_first_and_second_order(activation, first):
    given = maps(3 if first else 4, 4, 2, first, norm=True)
    inputs = [drawn(5, 3 if first else 4), *given.values()]
    inputs = [tensor.requires_grad_() for tensor in inputs]

    def run(x, *rest):
        named = dict(zip(given, rest, strict=True))
        return feed_forward(x, **named, activation=activation, dropout=0.3, seed=SEED)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_a_row_is_that_of_a_row_alone():
    given = maps(40, 70, 9, first=True, norm=True)
    x = drawn(300, 40)
    whole = feed_forward(x, **given)
    alone = torch.cat([feed_forward(row, **given) for row in x.split(7)])
    assert torch.equal(whole, alone)


def test_what_is_no_number_goes_through():
    x, one = torch.tensor([[float("nan")], [1.0], [-1.0]]), torch.ones(1, 1)
    for activation, function in FUNCTIONS.items():
        out = feed_forward(x, one, activation=activation)
        assert out.isnan().flatten().tolist() == [True, False, False]
        assert_close(out[1:], function(x[1:]))


def test_a_seed_is_drawn_where_none_is_given():
    x, last = torch.ones(50, 20), torch.eye(20)
    torch.manual_seed(0)
    one, other = feed_forward(x, last, dropout=0.5), feed_forward(x, last, dropout=0.5)
    torch.manual_seed(0)
    assert torch.equal(one, feed_forward(x, last, dropout=0.5))
    assert not torch.equal(one, other)
    assert set(one.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(feed_forward(x, last, dropout=1.0), torch.zeros(50, 20))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"activation": "tanh"}, "activation"),
        ({"scale": torch.ones(4)}, "scale, shift"),
        ({"dropout": 1.5}, "probability"),
    ],
)
def test_what_does_not_fit_is_refused(change, match):
    given = {"last": torch.ones(2, 4), **change}
    with pytest.raises((ValueError, RuntimeError), match=match):
        feed_forward(torch.ones(3, 4), **given)


def test_nothing_between_the_maps_is_kept():
    """A perceptron that is wide inside takes the memory of its ends."""
    held = []
    given = {k: v.float().requires_grad_() for k, v in maps(8, 4000, 8, True, norm=False).items()}
    x = drawn(100, 8).float().requires_grad_()
    pack = nn.Identity()
    pack.register_forward_hook(lambda module, given, tensor: held.append(tensor.numel()))
    with torch.autograd.graph.saved_tensors_hooks(pack, nn.Identity()):
        feed_forward(x, **given, activation="gelu")
    assert max(held) < 100 * 4000
