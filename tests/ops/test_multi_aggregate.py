import pytest
import torch
from torch_geometric.nn.aggr import MultiAggregation

from graphpoly.ops import multi_aggregate, spmm, to_csr
from graphpoly.ops.multi_aggregate import AGGREGATIONS, multi_aggregate_reference
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr

PNA = ["mean", "min", "max", "std"]


def brute_force(adj, x, aggregations):
    """One row at a time, in float64."""
    out = torch.zeros(adj.num_rows, len(aggregations), x.size(1), dtype=torch.float64)
    weight = adj.weight if adj.weight is not None else torch.ones(adj.num_entries)
    for i in range(adj.num_rows):
        entries = range(int(adj.rowptr[i]), int(adj.rowptr[i + 1]))
        messages = [weight[e].double() * x[int(adj.col[e])].double() for e in entries]
        if not messages:
            continue
        stacked = torch.stack(messages)
        var = stacked.var(0, correction=0)
        values = {
            "sum": stacked.sum(0),
            "mean": stacked.mean(0),
            "var": var,
            "std": torch.where(var > 1e-5, var.sqrt(), 0),
            "min": stacked.amin(0),
            "max": stacked.amax(0),
        }
        out[i] = torch.stack([values[name] for name in aggregations])
    return out


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_brute_force(shape, weighted, dtype):
    adj = random_csr(SHAPES[shape], weighted=weighted)
    for channels in (0, 1, 3, 16, 70):
        x = torch.randn(adj.num_cols, channels, dtype=dtype)
        out = multi_aggregate(adj, x, AGGREGATIONS)
        expected = brute_force(adj, x, AGGREGATIONS).to(dtype)
        loose = AGGREGATIONS.index("std")  # the root multiplies the error of a small variance
        keep = [k for k in range(len(AGGREGATIONS)) if k != loose]
        assert_close(out[:, keep], expected[:, keep], kind="accumulated")
        assert_close(out[:, loose] ** 2, expected[:, loose] ** 2, kind="accumulated")


@pytest.mark.parametrize("names", [["sum"], ["var"], ["max"], ["std", "min"], ["max", "mean"], PNA])
def test_any_selection_in_any_order(names):
    adj = random_csr(SHAPES["square"])
    x = torch.randn(50, 9, dtype=torch.float64)
    full = multi_aggregate(adj, x, AGGREGATIONS)
    expected = full[:, [AGGREGATIONS.index(name) for name in names]]
    assert_close(multi_aggregate(adj, x, names), expected)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min"])
def test_each_equals_spmm(reduce):
    adj = random_csr(SHAPES["square"], dtype=torch.float32)
    x = torch.randn(50, 40)
    assert_close(multi_aggregate(adj, x, [reduce]).squeeze(1), spmm(adj, x, reduce))


def test_equals_pyg_in_value_and_gradient():
    adj = random_csr(SHAPES["square"], weighted=False)
    x = torch.randn(50, 6, dtype=torch.float64, requires_grad=True)
    mine = multi_aggregate(adj, x, PNA).flatten(1)
    theirs = MultiAggregation(PNA)(x[adj.col], adj.rows().long(), dim_size=50)
    assert_close(mine, theirs, kind="accumulated")
    weights = torch.randn_like(mine)
    # the gradient of the other's extremes is shared by equals: a row's only equals are duplicates
    (one,) = torch.autograd.grad((mine * weights).sum(), x)
    (two,) = torch.autograd.grad((theirs * weights).sum(), x)
    assert_close(one, two, kind="accumulated")


