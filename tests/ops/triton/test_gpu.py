"""What only a CUDA device can show: order, silence between device and host, graph capture."""

import contextlib

import pytest
import torch

from graphpoly.ops import gat_attention, multi_aggregate, polynomial, segment_softmax, spmm, to_csr
from graphpoly.ops.polynomial import polynomial_reference
from graphpoly.testing import assert_close

pytestmark = pytest.mark.gpu
NODES, ENTRIES, CHANNELS, ORDER = 3000, 60_000, 32, 4


@pytest.fixture
def graph():
    """A hub with a quarter of all entries, which goes in chunks."""
    pairs = torch.randint(0, NODES, (2, ENTRIES))
    pairs[1, : ENTRIES // 4] = 7
    weight = torch.rand(ENTRIES) / 40
    return to_csr(pairs, weight, NODES, transposed=True)


def step(adj, x):
    """Every operator once, forward and backward."""
    x = x.detach().requires_grad_()
    weight = adj.weight.detach().requires_grad_()
    theta = torch.ones(ORDER + 1, 1, device=x.device)
    recurrence = torch.ones(3, ORDER, 1, device=x.device)
    weighted = adj.with_weight(weight)
    score = x[:, :4]
    out = spmm(weighted, x) + spmm(weighted, x, "max") + polynomial(weighted, x, theta, recurrence)
    out = out + multi_aggregate(weighted, x, ["mean", "std", "min"]).sum(1)
    heads = gat_attention(adj, x.view(NODES, 4, -1), alpha_src=score, alpha_dst=score)
    out = out + heads.flatten(1)
    share = segment_softmax(adj, weight.unsqueeze(-1).expand(-1, 3))
    return out, *torch.autograd.grad(out.square().mean() + share.square().mean(), (x, weight))


def test_a_large_graph_with_a_hub_equals_the_reference(graph):
    x = torch.randn(NODES, CHANNELS)
    theta, recurrence = torch.ones(ORDER + 1, CHANNELS), torch.ones(3, ORDER, CHANNELS)
    double = (graph.weight.double(), x.double(), theta.double(), recurrence.double())
    expected = polynomial_reference(graph.rowptr, graph.col, *double)
    assert_close(polynomial(graph, x, theta, recurrence), expected, kind="accumulated")


def test_ten_runs_are_bitwise_equal(graph):
    x = torch.randn(NODES, CHANNELS)
    first = step(graph, x)
    for _ in range(9):
        assert all(
            torch.equal(one, other) for one, other in zip(first, step(graph, x), strict=True)
        )


@contextlib.contextmanager
def no_waiting():
    """A synchronisation between device and host raises."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_forward_passes_never_wait_for_the_device(graph):
    x = torch.randn(NODES, CHANNELS)
    theta, recurrence = torch.ones(ORDER + 1, CHANNELS), torch.ones(3, ORDER, CHANNELS)
    fresh = graph._replace(rowptr=graph.rowptr.clone())  # with tables still to be made
    spmm(graph, x)  # compiled before
    with no_waiting():
        spmm(fresh, x)
        spmm(fresh, x, "max")
        polynomial(fresh, x, theta, recurrence)
        multi_aggregate(fresh, x, ["mean", "std"])


def test_captured_in_a_cuda_graph(graph):
    x = torch.randn(NODES, CHANNELS)
    expected = spmm(graph, x)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        spmm(graph, x)
    torch.cuda.current_stream().wait_stream(side)
    capture = torch.cuda.CUDAGraph()
    with torch.cuda.graph(capture):
        out = spmm(graph, x)
    out.zero_()
    capture.replay()
    assert torch.equal(out, expected)
