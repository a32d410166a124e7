"""selective_scan against a loop over time, and what a recurrence is in closed form."""

from __future__ import annotations

import pytest
import torch

from graphpoly.ops import selective_scan
from graphpoly.ops.selective_scan import backward_reference, scan_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

LENGTHS = {
    "nothing": [],
    "empty ones": [0, 0],
    "one step": [1],
    "two": [0, 5, 0, 2],
    "ragged": [3, 1, 40, 0, 17, 16, 1, 33],
    "one": [70],
}
kernel, kernel_gradient = (
    torch.ops.graphpoly.selective_scan,
    torch.ops.graphpoly.selective_scan_backward,
)


def draw(lengths, channels=3, states=2, dtype=torch.float64, seed=0):
    """Sequences with rates that forget; ``ptr`` comes last."""
    options = {"generator": torch.Generator(DEVICE).manual_seed(seed), "dtype": dtype}
    steps = sum(lengths)
    given = {
        "x": torch.randn(steps, channels, **options),
        "delta": torch.rand(steps, channels, **options),
        "A": -4 * torch.rand(channels, states, **options),
        "B": torch.randn(steps, states, **options),
        "C": torch.randn(steps, states, **options),
        "D": torch.randn(channels, **options),
    }
    return given, torch.tensor([0, *lengths]).cumsum(0)


def walk(x, delta, A, B, C, D=None, *, ptr, reverse=False):
    """The definition, step by step."""
    rows = {}
    for first, last in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        state = torch.zeros_like(A)
        for t in range(last - 1, first - 1, -1) if reverse else range(first, last):
            state = (delta[t].view(-1, 1) * A).exp() * state + torch.outer(delta[t] * x[t], B[t])
            rows[t] = state @ C[t] + (0 if D is None else D * x[t])
    return torch.stack([rows[t] for t in sorted(rows)]) if rows else torch.zeros_like(x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", LENGTHS)
def test_equals_a_loop_over_time(shape, dtype, reverse):
    given, ptr = draw(LENGTHS[shape], dtype=dtype)
    expected = walk(**given, ptr=ptr, reverse=reverse)
    assert_close(selective_scan(**given, ptr=ptr, reverse=reverse), expected)
    del given["D"]
    given = tuple(given.values())
    expected = walk(*given, ptr=ptr, reverse=reverse)
    assert_close(scan_reference(ptr, *given, reverse), expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_are_those_of_the_loop(reverse):
    given, ptr = draw([3, 0, 5, 1], channels=2)
    leaves = {name: value.requires_grad_() for name, value in given.items()}
    probe = torch.randn(9, 2, dtype=torch.float64)
    inputs = tuple(leaves.values())
    expected = torch.autograd.grad(walk(**leaves, ptr=ptr, reverse=reverse), inputs, probe)
    out = selective_scan(**leaves, ptr=ptr, reverse=reverse)
    for found, wanted in zip(torch.autograd.grad(out, inputs, probe), expected, strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_first_and_second_order(reverse):
    given, ptr = draw([2, 0, 1], channels=1)
    inputs = tuple(value.requires_grad_() for value in given.values())

    def run(*inputs):
        return selective_scan(*inputs, ptr=ptr, reverse=reverse)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1, 1), (7, 3), (33, 16), (70, 17), (3, 0), (0, 3)])
@pytest.mark.parametrize("shape", ["empty ones", "ragged"])
def test_every_backend_is_the_reference(shape, sizes, dtype, reverse):
    given, ptr = draw(LENGTHS[shape], *sizes, dtype=dtype)
    del given["D"]
    given = tuple(given.values())
    assert_close(
        kernel(ptr, *given, reverse), scan_reference(ptr, *given, reverse), kind="accumulated"
    )
    grad = torch.randn(given[0].shape, dtype=dtype)
    found = kernel_gradient(ptr, *given, grad, reverse)
    for one, other in zip(found, backward_reference(ptr, *given, grad, reverse), strict=True):
        assert_close(one, other, kind="accumulated")


@pytest.mark.parametrize("reverse", [False, True])
def test_each_sequence_is_what_it_is_alone(reverse):
    given, ptr = draw(LENGTHS["ragged"])
    out = selective_scan(**given, ptr=ptr, reverse=reverse)
    for first, last in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        part = {name: value if name in "AD" else value[first:last] for name, value in given.items()}
        assert_close(out[first:last], selective_scan(**part, reverse=reverse))


@pytest.mark.parametrize("run", [kernel, scan_reference])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_sequence(run, bad):
    given, ptr = draw([4, 5, 3])
    del given["D"]
    expected = run(ptr, *given.values(), False)
    given["x"][6] = bad
    out = run(ptr, *given.values(), False)
    assert torch.equal(out[:6], expected[:6])
    assert torch.equal(out[9:], expected[9:])
    assert not out[6:9].isfinite().any()


def test_backwards_is_forwards_with_time_turned():
    given, _ = draw([23])
    turned = {name: value if name in "AD" else value.flip(0) for name, value in given.items()}
    assert torch.equal(selective_scan(**given, reverse=True), selective_scan(**turned).flip(0))


