"""Values in the order of the transpose: against indexing, their gradient, on several threads."""

from __future__ import annotations

import pytest
import torch

from graphpoly.ops.turned_weight import turned_weight, turned_weight_reference
from tests.ops.graphs import random_csr


def transposed(shape, index=torch.int32):
    adj = random_csr(shape, transposed=True)
    return adj, *(part.to(index) for part in (adj.rowptr, *adj.transposed[1:]))


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 4, 0), (9, 5, 30), (300, 200, 50_000)])
@pytest.mark.parametrize("index", [torch.int32, torch.int64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("mean", [True, False])
def test_is_the_transpose_of_the_dense_matrix(shape, index, dtype, weighted, mean):
    adj, rowptr, row, tperm = transposed(shape, index)
    weight = adj.weight.to(dtype) if weighted else None
    found = turned_weight(weight, row, tperm, rowptr if mean else None, dtype=dtype)
    if not (weighted or mean):
        assert found is None
        return
    values = torch.ones_like(adj.weight) if weight is None else weight.double()
    if mean:
        values = values / adj.rowptr.diff()[adj.rows().long()]
    back = adj.with_weight(values).to_dense().T
    colptr, row, _ = adj.transposed
    dense = torch.zeros_like(back)
    source = torch.repeat_interleave(torch.arange(adj.num_cols), colptr.diff().long())
    dense.index_put_((source, row.long()), found.double(), accumulate=True)
    assert found.dtype == dtype
    torch.testing.assert_close(dense, back, rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-14)


@pytest.mark.parametrize("mean", [True, False])
def test_gradients(mean):
    adj, rowptr, row, tperm = transposed((9, 5, 30))
    weight = adj.weight.detach().requires_grad_()

    def run(weight):
        return turned_weight(weight, row, tperm, rowptr if mean else None)

    assert torch.autograd.gradcheck(run, weight)
    assert torch.autograd.gradgradcheck(run, weight)


def test_threads_change_nothing():
    adj, rowptr, row, tperm = transposed((3000, 2000, 60_000))
    expected = turned_weight_reference(adj.weight, row, tperm, rowptr, False)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert torch.equal(turned_weight(adj.weight, row, tperm, rowptr), expected)
    finally:
        torch.set_num_threads(before)
