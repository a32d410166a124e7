import pytest
import torch
from torch.autograd import forward_ad

from graphpoly.ops import spmm, to_csr
from graphpoly.ops.spmm import spmm_max_reference, spmm_reference
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, dense, random_csr

REDUCTIONS = ["sum", "mean", "max", "min"]


def brute_force(adj, x, reduce):
    """One row at a time, one entry at a time."""
    out = torch.zeros(adj.num_rows, x.size(1), dtype=x.dtype)
    weight = adj.weight if adj.weight is not None else torch.ones(adj.num_entries, dtype=x.dtype)
    for i in range(adj.num_rows):
        entries = range(int(adj.rowptr[i]), int(adj.rowptr[i + 1]))
        messages = [weight[e].to(x.dtype) * x[int(adj.col[e])] for e in entries]
        if messages:
            stacked = torch.stack(messages)
            out[i] = {
                "sum": stacked.sum(0),
                "mean": stacked.mean(0),
                "max": stacked.amax(0),
                "min": stacked.amin(0),
            }[reduce]
    return out


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_brute_force(reduce, shape, weighted, dtype):
    adj = random_csr(SHAPES[shape], weighted=weighted)
    for channels in (0, 1, 3, 16, 130):
        x = torch.randn(adj.num_cols, channels, dtype=dtype)
        assert_close(spmm(adj, x, reduce), brute_force(adj, x, reduce), kind="accumulated")


@pytest.mark.parametrize("shape", ["duplicates", "tall", "no entries"])
@pytest.mark.parametrize("weighted", [True, False])
def test_sum_equals_dense(shape, weighted):
    adj = random_csr(SHAPES[shape], weighted=weighted)
    x = torch.randn(adj.num_cols, 7, dtype=torch.float64)
    assert_close(spmm(adj, x), dense(adj) @ x)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_gradients_of_first_and_second_order(reduce, weighted, transposed):
    adj = random_csr((6, 5, 20), weighted=weighted, transposed=transposed)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    inputs = [x]
    if weighted:
        inputs.append(adj.weight.clone().requires_grad_())

    def run(x, weight=None):
        return spmm(adj.with_weight(weight), x, reduce)

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
def test_gradients_equal_those_of_the_reference(reduce, shape):
    adj = random_csr(SHAPES[shape], dtype=torch.float32, transposed=True)
    x = torch.randn(adj.num_cols, 33, requires_grad=True)
    weight = adj.weight.clone().requires_grad_()
    grad = torch.randn(adj.num_rows, 33)
    ours = spmm(adj.with_weight(weight), x, reduce)
    if reduce in ("sum", "mean"):
        theirs = spmm_reference(adj.rowptr, adj.col, weight, x, mean=reduce == "mean")
        theirs = torch.autograd.grad((theirs * grad).sum(), (x, weight))
    else:
        # the gradient of amax shares between equals; the first of equals is ours: pick it by hand
        with torch.no_grad():
            _, arg = spmm_max_reference(adj.rowptr, adj.col, weight, x, largest=reduce == "max")
        padded = torch.cat([weight.unsqueeze(-1) * x[adj.col], x.new_zeros(1, 33)])
        picked = padded.gather(0, arg.long())
        assert_close(ours.detach(), picked.detach())
        theirs = torch.autograd.grad((picked * grad).sum(), (x, weight))
    got = torch.autograd.grad((ours * grad).sum(), (x, weight))
    for mine, other in zip(got, theirs, strict=True):
        assert_close(mine, other, kind="accumulated")


def test_first_of_equals_gets_the_gradient_of_max():
    adj = random_csr((2, 3, 12), weighted=False)
    x = torch.ones(3, 1, dtype=torch.float64, requires_grad=True)
    spmm(adj, x, "max").sum().backward()
    expected = torch.zeros(3, 1, dtype=torch.float64)
    for i in range(2):
        expected[int(adj.col[int(adj.rowptr[i])])] += 1
    assert torch.equal(x.grad, expected)


@pytest.mark.parametrize("reduce", ["max", "min"])
def test_nan_wins(reduce):
    adj = random_csr((2, 4, 30), weighted=False)
    x = torch.tensor([[1.0], [float("nan")], [3.0], [2.0]])
    assert torch.isnan(spmm(adj, x, reduce)).all()


def test_more_axes_and_any_stride():
    adj = random_csr(SHAPES["square"], dtype=torch.float32)
    x = torch.randn(4, 5, 50).permute(2, 1, 0)
    expected = torch.einsum("ij,jab->iab", dense(adj, torch.float32), x)
    assert_close(spmm(adj, x), expected, kind="accumulated")
    vector = torch.randn(100)[::2]
    assert_close(spmm(adj, vector), dense(adj, torch.float32) @ vector, kind="accumulated")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    adj = random_csr(SHAPES["square"], dtype=torch.float32)
    x = torch.randn(50, 8).to(dtype)
    assert torch.equal(spmm(adj, x), spmm(adj, x.float()).to(dtype))


