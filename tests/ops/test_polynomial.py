import pytest
import torch

from graphpoly.ops import polynomial, spmm, to_csr
from graphpoly.ops.polynomial import polynomial_moments_reference, polynomial_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import SHAPES, dense, random_csr


def problem(shape=(50, 50, 400), channels=5, order=6, dtype=torch.float64, transposed=False):
    adj = random_csr(shape, dtype=torch.float64, transposed=transposed)
    scale = dense(adj).abs().sum(1).amax().clamp(min=1) if adj.num_rows else torch.tensor(1.0)
    adj = adj.with_weight((adj.weight / scale).to(dtype))
    x = torch.randn(adj.num_rows, channels, dtype=dtype)
    theta = torch.randn(order + 1, channels, dtype=dtype)
    recurrence = torch.randn(3, order, channels, dtype=dtype)
    recurrence[0] = recurrence[0].sign() * (recurrence[0].abs() + 0.5)
    return adj, x, theta, recurrence


def by_powers(adj, x, theta, recurrence):
    """Expand each p_k in powers of the dense matrix: another road to the same place."""
    order, channels = theta.size(0) - 1, x.size(1)
    matrix, powers = dense(adj), [x]
    for _ in range(order):
        powers.append(matrix @ powers[-1])
    out = torch.zeros_like(x)
    for channel in range(channels):
        before, now = torch.zeros(order + 2, dtype=x.dtype), torch.zeros(order + 2, dtype=x.dtype)
        now[0] = 1
        total = theta[0, channel] * now
        for k in range(order):
            a, b, c = recurrence[:, k, channel]
            now, before = (now.roll(1) - b * now - c * before) / a, now
            total = total + theta[k + 1, channel] * now
        out[:, channel] = sum(total[k] * powers[k][:, channel] for k in range(order + 1))
    return out


@pytest.mark.parametrize("order", [0, 1, 2, 7])
def test_equals_expansion_in_powers(order):
    adj, x, theta, recurrence = problem(order=order)
    assert_close(
        polynomial(adj, x, theta, recurrence),
        by_powers(adj, x, theta, recurrence),
        kind="accumulated",
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 0), (0, 0, 0), (30, 30, 300)])
@pytest.mark.parametrize("channels", [0, 1, 16, 70])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighted", [True, False])
def test_equals_the_reference_in_value_and_gradient(shape, channels, dtype, weighted):
    adj, x, theta, recurrence = problem(shape, channels, dtype=dtype)
    if not weighted:
        adj = adj.with_weight(None)
        recurrence[0] *= 10
    leaves = [tensor.requires_grad_() for tensor in (x, theta, recurrence)]
    weight = None
    if weighted:
        weight = adj.weight.requires_grad_()
        leaves.append(weight)
    ours = polynomial(adj, x, theta, recurrence)
    theirs = polynomial_reference(adj.rowptr, adj.col, weight, x, theta, recurrence)
    assert_close(ours, theirs, kind="accumulated")
    grad = torch.randn_like(ours)
    got = torch.autograd.grad((ours * grad).sum(), leaves, materialize_grads=True)
    expected = torch.autograd.grad((theirs * grad).sum(), leaves, materialize_grads=True)
    for mine, other in zip(got, expected, strict=True):
        size = other.abs().amax().clamp(min=1) if other.numel() else 1
        assert_close(mine / size, other / size, kind="accumulated")


def test_moments_equal_the_reference():
    for dtype in (torch.float32, torch.float64):
        adj, x, theta, recurrence = problem(channels=20, dtype=dtype)
        y = torch.randn_like(x)
        none = (None, None, None)
        arguments = (adj.rowptr, adj.col, adj.weight, x, theta, recurrence, y)
        ours = torch.ops.graphpoly.polynomial_moments(*arguments, *none)
        theirs = polynomial_moments_reference(*arguments)
        assert_close(ours[0], theirs[0], kind="accumulated")
        assert_close(ours[1], theirs[1], kind="accumulated")


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_gradients_of_first_and_second_order(transposed, order):
    adj, x, theta, recurrence = problem((5, 5, 15), 2, order, transposed=transposed)
    leaves = [t.requires_grad_() for t in (adj.weight, x, theta, recurrence)]

    def run(weight, x, theta, recurrence):
        return polynomial(adj.with_weight(weight), x, theta, recurrence)

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


def test_gradient_of_the_moments():
    adj, x, theta, recurrence = problem((5, 5, 15), 2, 3)
    leaves = [t.requires_grad_() for t in (adj.weight, x, theta, recurrence, torch.randn_like(x))]

    def run(weight, x, theta, recurrence, y):
        return torch.ops.graphpoly.polynomial_moments(
            adj.rowptr, adj.col, weight, x, theta, recurrence, y, None, None, None
        )

    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.parametrize("wanted", [3, 4, 5, 6])
def test_gradient_of_the_moments_in_one_argument_alone(wanted):
    adj, x, theta, recurrence = problem((5, 5, 15), 2, 3)
    call = [adj.rowptr, adj.col, adj.weight, x, theta, recurrence, torch.randn_like(x)]

    def run(leaf):
        given = [leaf if place == wanted else t for place, t in enumerate(call)]
        return torch.ops.graphpoly.polynomial_moments(*given, None, None, None)

    assert torch.autograd.gradcheck(run, call[wanted].requires_grad_())


def test_shared_coefficients_are_broadcast():
    adj, x, theta, recurrence = problem()
    shared = polynomial(adj, x, theta[:, :1], recurrence[..., :1])
    apart = polynomial(adj, x, theta[:, :1].expand(-1, 5), recurrence[..., :1].expand(-1, -1, 5))
    assert torch.equal(shared, apart)


