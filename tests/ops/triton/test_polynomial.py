import pytest
import torch

from graphpoly.ops import polynomial
from graphpoly.ops.polynomial import polynomial_moments_reference, polynomial_reference
from graphpoly.ops.triton import kernel
from graphpoly.testing import assert_close
from tests.ops.triton.compare import SQUARE, assert_same, operator


def problem(adj, channels, order, dtype=torch.float64):
    """Inputs that stay of the size of one."""
    recurrence = torch.randn(3, order, channels, dtype=dtype)
    recurrence[0] = 8 + recurrence[0].abs()
    return {
        "x": torch.randn(adj.num_rows, channels, dtype=dtype),
        "theta": torch.randn(order + 1, channels, dtype=dtype),
        "recurrence": recurrence,
    }


@pytest.mark.parametrize("shape", SQUARE.values(), ids=list(SQUARE))
@pytest.mark.parametrize("weighted", [True, False])
def test_value_and_gradients(shape, weighted, limit):
    adj = operator(shape, weighted=weighted)
    inputs = problem(adj, 3, 4)
    if weighted:
        inputs["weight"] = adj.weight
    assert_same(
        lambda x, theta, recurrence, weight=None: polynomial(
            adj.with_weight(weight), x, theta, recurrence
        ),
        lambda x, theta, recurrence, weight=None: polynomial_reference(
            adj.rowptr, adj.col, weight, x, theta, recurrence
        ),
        inputs,
    )


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("channels", [0, 1, 17, 130])
def test_moments(order, channels, limit):
    adj = operator(SQUARE["hub"], dtype=torch.float32, wide=True)
    inputs = problem(adj, channels, order, torch.float32)
    inputs["x"] = inputs["x"].T.contiguous().T
    y = torch.randn(channels, 9).T
    arguments = (adj.rowptr, adj.col, adj.weight, *inputs.values(), y)
    ours = torch.ops.graphpoly.polynomial_moments(*arguments, None, None, None)
    for one, other in zip(ours, polynomial_moments_reference(*arguments), strict=True):
        assert_close(one, other, kind="accumulated")


def test_several_rows_to_a_program(monkeypatch):
    """Large graphs take 16 rows to a program; here no multiple of that many."""
    from graphpoly.ops.triton import polynomial as module

    monkeypatch.setattr(module, "MANY_ROWS", 4)  # 4 rows to a program
    adj = operator((13, 13, 40))
    inputs, y = problem(adj, 3, 3), torch.randn(13, 3, dtype=torch.float64)
    arguments = (adj.rowptr, adj.col, adj.weight, *inputs.values(), y)
    ours = torch.ops.graphpoly.polynomial_moments(*arguments, None, None, None)
    for one, other in zip(ours, polynomial_moments_reference(*arguments), strict=True):
        assert_close(one, other)


def test_half_precision_storage(limit):
    adj = operator(SQUARE["hub"], dtype=torch.float32)
    inputs = {name: t.bfloat16() for name, t in problem(adj, 5, 3, torch.float32).items()}
    weight = adj.weight.bfloat16()
    none = (None, None, None)
    ours = kernel("polynomial")(adj.rowptr, adj.col, weight, *inputs.values(), *none)
    assert ours.dtype == torch.bfloat16
    exact = polynomial_reference(
        adj.rowptr, adj.col, weight.float(), *(t.float() for t in inputs.values())
    )
    assert_close(ours, exact.bfloat16(), kind="accumulated")


def test_inputs_are_left_as_they_are(limit):
    adj = operator(SQUARE["hub"])
    inputs = problem(adj, 3, 5)
    before = [t.clone() for t in inputs.values()]
    polynomial(adj, **inputs)
    assert all(torch.equal(one, other) for one, other in zip(inputs.values(), before, strict=True))
