import pytest
import torch

from graphpoly.ops import segment_logsumexp, segment_softmax
from graphpoly.ops.segment import logsumexp_reference, softmax_reference
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator

FUNCTIONS = {
    "softmax": (segment_softmax, softmax_reference),
    "logsumexp": (segment_logsumexp, logsumexp_reference),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("input_order", [True, False])
def test_value_and_gradients(name, shape, input_order, limit):
    adj = operator(shape, wide=input_order)
    ours, theirs = FUNCTIONS[name]
    perm = adj.perm if input_order else None
    assert_same(
        lambda value: ours(adj, value, input_order=input_order),
        lambda value: theirs(adj.rowptr, perm, value),
        {"value": torch.randn(adj.num_entries, 3, dtype=torch.float64)},
    )


@pytest.mark.parametrize("heads", [1, 16, 70])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_number_of_heads_and_stride(name, heads, limit):
    adj = operator(GRAPHS["hub"])
    ours, theirs = FUNCTIONS[name]
    value = (200 * torch.randn(heads, adj.num_entries)).T
    assert_close(ours(adj, value), theirs(adj.rowptr, None, value))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("special", [torch.inf, -torch.inf, torch.nan])
def test_infinities_and_nan(name, special, limit):
    """One of them in a row, all of a row, and the other rows untouched."""
    adj = operator(GRAPHS["hub"])
    ours, theirs = FUNCTIONS[name]
    value = torch.randn(adj.num_entries, 2)
    value[1, 0] = special
    value[: int(adj.rowptr[1]), 1] = special
    got, expected = ours(adj, value), theirs(adj.rowptr, None, value)
    assert torch.equal(got.isnan(), expected.isnan())
    assert torch.equal(got.isinf(), expected.isinf())
    assert_close(
        got.nan_to_num(0.0, posinf=9.0, neginf=-9.0),
        expected.nan_to_num(0.0, posinf=9.0, neginf=-9.0),
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_half_precision(name, limit):
    adj = operator(GRAPHS["hub"])
    ours, theirs = FUNCTIONS[name]
    value = torch.randn(adj.num_entries, 3).bfloat16()
    assert_close(ours(adj, value), theirs(adj.rowptr, None, value.float()).bfloat16())
