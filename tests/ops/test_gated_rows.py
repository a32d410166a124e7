"""gated_rows against indexing and products, on widths that registers cut and others."""

import itertools

import pytest
import torch

from graphpoly.ops import backends
from graphpoly.ops.gated_rows import _backward_reference, gated_rows, gated_rows_reference
from graphpoly.testing import assert_close
from tests.conftest import DEVICE

FORMS = [torch.ops.graphpoly.gated_rows, gated_rows_reference]
BACKWARD = [torch.ops.graphpoly.gated_rows_backward, _backward_reference]


def drawn(nodes, channels, share=0.6, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(nodes + channels)
    x, gate = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in ((nodes, channels), (nodes,))
    )
    return x, gate, torch.randperm(nodes, generator=generator)[: int(share * nodes)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("nodes", [0, 1, 2, 63, 65, 300])
def test_values_and_gradients(nodes, dtype):
    for channels, share in itertools.product((0, 1, 3, 16, 37), (0, 0.6, 1)):
        x, gate, index = drawn(nodes, channels, share, dtype)
        found, expected = gated_rows(x, gate, index), x[index] * gate[index].unsqueeze(-1)
        assert torch.equal(found, expected)
        weight = torch.linspace(-1, 2, found.numel(), dtype=dtype).view(found.shape)
        grads, wanted = (
            torch.autograd.grad((out * weight).sum(), (x, gate)) for out in (found, expected)
        )
        assert torch.equal(grads[0], wanted[0])
        size = float(wanted[1].abs().max()) + 1e-3 if nodes else 1
        assert_close(grads[1] / size, wanted[1] / size, kind="accumulated")


def test_gradients_of_first_and_second_order():
    x, gate, index = drawn(5, 3)
    assert torch.autograd.gradcheck(gated_rows, (x, gate, index))
    assert torch.autograd.gradgradcheck(gated_rows, (x, gate, index))


@pytest.mark.parametrize("form", FORMS + BACKWARD)
@pytest.mark.parametrize("row", [-1, 5, 2**40, -(2**63)])
def test_a_row_outside_is_refused(form, row):
    x, gate, index = drawn(5, 3)
    further = (torch.ones(3, 3, dtype=torch.float64),) if form in BACKWARD else ()
    with pytest.raises(RuntimeError, match="index: a row is out of range"):
        form(x, gate, index.new_tensor([0, row, 1]), *further)


@pytest.mark.parametrize("form", BACKWARD)
def test_a_row_that_is_taken_twice_has_no_gradient(form):
    x, gate, index = drawn(5, 3)
    with pytest.raises(RuntimeError, match="index: a row is taken twice"):
        form(x, gate, index.new_tensor([0, 2, 0]), torch.ones(3, 3, dtype=torch.float64))


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the kernels' own words")
@pytest.mark.cpu
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, torch.ones(5), "x: expected shape"),
        (1, torch.ones(4), "gate: expected shape"),
        (1, torch.ones(5, dtype=torch.float64), "gate"),
        (2, torch.ones(2, dtype=torch.int32), "index: expected shape"),
        (3, torch.ones(2, 4), "grad: expected shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(place, value, message):
    given = [torch.ones(5, 3), torch.ones(5), torch.tensor([0, 4]), torch.ones(2, 3)]
    given[place] = value
    with pytest.raises(RuntimeError, match=message):
        torch.ops.graphpoly.gated_rows_backward(*given)


@pytest.mark.cpu
def test_threads_do_not_change_a_bit():
    x, gate, index = drawn(3000, 40, dtype=torch.float32)
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = gated_rows(x, gate, index)
            found.append((out, *torch.autograd.grad(out.square().sum(), (x, gate))))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
