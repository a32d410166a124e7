import math

import pytest
import torch

from graphpoly.errors import ConvergenceError
from graphpoly.ops import fixed_point
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

SOLVERS = ["anderson", "picard"]
ROWS, COLUMNS = 5, 2


def affine(n, radius, seed=0):
    """A symmetric matrix with eigenvalues from -radius to radius, and a vector."""
    generator = torch.Generator(DEVICE).manual_seed(seed)
    vectors, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    values = torch.linspace(-radius, radius, n, dtype=torch.float64)
    b = torch.randn(n, generator=generator, dtype=torch.float64)
    return vectors @ values.diag() @ vectors.T, b


def tensors(dtype=torch.float64):
    """A, W and b of the contraction tanh(A z W + b)."""
    torch.manual_seed(1)
    a, w = torch.rand(ROWS, ROWS) / ROWS, torch.randn(COLUMNS, COLUMNS) / 4
    return [t.to(dtype).requires_grad_() for t in (a, w, torch.randn(ROWS, COLUMNS))]


def solve(a, w, b, start=None, **options):
    start = torch.zeros_like(b) if start is None else start
    return fixed_point(lambda z: torch.tanh(a @ z @ w + b), start, **options)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("radius", [0.3, 0.9])
def test_affine_maps_have_their_closed_form(solver, radius):
    a, b = affine(12, radius)
    found = fixed_point(lambda z: a @ z + b, torch.zeros_like(b), solver=solver)
    expected = torch.linalg.solve(torch.eye(12) - a, b)
    assert_close(found.value, expected, kind="accumulated")
    assert found.residual.item() <= 1e-12 * expected.norm() * 1.001


def test_picard_contracts_at_the_spectral_radius():
    a, b = affine(12, 0.9)
    found = fixed_point(lambda z: a @ z + b, torch.zeros_like(b), solver="picard")
    assert found.rate.item() == pytest.approx(0.9, abs=0.01)
    # residuals fall by 0.9 from |b|, and the value has a norm of the same order
    assert found.iterations.item() == pytest.approx(math.log(1e-12) / math.log(0.9), rel=0.1)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_anderson_is_exact_after_as_many_steps_as_there_are_dimensions_and_one(n):
    a, b = affine(n, 0.95)
    found = fixed_point(lambda z: a @ z + b, torch.zeros_like(b), window=n)
    assert found.iterations.item() <= n + 2  # the last evaluation finds that it is done
    expected = torch.linalg.solve(torch.eye(n) - a, b)
    assert_close(found.value, expected, kind="accumulated")