def test_memory_does_not_grow_with_the_order():
    saved = {}
    for order in (2, 50):
        adj, x, theta, recurrence = problem((200, 200, 900), 16, order)
        sizes = []

        def pack(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            polynomial(adj, x, theta.requires_grad_(), recurrence)
        saved[order] = sum(size for size in sizes if size >= x.numel())
    assert saved[2] == saved[50]


@pytest.mark.cpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_thread_count_does_not_change_a_bit(dtype):
    adj, x, theta, recurrence = problem((3000, 3000, 20000), 40, dtype=torch.float32)
    x = x.to(dtype)
    y, none = torch.randn_like(x), (None, None, None)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(
                torch.ops.graphpoly.polynomial_moments(
                    adj.rowptr, adj.col, adj.weight, x, theta, recurrence, y, *none
                )
            )
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert torch.equal(results[0][0], other[0])
        assert torch.equal(results[0][1], other[1])


# one channel, and tiles of all widths
@pytest.mark.parametrize("channels", [1, 2, 3, 8, 17, 33, 65, 100, 130, 161, 225, 270])
@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, 6])
def test_bfloat16_is_exact_where_nothing_is_rounded(channels, order):
    """Chebyshev polynomials of signed permutations, of small integers."""
    generator = torch.Generator(DEVICE).manual_seed(channels + order)
    turned = torch.stack([torch.randperm(40, generator=generator), torch.arange(40)])
    adj = to_csr(turned, torch.randint(2, (40,), generator=generator) * 2.0 - 1, 40)
    a = torch.full((order, channels), 0.5)
    a[:1] = 1
    recurrence = torch.stack([a, torch.zeros_like(a), torch.where(a == 1, 0.0, 0.5)])
    x, y = torch.randint(-4, 5, (2, 40, channels), generator=generator)
    theta = torch.randint(-2, 3, (order + 1, channels), generator=generator).float()
    expected = torch.ops.graphpoly.polynomial_moments(
        *(adj.rowptr, adj.col, adj.weight.double(), x.double(), theta.double()),
        *(recurrence.double(), y.double(), None, None, None),
    )
    z, moments = torch.ops.graphpoly.polynomial_moments(
        *(adj.rowptr, adj.col, adj.weight, x.bfloat16(), theta, recurrence, y.bfloat16()),
        *(None, None, None),
    )
    assert torch.equal(z, expected[0].bfloat16())
    assert torch.equal(moments, expected[1].float())
    assert torch.equal(z, polynomial(adj, x.bfloat16(), theta, recurrence))


@pytest.mark.parametrize("transposed", [True, False])
def test_bfloat16_equals_its_definition_in_value_and_gradient(transposed):
    adj, x, theta, recurrence = problem(dtype=torch.float32, channels=37, transposed=transposed)
    weight, x = adj.weight.requires_grad_(), x.bfloat16().requires_grad_()
    leaves = [weight, x, theta.requires_grad_(), recurrence.requires_grad_()]
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    ours = polynomial(adj.with_weight(weight), x, theta, recurrence)
    held = (adj.rowptr, adj.col, weight, x, theta, recurrence)
    torch.testing.assert_close(ours, polynomial_reference(*held), rtol=1e-2, atol=1e-2)
    theirs = polynomial(adj.with_weight(wide[0]), *wide[1:])
    grad = torch.randn_like(ours)
    got = torch.autograd.grad(ours, leaves, grad, create_graph=True)
    expected = torch.autograd.grad(theirs, wide, grad.double(), create_graph=True)
    probes = [torch.randn_like(one) for one in got]
    again = torch.autograd.grad(got, leaves, probes)
    also = torch.autograd.grad(expected, wide, [probe.double() for probe in probes])
    for one, other, leaf in zip(
        (*got, *again), (*expected, *also), (*leaves, *leaves), strict=True
    ):
        assert one.dtype == leaf.dtype
        assert (one - other).norm() < 1e-2 * other.norm()


def test_bfloat16_is_nearer_than_a_chain_of_products():
    order, half = 10, torch.full((10, 1), 0.5)
    a = torch.cat([half[:1] * 2, half[1:]])
    recurrence = torch.stack([a, torch.zeros_like(a), torch.cat([half[:1] * 0, half[1:]])])
    adj, x, _, _ = problem((2000, 2000, 12000), 16, dtype=torch.float32)
    x = x.bfloat16()
    for theta in (torch.ones(11, 1), (-1.0) ** torch.arange(11).unsqueeze(1)):
        exact = polynomial(adj, x.double(), theta.double(), recurrence.double())
        before, now = x, spmm(adj, x)
        chain = theta[0].bfloat16() * before + theta[1].bfloat16() * now
        for k in range(2, order + 1):
            before, now = now, 2 * spmm(adj, now) - before
            chain = chain + theta[k].bfloat16() * now
        ours = polynomial(adj, x, theta, recurrence)
        assert 1.2 * (ours - exact).norm() < (chain - exact).norm()
        assert (ours - exact).norm() < 4 * (exact.bfloat16() - exact).norm()


def test_bad_input_is_named():
    adj, x, theta, recurrence = problem()
    with pytest.raises(ValueError, match="square operator"):
        polynomial(random_csr(SHAPES["wide"]), x, theta, recurrence)
    with pytest.raises(ValueError, match=r"x: got shape \(49, 5\)"):
        polynomial(adj, x[1:], theta, recurrence)
    with pytest.raises(ValueError, match=r"theta: got shape \(7, 4\)"):
        polynomial(adj, x, theta[:, 1:], recurrence)
    with pytest.raises(ValueError, match=r"recurrence: got shape \(3, 5, 5\), expected \[3, 6"):
        polynomial(adj, x, theta, recurrence[:, 1:])
