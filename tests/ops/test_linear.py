"""linear and perceptron against the modules of PyTorch, on all sizes that tiles may have."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from graphpoly.ops import backends
from graphpoly.ops.linear import linear
from graphpoly.ops.perceptron import perceptron
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

# nothing, one row, a block and one more; channels of one lane, of parts of vectors, of two tiles
ROWS = (0, 1, 5, 61, 200, 1000)
CHANNELS = (1, 3, 16, 70, 131)
both = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def drawn(*shape, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(seed + sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def check(run, oracle, dtype, *inputs):
    """Values and all gradients are those of the oracle in float64, each against its own size."""
    narrow = [t.detach().to(dtype).requires_grad_() for t in inputs]
    wide = [t.detach().double().requires_grad_() for t in narrow]
    out, expected = run(*narrow), oracle(*wide)
    probe = torch.randn(expected.shape, generator=torch.Generator(DEVICE).manual_seed(1)).double()
    wanted = torch.autograd.grad(expected, wide, probe)
    found = torch.autograd.grad(out, narrow, probe.to(dtype))
    kind = "accumulated" if dtype == torch.float32 else "exact"
    for one, other in zip((out, *found), (expected, *wanted), strict=True):
        size = max(float(other.detach().abs().max()), 1e-3) if other.numel() else 1
        assert_close(one / size, (other / size).to(dtype), kind=kind)


def two_maps(x, weight, bias, y, other):
    return x @ weight.T + y @ other.T + bias


@both
@pytest.mark.parametrize("rows", ROWS)
def test_linear_is_the_product(rows, dtype):
    for inner, channels in itertools.product(CHANNELS, CHANNELS):
        x, weight, bias = drawn(rows, inner), drawn(channels, inner), drawn(channels)
        check(linear, nn.functional.linear, dtype, x, weight, bias)
        y, other = drawn(rows, 4), drawn(channels, 4, seed=9)
        check(
            lambda x, weight, bias, y, other: linear(x, weight, bias, y=y, other=other),
            two_maps,
            dtype,
            *(x, weight, bias, y, other),
        )


# both sides of what is copied into panels, and of what one item sums of a gradient
WIDE = ((300, 132), (256, 133), (257, 265), (65, 140), (140, 513))


@both
@pytest.mark.parametrize(("inner", "channels"), WIDE)
def test_wide_maps(inner, channels, dtype):
    for rows in (7, 121, 700):
        x, weight, bias = drawn(rows, inner), drawn(channels, inner), drawn(channels)
        check(linear, nn.functional.linear, dtype, x, weight, bias)
        last = drawn(9, channels)
        check(
            lambda x, weight, bias, last: perceptron(x, weight, bias, last, None).out,
            lambda x, weight, bias, last: nn.functional.linear(x, weight, bias).relu() @ last.T,
            dtype,
            *(x, weight, bias, last),
        )


def norm_of(norm, hidden):
    """The norm as a function of PyTorch's, and the moments that are given to it."""
    mean = torch.linspace(-1, 1, hidden, dtype=torch.float64)
    var = torch.linspace(0.5, 2, hidden, dtype=torch.float64)
    moments = (mean, var) if norm == "given" else (None, None)

    def run(x, scale, shift):
        given = (moment if moment is None else moment.to(x.dtype) for moment in moments)
        batch = norm == "batch"
        return nn.functional.batch_norm(x, *given, scale, shift, batch, eps=1e-2) if norm else x

    return run, moments


@both
@pytest.mark.parametrize("channels", range(1, 10))
def test_few_channels_of_many(channels, dtype):
    """Whose sums run over lanes, and over a last vector that begins within the one before."""
    widths = (*(4, 7, 8, 9, 15, 16, 17, 31, 32, 33), *(63, 64, 127, 128, 129, 143, 160))
    for inner, rows in itertools.product(widths, (1, 2, 61, 130)):
        x, weight, bias = drawn(rows, inner), drawn(channels, inner), drawn(channels)
        check(linear, nn.functional.linear, dtype, x, weight, bias)
        check(linear, nn.functional.linear, dtype, x, weight)


