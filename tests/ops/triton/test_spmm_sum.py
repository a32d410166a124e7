import pytest
import torch

from graphpoly.ops import spmm
from graphpoly.ops.spmm import spmm_reference
from graphpoly.ops.triton import kernel
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator


def reference(adj, mean):
    def run(x, weight=None):
        return spmm_reference(adj.rowptr, adj.col, weight, x, mean=mean)

    return run


@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_value_and_gradients(shape, weighted, reduce, limit):
    adj = operator(shape, weighted=weighted)
    inputs = {"x": torch.randn(adj.num_cols, 19, dtype=torch.float64)}
    if weighted:
        inputs["weight"] = adj.weight
    assert_same(
        lambda x, weight=None: spmm(adj.with_weight(weight), x, reduce),
        reference(adj, reduce == "mean"),
        inputs,
    )


@pytest.mark.parametrize("channels", [0, 1, 16, 33, 130])
def test_any_number_of_channels(channels, limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32, wide=True)
    x = torch.randn(adj.num_cols, channels)
    assert_close(spmm(adj, x), reference(adj, False)(x, adj.weight))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_stored_as_such_and_summed_in_float32(dtype, limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    x, weight = torch.randn(11, 5).to(dtype), adj.weight.to(dtype)
    out = kernel("spmm_sum")(adj.rowptr, adj.col, weight, x, None, None, None, False)
    assert out.dtype == dtype
    assert_close(out, reference(adj, False)(x.float(), weight.float()).to(dtype))


def test_any_stride(limit):
    adj = operator(GRAPHS["hub"])
    base = torch.randn(7, 22, dtype=torch.float64)
    expected = reference(adj, False)
    for x in (base[:, :11].T, base.T[::2, 1:], base[:1, :11].T, base[0, 0].expand(11, 3)):
        assert_close(spmm(adj, x), expected(x, adj.weight))


def test_ten_runs_are_bitwise_equal(limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    x = torch.randn(11, 20)
    first = spmm(adj, x)
    assert all(torch.equal(first, spmm(adj, x)) for _ in range(9))


def test_a_nan_stays_in_its_column(limit):
    adj = operator(GRAPHS["hub"], weighted=False)
    x = torch.ones(11, 4, dtype=torch.float64)
    x[:, 2] = torch.nan
    out = spmm(adj, x)
    assert out[:, [0, 1, 3]].isfinite().all()
    assert torch.equal(out[:, 2].isnan(), adj.rowptr.diff() > 0)