def test_anderson_takes_fewer_steps_than_picard():
    a, b = affine(30, 0.97)
    steps = [
        fixed_point(lambda z: a @ z + b, torch.zeros_like(b), solver=solver).iterations.item()
        for solver in SOLVERS
    ]
    assert steps[0] * 3 < steps[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_ten_starts_end_at_one_point(solver):
    a, w, b = (t.detach() for t in tensors())
    values = []
    for seed in range(10):
        generator = torch.Generator(DEVICE).manual_seed(seed)
        start = 10 * torch.randn(b.shape, generator=generator, dtype=torch.float64)
        found = solve(a, w, b, start, solver=solver)
        gap = torch.tanh(a @ found.value @ w + b) - found.value
        assert gap.norm() <= 1e-12 * found.value.norm()
        values.append(found.value)
    for value in values[1:]:
        assert_close(value, values[0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_implicit_gradient_is_that_of_many_steps(solver):
    inputs = tensors()
    a, w, b = inputs
    z = torch.zeros_like(b)
    for _ in range(100):
        z = torch.tanh(a @ z @ w + b)
    side = torch.randn_like(z)
    expected = torch.autograd.grad((z * side).sum(), inputs)
    actual = torch.autograd.grad((solve(*inputs, solver=solver).value * side).sum(), inputs)
    for got, wanted in zip(actual, expected, strict=True):
        assert_close(got, wanted)


@pytest.mark.parametrize("solver", SOLVERS)
def test_gradcheck(solver):
    assert torch.autograd.gradcheck(lambda *t: solve(*t, solver=solver).value, tensors())


def test_gradient_has_a_tolerance_of_its_own():
    inputs = tensors()
    value = solve(*inputs).value
    (exact,) = torch.autograd.grad(value.sum(), inputs[1])
    rough = solve(*inputs, gradient_tolerance=0.05, solver="picard")
    assert_close(rough.value, value)
    (gradient,) = torch.autograd.grad(rough.value.sum(), inputs[1])
    assert 1e-4 < (gradient - exact).norm() / exact.norm() < 0.1


def test_gradients_of_any_size_are_as_exact():
    inputs = tensors(torch.float32)
    value = solve(*inputs).value
    (whole,) = torch.autograd.grad(value.sum(), inputs[1], retain_graph=True)
    (tiny,) = torch.autograd.grad(value, inputs[1], torch.full_like(value, 2.0**-80))
    assert_close(tiny * 2.0**80, whole)


def test_no_iteration_is_kept_for_the_gradient():
    counts = []
    for radius in (0.1, 0.9):
        a, b = affine(5, radius)
        a.requires_grad_()
        held = []
        with torch.autograd.graph.saved_tensors_hooks(held.append, lambda _: None):
            fixed_point(lambda z, a=a, b=b: a @ z + b, torch.zeros(5).double(), solver="picard")
        counts.append(len(held))
    assert counts[0] == counts[1] > 0


def test_the_gradient_is_not_differentiated_again():
    inputs = tensors()
    value = solve(*inputs).value
    side = torch.ones_like(value, requires_grad=True)
    (gradient,) = torch.autograd.grad(value, inputs[1], side, create_graph=True)
    for wrt in (*inputs, side):
        with pytest.raises(RuntimeError, match="cannot be differentiated again"):
            torch.autograd.grad(gradient.sum(), wrt, retain_graph=True)


@pytest.mark.parametrize("with_gradient", [False, True])
@pytest.mark.parametrize("place", range(3))
def test_a_derivative_in_forward_mode_is_refused(place, with_gradient):
    inputs = [t.detach().requires_grad_(with_gradient) for t in tensors()]

    def of(moved):
        return solve(*inputs[:place], moved, *inputs[place + 1 :]).value

    point, ahead = inputs[place], torch.ones_like(inputs[place])
    with pytest.raises(NotImplementedError, match="jvp"):
        torch.func.jvp(of, (point,), (ahead,))
    with torch.autograd.forward_ad.dual_level(), pytest.raises(NotImplementedError, match="jvp"):
        of(torch.autograd.forward_ad.make_dual(point, ahead))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_batch_is_its_graphs(solver):
    """Of unequal sizes and rates, one without rows, the rows in any order."""
    sizes, radii = (3, 1, 0, 8), (0.9, 0.2, 0.5, 0.96)
    single = [affine(n, radius, seed=n) for n, radius in zip(sizes, radii, strict=True)]
    matrix, b = torch.block_diag(*(a for a, _ in single)), torch.cat([b for _, b in single])
    batch = torch.arange(4).repeat_interleave(torch.tensor(sizes))
    order = torch.randperm(12)
    options = {"solver": solver, "max_iterations": 5000}
    whole = fixed_point(
        lambda z: matrix[order][:, order] @ z + b[order, None],
        torch.zeros(12, 1).double(),
        batch=batch[order],
        batch_size=4,
        **options,
    )
    for graph, (a, right) in enumerate(single):
        alone = fixed_point(
            lambda z, a=a, right=right: a @ z + right[:, None],
            torch.zeros(len(right), 1).double(),
            **options,
        )
        found = torch.zeros(12, 1).double().index_copy(0, order, whole.value)[batch == graph]
        assert_close(found, alone.value, kind="accumulated", what=f"graph {graph}")
        # the sums of a graph run in another order
        assert abs(whole.iterations[graph].item() - alone.iterations.item()) <= 1
    assert whole.iterations.unique().numel() == 4


def test_doubling_is_refused_with_its_constant():
    with pytest.raises(ConvergenceError, match=r"constant 2\); the map does not contract"):
        fixed_point(lambda z: 2 * z + 1, torch.zeros(2), solver="picard")
    factor, batch = torch.tensor([0.5, 2.0]), torch.arange(2)
    with pytest.raises(ConvergenceError, match=r"1 of 2 graphs .* constant 2\)"):
        fixed_point(lambda z: factor * z + 1, torch.zeros(2), solver="picard", batch=batch)


def test_a_slow_rotation_is_refused_with_its_constant():
    def rotate(z):
        return 0.999 * torch.stack([z[1], -z[0]]) + 1

    start = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(ConvergenceError, match=r"after 400 .* constant 0.999\); raise max_iterat"):
        fixed_point(rotate, start, solver="picard", max_iterations=400)
    # a plane: two dimensions
    assert fixed_point(rotate, start).iterations.item() <= 4


def test_mixing_brings_a_reflection_to_rest():
    start = torch.zeros(3)
    with pytest.raises(ConvergenceError, match=r"constant 1\); the map does not contract"):
        fixed_point(lambda z: 1 - z, start, solver="picard", max_iterations=50)
    found = fixed_point(lambda z: 1 - z, start, solver="picard", mixing=0.5)
    assert_close(found.value, torch.full((3,), 0.5))


def test_what_grows_without_bound_is_refused():
    with pytest.raises(ConvergenceError, match="does not contract"):
        fixed_point(lambda z: z * z + 1, torch.zeros(2))
    with pytest.raises(ConvergenceError, match="not finite at the start"):
        fixed_point(lambda z: z.log(), torch.zeros(2))


def test_a_gradient_that_does_not_exist_is_refused():
    b = torch.ones(2, requires_grad=True)
    value = fixed_point(lambda z: 2 * z - b, torch.ones(2), solver="picard").value
    assert_close(value, torch.ones(2))  # where it began
    with pytest.raises(ConvergenceError, match=r"fixed_point, gradient: .* constant 2\)"):
        value.sum().backward()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), (1,), (1, 2, 2)])
