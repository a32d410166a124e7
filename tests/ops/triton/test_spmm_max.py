import pytest
import torch

from graphpoly.ops import spmm
from graphpoly.ops.spmm import spmm_max_reference
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator


@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("largest", [True, False])
def test_value_argument_and_gradients(shape, weighted, largest, limit):
    adj = operator(shape, weighted=weighted)
    x = torch.randn(adj.num_cols, 19, dtype=torch.float64)
    none = (None, None, None)
    ours = torch.ops.graphpoly.spmm_max(adj.rowptr, adj.col, adj.weight, x, *none, largest)
    theirs = spmm_max_reference(adj.rowptr, adj.col, adj.weight, x, largest=largest)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)

    def picked(x, weight=None):
        """The winners alone: differentiable as it stands."""
        message = x[adj.col] if weight is None else weight.unsqueeze(-1) * x[adj.col]
        return torch.cat([message, x.new_zeros(1, x.size(1))]).gather(0, theirs[1].long())

    inputs = {"x": x} | ({"weight": adj.weight} if weighted else {})
    reduce = "max" if largest else "min"
    assert_same(lambda x, weight=None: spmm(adj.with_weight(weight), x, reduce), picked, inputs)


@pytest.mark.parametrize("largest", [True, False])
def test_first_of_equals_and_nan(largest, limit):
    adj = operator(GRAPHS["duplicates"], weighted=False, wide=True)
    x = torch.tensor([[1.0, 2.0, -torch.inf], [1.0, torch.nan, -torch.inf], [1.0, 5.0, torch.inf]])
    arguments = (adj.rowptr, adj.col, None, x, None, None, None)
    ours = torch.ops.graphpoly.spmm_max(*arguments, largest)
    theirs = spmm_max_reference(*arguments, largest)
    assert torch.equal(ours[1], theirs[1])
    assert torch.equal(ours[0].isnan(), theirs[0].isnan())
    assert torch.equal(ours[0].nan_to_num(7.0), theirs[0].nan_to_num(7.0))


@pytest.mark.parametrize("channels", [0, 1, 64, 70])
def test_any_number_of_channels_and_stride(channels, limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32)
    x = torch.randn(channels, 11).T
    expected, _ = spmm_max_reference(adj.rowptr, adj.col, adj.weight, x)
    assert_close(spmm(adj, x, "max"), expected)


def test_half_precision(limit):
    adj = operator(GRAPHS["hub"], weighted=False)
    x = torch.randn(11, 5).bfloat16()
    arguments = (adj.rowptr, adj.col, None, x, None, None, None, True)
    out, arg = torch.ops.graphpoly.spmm_max(*arguments)
    expected = spmm_max_reference(*arguments)
    assert torch.equal(out, expected[0])
    assert torch.equal(arg, expected[1])
    turn = adj.transposed
    grad = torch.ops.graphpoly.spmm_max_backward(*turn, None, torch.ones_like(out), arg)
    assert float(grad.float().sum()) == float((arg < adj.num_entries).sum())
