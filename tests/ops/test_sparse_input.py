"""Maps of features that are mostly 0 against dense ones, and when they are looked for."""

from __future__ import annotations

import gc

import pytest
import torch
import torch.nn.functional as F

import graphpoly.ops.sparse_input as module
from graphpoly.ops._extension import load
from graphpoly.ops.affine import affine
from graphpoly.ops.dropout import dropout
from graphpoly.ops.nonzero_rows import nonzero_rows_reference
from graphpoly.ops.sparse_input import dropped_input, sparse_input
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

both = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
kernels = pytest.mark.skipif(not load()["available"], reason="without kernels maps are dense")


def bag(rows=150, cols=200, share=0.02, dtype=torch.float32, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    kept = torch.rand(rows, cols, generator=generator) < share
    return (kept * torch.randn(rows, cols, generator=generator)).to(dtype)


def drawn(*shape, dtype=torch.float32):
    return torch.randn(shape, dtype=dtype, requires_grad=True)


@both
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (3, 15), (7, 16), (130, 333)])
def test_rows_are_those_of_the_definition(shape, dtype):
    for share in (0.0, 0.05, 1.0):
        x = bag(*shape, share, dtype)
        x[:, ::3] *= -0.0
        if x.numel():
            x[-1, -1] = torch.inf
        for given in (x, x.T, x[:, ::2]):
            for most in (0, 3, x.numel()):
                found = torch.ops.graphpoly.nonzero_rows(given, most)
                expected = nonzero_rows_reference(given, most)
                assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
                assert found[1].dtype == torch.int32


@kernels
@both
def test_values_and_gradients_are_those_of_the_dense_map(dtype):
    x, weight, bias = bag(dtype=dtype), drawn(9, 200, dtype=dtype), drawn(9, dtype=dtype)
    assert sparse_input(x, weight) is not None
    found, expected = affine(x, weight, bias), F.linear(x, weight, bias)
    assert_close(found, expected)
    probe = torch.randn(expected.shape, dtype=dtype)
    grads = (torch.autograd.grad(out, [weight, bias], probe) for out in (found, expected))
    for one, two in zip(*grads, strict=True):
        assert_close(one, two)
    y, other = drawn(150, 4, dtype=dtype), drawn(9, 4, dtype=dtype)
    assert_close(affine(x, weight, bias, y=y, other=other), expected + F.linear(y, other))


@kernels
def test_second_gradients():
    x, weight = bag(dtype=torch.float64), drawn(2, 200, dtype=torch.float64)
    assert sparse_input(x, weight) is not None
    assert torch.autograd.gradcheck(lambda w: affine(x, w), weight, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda w: affine(x, w).square(), weight, fast_mode=True)


@kernels
@both
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_dropped_words_are_those_of_the_dense_features(p, dtype):
    x, weight, bias = bag(dtype=dtype), drawn(9, 200, dtype=dtype), drawn(9, dtype=dtype)
    torch.manual_seed(1)
    found = affine(x, weight, bias, dropout=p)
    torch.manual_seed(1)
    expected = F.linear(dropout(x, p), weight, bias)
    assert_close(found, expected)
    probe = torch.randn(expected.shape, dtype=dtype)
    grads = (torch.autograd.grad(out, weight, probe)[0] for out in (found, expected))
    assert_close(*grads)


@kernels
@both
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_dropped_features_are_those_of_the_operator_and_known_to_be_sparse(p, dtype, monkeypatch):
    x, weight = bag(dtype=dtype), drawn(9, 200, dtype=dtype)
    x[3, 7], x[0, 0] = torch.inf, -0.0
    for given in (x, x.T.contiguous().T):
        torch.manual_seed(1)
        expected = dropout(given, p)
        torch.manual_seed(1)
        found = dropped_input(given, p)
        assert torch.equal(found, expected)
        assert found.is_contiguous()
    monkeypatch.setattr(module, "_looked", None)
    entries = sparse_input(found, weight)
    assert torch.equal(entries.adj.to_dense(), found)
    out = entries.linear(weight)
    (grad,) = torch.autograd.grad(out[:3].sum(), weight)
    assert_close(grad, found[:3].sum(0).expand(9, -1))
    monkeypatch.undo()
    found[5, 5] = 2.0
    assert sparse_input(found, weight).adj.to_dense()[5, 5] == 2.0


