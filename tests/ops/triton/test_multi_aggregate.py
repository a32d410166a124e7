import pytest
import torch

from graphpoly.ops import multi_aggregate
from graphpoly.ops.multi_aggregate import multi_aggregate_reference
from graphpoly.testing import assert_close
from tests.ops.triton.compare import GRAPHS, assert_same, operator

NAMES = ("sum", "mean", "var", "std", "min", "max")


def reference(adj, names):
    plan = [NAMES.index(name) for name in names]

    def run(x, weight=None):
        return multi_aggregate_reference(adj.rowptr, adj.col, weight, x, None, None, None, plan)

    return run


@pytest.mark.parametrize("shape", GRAPHS.values(), ids=list(GRAPHS))
@pytest.mark.parametrize("weighted", [True, False])
def test_all_values_and_gradients(shape, weighted, limit):
    """Rows of two entries or more: the deviation of one is 0, and has no derivative."""
    adj = operator(shape, weighted=weighted)
    inputs = {"x": torch.randn(adj.num_cols, 3, dtype=torch.float64)}
    if weighted:
        inputs["weight"] = adj.weight
    assert_same(
        lambda x, weight=None: multi_aggregate(adj.with_weight(weight), x, NAMES),
        lambda x, weight=None: reference(adj, NAMES)(x, weight)[0],
        inputs,
    )


@pytest.mark.parametrize(
    "names", [["std"], ["mean", "min", "max", "std"], ["max"], ["min", "sum"], ["var", "mean"]]
)
def test_every_output_of_a_choice(names, limit):
    adj = operator(GRAPHS["hub"], dtype=torch.float32, wide=True)
    x = torch.randn(70, 11).T
    plan = [NAMES.index(name) for name in names]
    arguments = (adj.rowptr, adj.col, adj.weight, x, None, None, None, plan)
    ours = torch.ops.graphpoly.multi_aggregate(*arguments)
    for one, other in zip(ours, multi_aggregate_reference(*arguments), strict=True):
        assert one.dtype == other.dtype
        assert_close(one, other, kind="accumulated")


def test_variance_far_from_zero(limit):
    """A mean a million times the deviation; chunks are merged, not subtracted."""
    adj = operator(GRAPHS["star"], weighted=False)
    x = torch.randn(30, 4, dtype=torch.float64) + 1e6
    out = multi_aggregate(adj, x, ["var"])
    assert_close(out[0, 0], x[adj.col.long()].var(0, correction=0), kind="accumulated")
    single = multi_aggregate(adj, (x - 1e6 + 1000).float(), ["var"])
    assert_close(single, out.float(), kind="accumulated")


def test_half_precision(limit):
    adj = operator(GRAPHS["hub"], weighted=False)
    x = torch.randn(11, 3).bfloat16()
    plan = [1, 3, 4, 5]
    ours = torch.ops.graphpoly.multi_aggregate(adj.rowptr, adj.col, None, x, None, None, None, plan)
    exact = reference(adj, [NAMES[kind] for kind in plan])(x.float())
    assert_close(ours[0], exact[0].bfloat16())
    assert torch.equal(ours[2], exact[2])