@both
def test_what_is_no_number_stays_in_its_row_and_is_added_once(dtype):
    for place in (0, 127, 130, 142):
        x, weight = torch.zeros(3, 143, dtype=dtype), torch.ones(2, 143, dtype=dtype)
        x[1, place] = float("inf")
        expected = nn.functional.linear(x, weight)
        assert torch.equal(linear(x, weight), expected)
        weight[0, place] = 0
        assert linear(x, weight).isnan().tolist() == [[False, False], [True, False], [False, False]]


@both
@pytest.mark.parametrize("norm", [None, "batch", "given"])
@pytest.mark.parametrize("rows", ROWS)
def test_perceptron_is_that_of_the_modules(rows, norm, dtype):
    if norm == "batch" and rows < 2:
        return
    for inner, hidden in itertools.product((1, 3, 70), CHANNELS):
        normalized, moments = norm_of(norm, hidden)
        given = [moment if moment is None else moment.to(dtype) for moment in moments]
        options = {"norm": norm, "mean": given[0], "var": given[1], "eps": 1e-2}
        # a bias before the moments of a batch has no gradient but rounding
        bias = drawn(hidden) if norm != "batch" else None

        def ours(x, weight, last, end, *rest, options=options):
            names = ("scale", "shift") if norm else ("bias",)
            more = dict(zip(names, rest, strict=False))
            first = rest[2] if norm == "given" else more.pop("bias", None)
            return perceptron(x, weight, first, last, end, **more, **options).out

        def oracle(x, weight, last, end, *rest, normalized=normalized):
            first = rest[-1] if norm != "batch" else None
            before = nn.functional.linear(x, weight, first)
            return (
                normalized(before, *rest[:2]).relu() @ last.T + end
                if norm
                else (before.relu() @ last.T + end)
            )

        inputs = [drawn(rows, inner), drawn(hidden, inner), drawn(5, hidden), drawn(5)]
        inputs += [drawn(hidden, seed=3), drawn(hidden, seed=4)] if norm else []
        check(ours, oracle, dtype, *inputs, *([] if bias is None else [bias]))


def test_moments_are_those_of_the_batch():
    """Far from zero, too, where a sum of squares would have lost them."""
    x, weight, bias = drawn(700, 3), drawn(9, 3), drawn(9)
    maps = [t.detach().float() for t in (x, weight, bias + 1000, torch.ones(1, 9))]
    before = maps[0].double() @ maps[1].double().T + maps[2].double()
    found = perceptron(*maps, None, norm="batch")
    assert_close(found.mean, before.mean(0).float())
    assert_close(found.var, before.var(0, correction=0).float(), kind="accumulated")


def test_what_is_no_number_goes_through():
    x = torch.tensor([[float("nan")], [1.0], [-1.0]])
    one = torch.ones(1, 1)
    out = perceptron(x, one, None, one, None).out
    assert out.isnan().flatten().tolist() == [True, False, False]
    assert out[1:].flatten().tolist() == [1, 0]


@pytest.mark.parametrize("norm", [None, "batch", "given"])
def test_gradients_of_first_and_second_order(norm):
    shapes = [(5, 2), (3, 2), (3,), (2, 3), (2,), (3,), (3,)]
    inputs = [drawn(*shape) for shape in shapes]
    moments = {}
    if norm == "given":
        moments = {"mean": torch.zeros(3).double(), "var": torch.ones(3).double()}

    def run(x, weight, bias, last, last_bias, scale, shift):
        given = {"scale": scale, "shift": shift} if norm else {}
        return perceptron(x, weight, bias, last, last_bias, norm=norm, **given, **moments).out

    inputs = inputs if norm else inputs[:5]
    call = run if norm else lambda *given: run(*given, None, None)
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


def test_gradients_of_two_maps():
    inputs = [drawn(*shape) for shape in [(4, 2), (3, 2), (3,), (4, 1), (3, 1)]]

    def run(x, weight, bias, y, other):
        return linear(x, weight, bias, y=y, other=other)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_threads_do_not_change_a_bit():
    """Sums over rows are cut by the sizes alone."""
    shapes = [(3000, 40), (70, 40), (70,), (30, 70), (30,)]
    inputs = [drawn(*shape).detach().float().requires_grad_() for shape in shapes]
    held = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out = perceptron(*inputs, norm="batch").out
            out = linear(out, inputs[1][:, :30])
            found.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    finally:
        torch.set_num_threads(held)
    for again in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], again, strict=True))