@pytest.mark.parametrize(
    "x",
    [
        bag(share=0.3),
        bag(100),
        bag().bfloat16(),
        bag().requires_grad_(),
        torch.randn(7),
        torch.randn(2, 150, 200),
    ],
)
def test_other_features_are_dropped_alike(x):
    torch.manual_seed(1)
    expected = dropout(x)
    torch.manual_seed(1)
    found = dropped_input(x)
    assert torch.equal(found, expected)
    assert found.requires_grad == x.requires_grad
    assert dropped_input(x, training=False) is x
    assert dropped_input(x, 0.0) is x
    with pytest.raises(ValueError, match="probability"):
        dropped_input(x, 1.5)


def dense(x, weight):
    found = sparse_input(x, weight)
    assert_close(affine(x, weight), F.linear(x, weight), kind="accumulated")
    return found is None


def test_what_is_no_sparse_data_is_a_dense_map():
    x, weight = bag(), drawn(3, 200)
    assert dense(bag(share=0.3), weight)
    assert dense(x.clone().requires_grad_(), weight)
    assert dense(bag(100), weight)
    assert dense(bag(cols=100), drawn(3, 100))
    assert sparse_input(x, weight.double()) is None
    assert sparse_input(x, weight.view(-1)) is None


@kernels
def test_a_first_look_may_be_wrong():
    x = torch.ones(150, 200)
    x[::2, ::3] = 0  # all that it sees
    assert int(x[:: 150 // 64, :: 200 // 64].count_nonzero()) == 0
    assert dense(x, drawn(3, 200))


@pytest.mark.parametrize("wrong", [torch.inf, -torch.inf, torch.nan])
def test_a_weight_that_is_not_finite_reaches_every_row(wrong):
    x, weight = bag(), torch.randn(3, 200)
    weight[1, 5] = wrong
    assert sparse_input(x, weight) is None
    assert torch.equal(affine(x, weight).isfinite(), F.linear(x, weight).isfinite())
    weight[1, 6] = -wrong
    assert affine(x, weight)[:, 1].isnan().all()


@kernels
def test_edits_are_seen():
    x, weight = bag(), torch.randn(3, 200)
    first = sparse_input(x, weight)
    assert sparse_input(x, weight) is first
    x[4, 7] = 3
    assert_close(affine(x, weight), F.linear(x, weight))
    x.view(-1)[9] = 5
    assert_close(affine(x, weight), F.linear(x, weight))
    x.data = bag(seed=1)
    assert_close(affine(x, weight), F.linear(x, weight))
    x += 1
    assert sparse_input(x, weight) is None
    x -= x
    assert sparse_input(x, weight).adj.num_entries == 0


@kernels
def test_nothing_is_kept_of_what_is_gone():
    gc.collect()
    before = len(module._MADE)
    x = bag()
    sparse_input(x, torch.randn(3, 200))
    assert len(module._MADE) == before + 1
    del x
    gc.collect()
    assert len(module._MADE) == before


@kernels
def test_inference_leaves_nothing_that_training_cannot_read():
    x, weight = bag(), drawn(3, 200)
    with torch.inference_mode():
        assert sparse_input(x, weight) is not None
    affine(x, weight).sum().backward()
    assert_close(weight.grad, x.sum(0).expand(3, -1))
    with torch.no_grad():
        other = bag(seed=2)
        affine(other, weight)
    (grad,) = torch.autograd.grad(affine(other, weight).sum(), weight)
    assert_close(grad, other.sum(0).expand(3, -1))


def test_programs_hold_nothing():
    x, weight = bag(), drawn(3, 200)

    def run(x, weight):
        return affine(x, weight)

    compiled = torch.compile(run, fullgraph=True, backend="eager")
    assert_close(compiled(x, weight), run(x, weight))
    assert_close(
        torch.func.grad(lambda w: run(x, w).sum())(weight.detach()), x.sum(0).expand(3, -1)
    )
    _, tangent = torch.func.jvp(lambda w: run(x, w), (weight.detach(),), (weight.detach(),))
    assert_close(tangent, F.linear(x, weight))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert run(x, weight).dtype == torch.bfloat16
    traced = torch.jit.trace(run, (x, weight), check_trace=False)
    other = bag(seed=3)
    assert_close(traced(other, weight), F.linear(other, weight))