# one channel, and tiles of all widths
@pytest.mark.parametrize("channels", [1, 2, 3, 8, 17, 33, 65, 100, 130, 161, 225, 530])
@pytest.mark.parametrize("mean", [False, True])
def test_bfloat16_is_summed_in_float32_and_rounded_once(channels, mean):
    adj = random_csr((60, 50, 400), dtype=torch.float32, transposed=True)
    x = torch.randn(50, channels).bfloat16().requires_grad_()
    weight = adj.weight.requires_grad_()
    reduce = "mean" if mean else "sum"
    wide = x.detach().float().requires_grad_()
    expected = spmm(adj.with_weight(weight), wide, reduce)
    found = spmm(adj.with_weight(weight), x, reduce)
    assert torch.equal(found, expected.bfloat16())
    grad = torch.randn(60, channels).bfloat16()
    ours = torch.autograd.grad(found, [x, weight], grad)
    theirs = torch.autograd.grad(expected, [wide, weight], grad.float())
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.float(), other, rtol=2**-8, atol=2e-5)


@pytest.mark.parametrize("channels", [1, 3, 8, 33, 130, 290])
@pytest.mark.parametrize("reduce", ["max", "min"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bfloat16_is_compared_in_float32_and_rounded_once(channels, reduce, weighted):
    adj = random_csr((60, 50, 400), dtype=torch.float32, transposed=True)
    weight = adj.weight.requires_grad_() if weighted else None
    half = torch.randn(50, channels).bfloat16()
    half[3], half[7, :1] = float("nan"), float("inf")
    grad, outer = torch.randn(60, channels).bfloat16(), torch.randn(50, channels).bfloat16()
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        x, back = half.to(dtype).requires_grad_(), grad.to(dtype).requires_grad_()
        leaves = [x, weight] if weighted else [x]
        out = spmm(adj.with_weight(weight), x, reduce)
        ways = torch.autograd.grad(out, leaves, back, create_graph=True)
        again = [back, weight] if weighted else [back]
        second = torch.autograd.grad(ways[0], again, outer.to(dtype))
        found.append((out, ways[0], second[0], *ways[1:], *second[1:]))
    for place, (one, other) in enumerate(zip(*found, strict=True)):
        if place < 2:  # rounded once
            assert torch.equal(one.nan_to_num(7), other.bfloat16().nan_to_num(7))
        torch.testing.assert_close(
            one.float(), other.float(), rtol=2**-8, atol=2e-5, equal_nan=True
        )


@pytest.mark.parametrize("channels", [1, 2, 37])
def test_bfloat16_keeps_what_is_no_number(channels):
    loops = torch.arange(5).repeat(2, 1)
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 3.4e38, 1e-40]).bfloat16()
    x = torch.stack([x.roll(shift) for shift in range(channels)], 1)
    assert torch.equal(spmm(to_csr(loops, num_nodes=5), x).nan_to_num(7), x.nan_to_num(7))


@pytest.mark.parametrize("channels", [1, 2, 37])
def test_bfloat16_halfway_between_two_is_rounded_to_even(channels):
    adj = to_csr(torch.stack([torch.arange(600), torch.arange(600) // 2]), num_nodes=600)
    x = torch.tensor([256.0, 1.0, 258.0, 1.0, -256.0, -1.0]).repeat(100)
    x = x.unsqueeze(1).expand(-1, channels).bfloat16()
    expected = torch.tensor([256.0, 260.0, -256.0]).repeat(100)
    assert torch.equal(spmm(adj, x)[:300].float(), expected.unsqueeze(1).expand(-1, channels))


def test_no_gradient_is_lost_on_the_short_way():
    """A call that wants no gradient skips the autograd kernel; all others must not."""
    adj, x = random_csr(SHAPES["square"], transposed=True), torch.randn(50, 3, dtype=torch.float64)
    matrix = dense(adj)
    assert not spmm(adj, x).requires_grad
    with torch.no_grad():
        assert not spmm(adj, x.clone().requires_grad_()).requires_grad
    assert spmm(adj.with_weight(adj.weight.clone().requires_grad_()), x).requires_grad
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(spmm(adj, leaf).square().sum(), leaf)
    torch.testing.assert_close(gradient, 2 * matrix.T @ (matrix @ x))
    with forward_ad.dual_level(), pytest.raises((RuntimeError, NotImplementedError), match="jvp"):
        spmm(adj, forward_ad.make_dual(x, x))


@pytest.mark.cpu
@pytest.mark.parametrize("channels", [160, 290, 400])  # two panels, three and four
@pytest.mark.parametrize("num_cols", [200, 16_000])  # within the cache that cores share, and not
def test_rows_of_several_panels_equal_their_panels(num_cols, channels):
    adj = random_csr((900, num_cols, 30_000), dtype=torch.float32)
    x = torch.randn(num_cols, channels)
    panels = [spmm(adj, part.contiguous()) for part in x.split(16, 1)]
    assert torch.equal(spmm(adj, x), torch.cat(panels, 1))


@pytest.mark.cpu
@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_thread_count_does_not_change_a_bit(reduce):
    adj = random_csr((300, 200, 5000), dtype=torch.float32)
    x = torch.randn(200, 40)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(spmm(adj, x, reduce))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_bad_input_is_named():
    adj = random_csr(SHAPES["square"])
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        spmm(adj, torch.ones(50, 1), "meen")
    with pytest.raises(ValueError, match="the operator has 50 columns"):
        spmm(adj, torch.ones(49, 1))
    with pytest.raises(TypeError, match=r"torch\.int64"):
        spmm(adj, torch.ones(50, 1, dtype=torch.long))


def test_a_result_that_no_memory_holds_says_so():
    adj = to_csr(torch.empty(2, 0, dtype=torch.int64), size=(1, 2**20))
    with pytest.raises(RuntimeError, match="memory"):
        spmm(adj, torch.ones(1, 2**20))