@pytest.mark.parametrize("names", [list(AGGREGATIONS), ["std"], ["var", "max"], PNA])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_gradients_of_first_and_second_order(names, weighted, transposed):
    adj = random_csr((6, 5, 20), weighted=weighted, transposed=transposed)
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    inputs = [x, adj.weight.clone().requires_grad_()] if weighted else [x]

    def run(x, weight=None):
        return multi_aggregate(adj.with_weight(weight), x, names)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_equal_autograd_through_plain_pytorch(shape, dtype):
    adj = random_csr(SHAPES[shape], dtype=dtype, transposed=True)
    for channels in (1, 33, 100):
        x = torch.randn(adj.num_cols, channels, dtype=dtype, requires_grad=True)
        out = multi_aggregate(adj, x, AGGREGATIONS)
        weights = torch.randn_like(out)
        (mine,) = torch.autograd.grad((out * weights).sum(), x)
        m = adj.weight.double().unsqueeze(-1) * x.double()[adj.col]
        zeros = torch.zeros(adj.num_rows, channels, dtype=torch.float64)
        rows, count = adj.rows(), adj.rowptr.diff().clamp(min=1).unsqueeze(-1)
        total = zeros.index_add(0, rows, m)
        mean = total / count
        var = zeros.index_add(0, rows, (m - mean[rows]) ** 2) / count
        std = torch.where(var > 1e-5, var.clamp(min=1e-5).sqrt(), 0)
        with torch.no_grad():
            turn = (None, None, None)
            _, _, *args = multi_aggregate_reference(
                adj.rowptr, adj.col, adj.weight, x, *turn, range(6)
            )
        padded = torch.cat([m, zeros.new_zeros(1, channels)])
        high, low = (padded.gather(0, arg.long()) for arg in args)
        theirs = torch.stack([total, mean, var, std, low, high], 1)
        (other,) = torch.autograd.grad((theirs * weights.double()).sum(), x)
        assert_close(mine, other, kind="accumulated")


def test_variance_of_large_values_keeps_its_digits():
    adj = random_csr((3, 400, 3000), weighted=False)
    x = torch.randn(400, 20, dtype=torch.float64).float().double() + 4096
    expected = brute_force(adj, x, ["var"])
    found = multi_aggregate(adj, x.float(), ["var"])
    # float32 holds these x to 2.4e-4: no more can be asked, and E[x^2] - E[x]^2 is off by 1
    assert float((found - expected).abs().max()) < 1e-3
    same = torch.full((400, 3), 0.1)
    assert float(multi_aggregate(adj, same, ["var"]).max()) < 1e-15


def test_rows_longer_than_a_byte_counts():
    adj = random_csr((3, 50, 2000), dtype=torch.float32, weighted=False, transposed=True)
    assert int(adj.rowptr.diff().max()) > 255
    x = torch.randn(50, 65, requires_grad=True)
    (mine,) = torch.autograd.grad(multi_aggregate(adj, x, ["min", "max"]).sum(), x)
    best, least = spmm(adj, x, "max"), spmm(adj, x, "min")
    (other,) = torch.autograd.grad((best + least).sum(), x)
    assert_close(mine, other)


@pytest.mark.parametrize("length", [254, 255, 256, 257])
def test_winner_at_the_end_of_a_long_row(length):
    pairs = torch.stack([torch.arange(length), torch.zeros(length, dtype=torch.long)])
    adj = to_csr(pairs, size=(length, 1))
    x = torch.arange(float(length)).unsqueeze(-1).requires_grad_()
    multi_aggregate(adj, x, ["max"]).sum().backward()
    assert x.grad.flatten().nonzero().flatten().tolist() == [length - 1]


def test_first_of_equals_gets_the_gradient():
    adj = random_csr((2, 3, 12), weighted=False)
    x = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    multi_aggregate(adj, x, ["min", "max"]).sum().backward()
    expected = torch.zeros(3, 1, dtype=torch.float64)
    for i in range(2):
        expected[int(adj.col[int(adj.rowptr[i])])] += 2
    assert torch.equal(x.grad, expected)


def test_nan_and_infinity():
    adj = random_csr((2, 4, 30), weighted=False)
    x = torch.tensor([[1.0, 1.0], [float("nan"), float("inf")], [3.0, -float("inf")], [2.0, 0.0]])
    low, high = multi_aggregate(adj, x, ["min", "max"]).unbind(1)
    assert low[:, 0].isnan().all()
    assert high[:, 0].isnan().all()
    assert torch.equal(low[:, 1], torch.full((2,), -float("inf")))
    assert torch.equal(high[:, 1], torch.full((2,), float("inf")))


