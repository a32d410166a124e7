"""edge_message against the perceptron on both ends and what is carried, in all widths of tiles."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional as F

from graphpoly.ops import to_csr
from graphpoly.ops.edge_message import edge_message
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import random_csr

NAMES = ("x", "carried", "weight", "bias", "last", "last_bias")
# nodes, entries; inner, carried, hidden, channels: a tile and less, several, several ranges
SIZES = [
    *(((0, 0), (3, 2, 5, 4)), ((1, 0), (3, 2, 5, 4)), ((1, 7), (1, 1, 1, 1))),
    *(((5, 3), (2, 0, 17, 3)), ((5, 9), (0, 2, 4, 3))),
    *(((20, 130), (5, 3, 64, 64)), ((9, 61), (4, 9, 70, 5)), ((40, 1000), (7, 2, 33, 130))),
    ((12, 500), (130, 1, 260, 300)),
]
both = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def drawn(*shape, seed=0):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape) + seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator, device=DEVICE)


def given_for(adj, inner, carried, hidden, channels, *, bias=True):
    return {
        "x": drawn(adj.num_rows, inner),
        "carried": drawn(adj.num_entries, carried, seed=1),
        "weight": drawn(hidden, 2 * inner + carried) / (2 * inner + carried) ** 0.5,
        "bias": drawn(hidden, seed=2) if bias else None,
        "last": drawn(channels, hidden, seed=3) / hidden**0.5,
        "last_bias": drawn(channels, seed=4) if bias else None,
    }


def plainly(adj, x, carried, weight, bias, last, last_bias, *, sums):
    """What the published codes do: the ends of each entry side by side."""
    rows, col = adj.rows().long(), adj.col.long()
    message = F.silu(F.linear(torch.cat([x[rows], x[col], carried], 1), weight, bias))
    message = F.silu(F.linear(message, last, last_bias))
    return message, message.new_zeros(len(x), len(last)).index_add(0, rows, message)


def gradients(run, adj, given, dtype, read):
    """Both results, and the gradients of what is read of them."""
    leaves = {k: None if t is None else t.to(dtype).requires_grad_() for k, t in given.items()}
    found = run(adj, *leaves.values(), sums=read != "messages")
    loss = sum(
        (drawn(*each.shape, seed=7).to(dtype) * each).sum()
        for name, each in zip(("messages", "sums"), found, strict=True)
        if read in (name, "both")
    )
    wanted = [t for t in leaves.values() if t is not None]
    return found, torch.autograd.grad(loss, wanted, allow_unused=True)


def close(one, two, dtype):
    scale = max(1.0, float(two.detach().abs().max())) if two.numel() else 1.0
    assert one.dtype == dtype
    assert_close(one / scale, (two / scale).to(dtype), kind="accumulated")


@both
@pytest.mark.parametrize("read", ["messages", "sums", "both"])
@pytest.mark.parametrize("turned", [False, True])
def test_values_and_gradients_are_those_of_the_perceptron(turned, read, dtype):
    for ((nodes, entries), sizes), bias in itertools.product(SIZES, (True, False)):
        adj = random_csr((nodes, nodes, entries), weighted=False, transposed=turned)
        given = given_for(adj, *sizes, bias=bias)
        found, ours = gradients(edge_message, adj, given, dtype, read)
        exact, theirs = gradients(plainly, adj, given, torch.float64, read)
        close(found[0], exact[0], dtype)
        if read == "messages":
            assert found[1].shape == (0, sizes[3])
        else:
            close(found[1], exact[1], dtype)
        for one, two in zip(ours, theirs, strict=True):
            close(one, two, dtype)


@both
def test_each_width_of_what_is_carried(dtype):
    """Few columns are summed over lanes, more of them by tiles."""
    adj = random_csr((9, 9, 70), weighted=False, transposed=True)
    for hidden, carried in itertools.product((1, 7, 16, 33, 64, 130), range(12)):
        given = given_for(adj, 2, carried, hidden, 3)
        _, ours = gradients(edge_message, adj, given, dtype, "both")
        _, theirs = gradients(plainly, adj, given, torch.float64, "both")
        for one, two in zip(ours, theirs, strict=True):
            close(one, two, dtype)


@pytest.mark.parametrize(
    "without", [(), ("x",), ("carried",), ("x", "carried"), ("weight", "bias")]
)
def test_gradients_alone_are_those_among_others(without):
    adj = random_csr((6, 6, 30), weighted=False, transposed=True)
    given = given_for(adj, 3, 2, 5, 4)

    def found(names):
        leaves = {name: t.clone().requires_grad_(name in names) for name, t in given.items()}
        message, sums = edge_message(adj, *leaves.values(), sums=True)
        wanted = [leaves[name] for name in NAMES if name in names]
        grads = torch.autograd.grad(message.sin().sum() + sums.cos().sum(), wanted)
        return dict(zip([name for name in NAMES if name in names], grads, strict=True))

    whole, some = found(NAMES), found([name for name in NAMES if name not in without])
    for name, grad in some.items():
        assert torch.equal(grad, whole[name])


@pytest.mark.parametrize("sums", [False, True])
def test_gradients_of_first_and_second_order(sums):
    adj = random_csr((4, 4, 9), weighted=False, transposed=True)
    inputs = [t.requires_grad_() for t in given_for(adj, 2, 2, 3, 2).values()]

    def run(*given):
        message, total = edge_message(adj, *given, sums=sums)
        return (message, total) if sums else message

    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


def test_threads_and_other_entries_change_no_bit():
    adj = random_csr((60, 60, 3000), weighted=False, transposed=True)
    given = given_for(adj, 8, 2, 40, 24)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results, grads = gradients(edge_message, adj, given, torch.float32, "both")
            found.append([*results, *grads])
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_indices_of_both_widths_say_the_same():
    adj = random_csr((30, 30, 200), weighted=False, transposed=True)
    wide = adj._replace(
        rowptr=adj.rowptr.long(),
        col=adj.col.long(),
        transposed=tuple(part.long() for part in adj.transposed),
    )
    narrow = wide._replace(
        rowptr=adj.rowptr.int(),
        col=adj.col.int(),
        transposed=tuple(part.int() for part in adj.transposed),
    )
    given = given_for(adj, 4, 3, 9, 7)
    one, two = (gradients(edge_message, a, given, torch.float32, "both") for a in (wide, narrow))
    for left, right in zip((*one[0], *one[1]), (*two[0], *two[1]), strict=True):
        assert torch.equal(left, right)


def test_rows_that_nothing_reaches_have_sums_of_zero():
    adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 1]], device=DEVICE), num_nodes=4)
    given = given_for(adj, 3, 1, 5, 4)
    message, sums = edge_message(adj, *given.values(), sums=True)
    assert_close(sums[1], message.sum(0))
    assert torch.equal(sums[[0, 2, 3]], torch.zeros(3, 4, dtype=torch.float64, device=DEVICE))


def test_an_operator_that_is_not_square_is_refused():
    adj = random_csr((3, 4, 5), weighted=False)
    given = given_for(adj, 2, 1, 3, 2)
    with pytest.raises(ValueError, match="got 3 rows and 4 columns, x has 3 rows"):
        edge_message(adj, *given.values())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("carried", (8, 2)), ("weight", (5, 9)), ("bias", (4,)), ("last", (4, 6))),
        *(("last_bias", (3,)), ("weight", (5, 8, 1))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, shape):
    adj = random_csr((6, 6, 9), weighted=False)
    given = given_for(adj, 3, 2, 5, 4) | {name: drawn(*shape)}
    with pytest.raises(RuntimeError):
        edge_message(adj, *given.values())


def test_what_lies_between_the_maps_is_not_kept():
    adj = random_csr((10, 10, 400), weighted=False, transposed=True)
    given = {k: t.float().requires_grad_() for k, t in given_for(adj, 4, 2, 500, 8).items()}
    held = []

    def pack(tensor):
        held.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        edge_message(adj, *given.values(), sums=True)
    assert max(held) < 400 * 500