def test_few_rows_or_none(solver, shape):
    b = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    for batch in (None, torch.zeros(shape[0], dtype=torch.long)):
        found = fixed_point(lambda z: z / 2 + b, torch.zeros_like(b), solver=solver, batch=batch)
        assert_close(found.value, 2 * torch.ones(shape).double())
        (gradient,) = torch.autograd.grad(found.value.sum(), b)
        assert_close(gradient, 2 * torch.ones(shape).double())


def test_zero_is_reached_to_a_rounding():
    found = fixed_point(lambda z: z / 2, torch.ones(3).double(), solver="picard")
    assert found.value.abs().max() < 1e-15
    assert found.iterations.item() < 60


def test_what_asks_for_no_gradient_gets_none():
    start = torch.zeros(3, requires_grad=True)
    assert not fixed_point(lambda z: z / 2 + 1, start).value.requires_grad
    b = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        assert not fixed_point(lambda z: z / 2 + b, start).value.requires_grad
    fixed_point(lambda z: z / 2 + b, start).value.sum().backward()
    assert start.grad is None
    assert_close(b.grad, torch.full((3,), 2.0))


def test_a_compiled_graph_goes_on_after_it():
    def twice(b):
        return 2 * fixed_point(lambda z: z / 2 + b.exp(), torch.zeros_like(b)).value

    b = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    out = torch.compile(twice, backend="eager")(b)
    assert_close(out, 4 * b.exp(), kind="accumulated")
    assert_close(torch.autograd.grad(out.sum(), b)[0], 4 * b.exp(), kind="accumulated")


def test_autocast_stays_outside():
    a, w, b = (t.detach() for t in tensors(torch.float32))
    expected = solve(a, w, b).value
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(solve(a, w, b).value, expected)


def test_autocast_stays_outside_of_gradients():
    """Where ``backward`` is called within it, too: in bfloat16 nothing converges to 1e-6."""
    a, w, b = tensors(torch.float32)
    (expected,) = torch.autograd.grad(solve(a, w, b).value.sin().sum(), b)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = torch.autograd.grad(solve(a, w, b).value.sin().sum(), b)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"solver": "newton"}, ValueError, "unknown solver 'newton'"),
        ({"tolerance": 0.0}, ValueError, "tolerance: got 0.0"),
        ({"gradient_tolerance": -1.0}, ValueError, "gradient_tolerance: got -1.0"),
        ({"max_iterations": 0}, ValueError, "max_iterations: got 0"),
        ({"window": 0}, ValueError, "window: got 0"),
        ({"mixing": 1.5}, ValueError, "mixing: got 1.5"),
        ({"batch": torch.zeros(2).long()}, ValueError, "batch: "),
        ({"start": torch.zeros(3).long()}, TypeError, "start: got dtype torch.int64"),
        ({"function": lambda z: z[:1]}, ValueError, r"function: got shape \(1,\)"),
        ({"function": lambda z: z.double()}, TypeError, "function: got torch.float64"),
    ],
)
def test_what_does_not_fit_is_named(options, error, words):
    given = {"function": lambda z: z / 2, "start": torch.zeros(3), **options}
    with pytest.raises(error, match=words):
        fixed_point(**given)