def test_constant_coefficients_are_a_sum_of_exponentials():
    r"""``y_t = \sum_{r \le t} \sum_s C_s B_s \delta \exp(\delta A_s (t - r)) x_r``."""
    given, _ = draw([50], channels=4, states=3)
    step = torch.tensor([0.1, 0.5, 1.0, 2.0], dtype=torch.float64)
    b, c = torch.randn(2, 3, dtype=torch.float64)
    lag = torch.arange(50.0, dtype=torch.float64)
    lag = lag.view(-1, 1) - lag
    response = torch.einsum(
        "s,s,f,ftrs->ftr",
        b,
        c,
        step,
        (lag.tril()[None, ..., None] * step.view(-1, 1, 1, 1) * given["A"].view(4, 1, 1, 3)).exp(),
    ).tril()
    expected = torch.einsum("ftr,rf->tf", response, given["x"])
    out = selective_scan(
        given["x"], step.expand(50, 4), given["A"], b.expand(50, 3), c.expand(50, 3)
    )
    assert_close(out, expected)


def test_steps_of_no_length_leave_what_passes_by():
    given, ptr = draw(LENGTHS["ragged"])
    given["delta"] = torch.zeros_like(given["delta"])
    assert torch.equal(selective_scan(**given, ptr=ptr), given["D"] * given["x"])


def test_a_state_that_does_not_forget_is_a_cumulative_sum():
    x = torch.randn(100, 2, dtype=torch.float64)
    ones = torch.ones(100, 1, dtype=torch.float64)
    rate = torch.zeros(2, 1, dtype=torch.float64)
    assert_close(selective_scan(x, ones.expand(100, 2), rate, ones, ones), x.cumsum(0))


def test_fast_decay_over_a_long_time_neither_overflows_nor_vanishes():
    """Sums of ``delta A`` of -10^5, whose exponentials no type holds."""
    steps = 10_000
    x, rate = torch.ones(steps, 1), torch.full((1, 1), -10.0)
    ones = torch.ones(steps, 1)
    for run in (kernel, scan_reference):
        out = run(torch.tensor([0, steps]), x, ones, rate, ones, ones, False)
        assert_close(out[1:], torch.full_like(out[1:], 1 / (1 - torch.tensor(-10.0).exp())))


def test_work_and_memory_of_the_reference_are_linear_in_the_length():
    """Elements of all tensors that its operations make, counted."""
    made = []

    class Count(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            made[-1] += out.numel() if isinstance(out, torch.Tensor) else 0
            return out

    for steps in (512, 1024, 2048):
        given, ptr = draw([steps])
        del given["D"]
        made.append(0)
        with Count():
            scan_reference(ptr, *given.values(), False)
    assert made[2] - made[1] == pytest.approx(2 * (made[1] - made[0]), rel=0.01)


@pytest.mark.parametrize("wanted", ["x", "delta", "A", "B", "C"])
def test_no_state_is_held_for_the_backward_pass(wanted):
    given, _ = draw([64], channels=8, states=16)
    given[wanted].requires_grad_()
    held = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: held.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        selective_scan(**given)
    inputs = sum(given[name].numel() for name in ("x", "delta", "A", "B", "C", "x"))
    assert sum(held) <= inputs + given["D"].numel() + 2  # and the offsets
    assert sum(held) < 64 * 8 * 16


@pytest.mark.cpu
def test_thread_count_does_not_change_a_bit():
    given, ptr = draw([900, 1, 30, 700, 400], channels=40, states=4, dtype=torch.float32)
    del given["D"]
    given = tuple(given.values())
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            grads = kernel_gradient(ptr, *given, given[0], False)
            found.append((kernel(ptr, *given, False), *grads))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x", torch.ones(4), r"x: got shape \(4,\)"),
        ("delta", torch.ones(4, 2), "delta"),
        ("A", torch.ones(2, 2), r"A: got shape \(2, 2\), expected \[3, S\]"),
        ("B", torch.ones(4, 3), "B"),
        ("C", torch.ones(3, 2), "C"),
        ("D", torch.ones(2), "D"),
        ("ptr", torch.tensor([0, 3, 2, 4]), "ptr: got offsets that fall"),
        ("ptr", torch.tensor([0, 3]), "ptr: got 0 to 3, expected 0 to 4"),
        ("ptr", torch.tensor([1, 4]), "ptr: got 1 to 4"),
        ("ptr", torch.tensor([0, 5]), "ptr"),
        ("ptr", torch.tensor([[0, 4]]), r"ptr: got shape \(1, 2\)"),
    ],
)
def test_bad_input_is_named(name, value, message):
    given, _ = draw([4])
    given[name] = value
    with pytest.raises(ValueError, match=message):
        selective_scan(**given)


def test_offsets_are_integers():
    given, _ = draw([4])
    with pytest.raises(TypeError, match="ptr: got dtype"):
        selective_scan(**given, ptr=torch.tensor([0.0, 4.0]))
