import pytest
import torch

from graphpoly.ops import entry_sum, sum_entries
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
def test_sums_what_both_ends_say(shape):
    adj = random_csr(SHAPES[shape], weighted=False)
    a = torch.randn(adj.num_rows, 3, dtype=torch.float64)
    b = torch.randn(adj.num_cols, 3, dtype=torch.float64)
    pairs = zip(adj.rows().tolist(), adj.col.tolist(), strict=True)
    expected = [a[i] + b[j] for i, j in pairs]
    expected = torch.stack(expected) if expected else torch.zeros(0, 3)
    assert torch.equal(entry_sum(adj, a, b), expected.double())
    values = torch.randn(adj.num_entries, 2, 2, dtype=torch.float64)
    added = torch.zeros(adj.num_rows, 2, 2, dtype=torch.float64)
    for e, i in enumerate(adj.rows().tolist()):
        added[i] += values[e]
    assert_close(sum_entries(adj, values), added)


@pytest.mark.parametrize("transposed", [True, False])
def test_gradients(transposed):
    adj = random_csr((4, 5, 9), weighted=False, transposed=transposed)
    a = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    b = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)

    def function(a, b):
        return entry_sum(adj, a, b).sin()

    assert torch.autograd.gradcheck(function, (a, b))
    assert torch.autograd.gradgradcheck(function, (a, b))


def test_gradients_of_sums():
    adj = random_csr((4, 5, 9), weighted=False)
    values = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)

    def function(values):
        return sum_entries(adj, values).sin()

    assert torch.autograd.gradcheck(function, (values,))
    assert torch.autograd.gradgradcheck(function, (values,))


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"expected \[4, P\] and \[5, P\]"):
        entry_sum(random_csr((4, 5, 9)), torch.ones(5, 2), torch.ones(5, 2))
