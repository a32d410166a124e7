import pytest
import torch
from torch_geometric.utils import softmax

from graphpoly.ops import segment_logsumexp, segment_softmax
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr


def brute_force(adj, value):
    """One row at a time, in the order of the entries."""
    share = torch.zeros_like(value)
    total = value.new_zeros(adj.num_rows, value.size(1))
    for i in range(adj.num_rows):
        part = slice(int(adj.rowptr[i]), int(adj.rowptr[i + 1]))
        if part.start < part.stop:
            share[part] = value[part].softmax(0)
            total[i] = value[part].logsumexp(0)
    return share, total


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("input_order", [True, False])
def test_equals_brute_force(shape, dtype, input_order):
    adj = random_csr(SHAPES[shape], weighted=False)
    for heads in (0, 1, 3, 8, 20, 70):
        value = 10 * torch.randn(adj.num_entries, heads, dtype=dtype)
        share, total = brute_force(adj, value)
        given = torch.empty_like(value).index_copy(0, adj.perm.long(), value)
        given = given if input_order else value
        found = segment_softmax(adj, given, input_order=input_order)
        found = found[adj.perm.long()] if input_order else found
        assert_close(found, share)
        assert_close(segment_logsumexp(adj, given, input_order=input_order), total)


def test_equals_pyg_in_the_order_of_the_edges():
    adj = random_csr(SHAPES["square"], weighted=False)
    value = torch.randn(400, 8)
    index = torch.empty(400, dtype=torch.long).index_copy(0, adj.perm.long(), adj.rows().long())
    assert_close(segment_softmax(adj, value, input_order=True), softmax(value, index, num_nodes=50))


@pytest.mark.parametrize("function", [segment_softmax, segment_logsumexp])
@pytest.mark.parametrize("input_order", [True, False])
def test_gradients_of_first_and_second_order(function, input_order):
    adj = random_csr((6, 5, 14), weighted=False)
    value = torch.randn(14, 2, dtype=torch.float64, requires_grad=True)

    def run(value):
        return function(adj, value, input_order=input_order)

    assert torch.autograd.gradcheck(run, value)
    assert torch.autograd.gradgradcheck(run, value)


@pytest.mark.parametrize(
    ("dtype", "lowest", "error"), [(torch.float32, -87, 3e-7), (torch.float64, -690, 4e-16)]
)
def test_exponentials_are_exact_to_a_few_roundings(dtype, lowest, error):
    x = torch.linspace(lowest, 0, 20001, dtype=dtype)
    pairs = torch.stack([torch.zeros_like(x), x], 1)
    adj = random_csr((1, 1, 0))._replace(
        rowptr=torch.arange(0, 2 * x.numel() + 1, 2), col=torch.zeros(2 * x.numel()).long()
    )
    found = segment_softmax(adj, pairs.reshape(-1)).reshape(-1, 2)[:, 1].double()
    expected = pairs.double().softmax(1)[:, 1]
    assert float(((found - expected).abs() / expected).max()) < error


def test_values_without_bound():
    inf, nan = float("inf"), float("nan")
    rows = [[1e4, 1e4], [-1e4, -1e4], [0.0, -1e30], [-inf, 2.0], [-inf, -inf], [inf, 1], [nan, 1]]
    value = torch.tensor(rows)
    adj = random_csr((1, 1, 0))._replace(rowptr=torch.arange(0, 15, 2), col=torch.zeros(14).long())
    share = segment_softmax(adj, value.reshape(-1)).reshape(-1, 2)
    assert torch.equal(share[:4], torch.tensor([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]))
    torch.testing.assert_close(share, value.softmax(1), equal_nan=True)
    total = segment_logsumexp(adj, value.reshape(-1))
    torch.testing.assert_close(total, value.logsumexp(1), equal_nan=True)


def test_more_axes_any_stride_and_half_precision():
    adj = random_csr(SHAPES["square"], weighted=False)
    value = torch.randn(3, 2, 400).permute(2, 1, 0)
    expected, _ = brute_force(adj, value.reshape(400, 6))
    assert_close(segment_softmax(adj, value), expected.reshape(400, 2, 3))
    half = value.half()
    assert torch.equal(segment_softmax(adj, half), segment_softmax(adj, half.float()).half())


def test_index_dtype_does_not_change_a_bit():
    adj = random_csr(SHAPES["square"], weighted=False)
    wide = adj._replace(rowptr=adj.rowptr.long(), col=adj.col.long(), perm=adj.perm.long())
    value = torch.randn(400, 5)
    for function in (segment_softmax, segment_logsumexp):
        one = function(adj, value, input_order=True)
        assert torch.equal(one, function(wide, value, input_order=True))


def test_thread_count_does_not_change_a_bit():
    adj = random_csr((300, 200, 9000), weighted=False)
    value = torch.randn(9000, 8)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append((segment_softmax(adj, value), segment_logsumexp(adj, value)))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_bad_input_is_named():
    adj = random_csr(SHAPES["square"])
    with pytest.raises(ValueError, match="400 entries"):
        segment_softmax(adj, torch.ones(399, 2))
    with pytest.raises(TypeError, match=r"torch\.int64"):
        segment_logsumexp(adj, torch.ones(400).long())