def test_no_gradient_below_the_least_deviation():
    adj = random_csr(SHAPES["square"], weighted=False)
    x = (1e-4 * torch.randn(50, 3, dtype=torch.float64)).requires_grad_()
    out = multi_aggregate(adj, x, ["std"])
    assert not out.any()
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert not grad.any()


def test_more_axes_and_half_precision():
    adj = random_csr(SHAPES["square"], dtype=torch.float32)
    x = torch.randn(4, 5, 50).permute(2, 1, 0)
    out = multi_aggregate(adj, x, PNA)
    assert out.shape == (50, 4, 5, 4)
    flat = multi_aggregate(adj, x.reshape(50, 20), PNA)
    assert torch.equal(out.flatten(2), flat)
    half = x.bfloat16()
    assert torch.equal(
        multi_aggregate(adj, half, PNA), multi_aggregate(adj, half.float(), PNA).bfloat16()
    )


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kinds", [["sum"], ["var"], ["max", "std"], [*AGGREGATIONS]])
@pytest.mark.parametrize("channels", [1, 7, 64, 130])
def test_bfloat16_is_rounded_once(channels, kinds, weighted):
    adj = random_csr((300, 200, 5000), dtype=torch.float32, weighted=weighted, transposed=True)
    half = (torch.randn(200, channels) + 3).bfloat16().requires_grad_()
    wide = half.detach().float().requires_grad_()
    out, expected = multi_aggregate(adj, half, kinds), multi_aggregate(adj, wide, kinds)
    assert torch.equal(out, expected.bfloat16())
    grad = torch.randn_like(out)
    (found,) = torch.autograd.grad(out, half, grad)
    (other,) = torch.autograd.grad(expected, wide, grad.float())
    close = 1e-6 * float(other.abs().max())
    torch.testing.assert_close(found.float(), other, rtol=2**-8, atol=close)


def test_gradients_of_bfloat16_weights_and_the_second():
    adj = random_csr((30, 20, 200), dtype=torch.float32, transposed=True)
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        torch.manual_seed(1)
        x = torch.randn(20, 5).bfloat16().to(dtype).requires_grad_()
        weight = adj.weight.clone().requires_grad_()
        out = multi_aggregate(adj.with_weight(weight), x, [*AGGREGATIONS])
        grads = torch.autograd.grad(out.float().square().sum(), (x, weight), create_graph=True)
        again = sum(g.float().square().sum() for g in grads)
        found.append((*grads, *torch.autograd.grad(again, (x, weight))))
    for one, other in zip(*found, strict=True):
        close = 2e-2 * float(other.detach().abs().max())
        torch.testing.assert_close(one.float(), other, rtol=2e-2, atol=close)


@pytest.mark.cpu
def test_thread_count_does_not_change_a_bit():
    adj = random_csr((300, 200, 5000), dtype=torch.float32, transposed=True)
    x = torch.randn(200, 70, requires_grad=True)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            out = multi_aggregate(adj, x, AGGREGATIONS)
            found.append((out, *torch.autograd.grad(out.square().sum(), x)))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_index_dtype_does_not_change_a_bit(dtype):
    adj = random_csr((3, 50, 2000), dtype=dtype, transposed=True)
    wide = adj._replace(
        rowptr=adj.rowptr.long(),
        col=adj.col.long(),
        transposed=tuple(t.long() for t in adj.transposed),
    )
    for channels in (3, 70):
        x = torch.randn(50, channels, dtype=dtype, requires_grad=True)
        found = []
        for operator in (adj, wide):
            out = multi_aggregate(operator, x, AGGREGATIONS)
            found.append((out, *torch.autograd.grad(out.square().sum(), x)))
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_bad_input_is_named():
    adj = random_csr(SHAPES["square"])
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        multi_aggregate(adj, torch.ones(50, 1), ["meen"])
    with pytest.raises(ValueError, match="different ones"):
        multi_aggregate(adj, torch.ones(50, 1), ["sum", "sum"])
    with pytest.raises(TypeError, match="a list is accepted"):
        multi_aggregate(adj, torch.ones(50, 1), "sum")
    with pytest.raises(ValueError, match="the operator has 50 columns"):
        multi_aggregate(adj, torch.ones(49, 1), ["sum"])
