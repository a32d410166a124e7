"""gin_layer against the modules of PyTorch and the dense product, over the graph zoo."""

import pytest
import torch
from torch import nn

from graphpoly.ops import backends, to_csr
from graphpoly.ops.gin_layer import gin_layer
from graphpoly.ops.perceptron import perceptron
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE

PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])


def drawn(*shape, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def dense(data):
    """A, which holds how often an edge is there."""
    source, target = data.edge_index
    ones = torch.ones(data.num_edges, dtype=torch.float64)
    out = torch.zeros(data.num_nodes, data.num_nodes, dtype=torch.float64)
    return out.index_put((target, source), ones, accumulate=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("root", [1.0, -0.25, 0.0])
@pytest.mark.parametrize(("inner", "hidden", "channels"), [(1, 1, 1), (5, 70, 3), (70, 16, 131)])
def test_values_and_gradients_are_those_of_the_modules(inner, hidden, channels, root, dtype):
    kind = "accumulated" if dtype == torch.float32 else "exact"
    for name, data in graph_zoo(num_features=1, dtype=torch.float64).items():
        shapes = [(data.num_nodes, inner), (hidden, inner), (hidden,), (channels, hidden)]
        leaves = [drawn(*shape, dtype=dtype) for shape in (*shapes, (channels,))]
        wide = [t.detach().double().requires_grad_() for t in leaves]
        before = (dense(data) + root * torch.eye(data.num_nodes).double()) @ wide[0]
        active = nn.functional.linear(before, *wide[1:3]).relu()
        expected = nn.functional.linear(active, *wide[3:])
        probe = torch.sin(torch.arange(expected.numel()) + 1.0).view(expected.shape).double()
        wanted = torch.autograd.grad(expected, wide, probe)
        for transposed in (True, False):
            adj = to_csr(data.edge_index, num_nodes=data.num_nodes, transposed=transposed)
            out = gin_layer(adj, *leaves, root=root).out
            found = torch.autograd.grad(out, leaves, probe.to(dtype))
            for one, other in zip((out, *found), (expected, *wanted), strict=True):
                size = max(float(other.detach().abs().max()), 1e-3) if other.numel() else 1
                assert_close(one / size, (other / size).to(dtype), kind=kind, what=name)


@pytest.mark.parametrize("norm", ["batch", "given"])
def test_moments_and_values_are_those_of_the_perceptron(norm):
    moments = {"mean": drawn(4).detach(), "var": drawn(4).detach().square() + 1}
    moments = moments if norm == "given" else {}
    more = {"norm": norm, "scale": drawn(4), "shift": drawn(4).detach().flip(0), "eps": 1e-2}
    maps = (drawn(4, 2), drawn(4), drawn(3, 4), drawn(3))
    x = drawn(4, 2).detach()
    adj = to_csr(PAIRS, num_nodes=4)
    adjacency = (
        torch.zeros(4, 4)
        .double()
        .index_put((PAIRS[1], PAIRS[0]), torch.ones(7).double(), accumulate=True)
    )
    expected = perceptron(adjacency @ x + 1.5 * x, *maps, **more, **moments)
    found = gin_layer(adj, x, *maps, root=1.5, **more, **moments)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize("norm", [None, "batch", "given"])
def test_gradients_of_first_and_second_order(norm):
    shapes = [(5, 2), (3, 2), (3,), (2, 3), (2,), (3,), (3,)]
    inputs = [drawn(*shape) for shape in shapes]
    moments = {}
    if norm == "given":
        moments = {"mean": torch.zeros(3).double(), "var": torch.ones(3).double()}
    adj = to_csr(PAIRS, num_nodes=5, transposed=True)

    def run(x, weight, bias, last, last_bias, *scaled):
        given = dict(zip(("scale", "shift"), scaled, strict=False))
        maps = (weight, bias, last, last_bias)
        return gin_layer(adj, x, *maps, root=1.3, norm=norm, **given, **moments).out

    inputs = inputs if norm else inputs[:5]
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("wanted", [(0,), (1,), (3,), (0, 2), (1, 4)])
def test_gradients_that_are_asked_for_one_by_one(wanted):
    inputs = [drawn(*shape) for shape in [(4, 2), (3, 2), (3,), (2, 3), (2,)]]

    def run(*chosen):
        held = [t.detach() for t in inputs]
        for place, value in zip(wanted, chosen, strict=True):
            held[place] = value
        return gin_layer(to_csr(PAIRS, num_nodes=4), *held).out

    chosen = [inputs[place] for place in wanted]
    assert torch.autograd.gradcheck(run, chosen)
    assert torch.autograd.gradgradcheck(lambda *given: run(*given).sin(), chosen)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_threads_do_not_change_a_bit():
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 20000), generator=generator)
    adj = to_csr(pairs, num_nodes=2000, transposed=True)
    shapes = [(2000, 16), (35, 16), (35,), (20, 35), (20,)]
    inputs = [drawn(*shape, dtype=torch.float32) for shape in shapes]
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = gin_layer(adj, *inputs, norm="batch").out
            found.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_does_not_fit_is_refused():
    maps = (torch.ones(1, 2), None, torch.ones(1, 1), None)
    adj = to_csr(PAIRS, num_nodes=4)
    with pytest.raises(ValueError, match="x: got 3 rows, the operator has 4 rows and 4 columns"):
        gin_layer(adj, torch.ones(3, 2), *maps)
    with pytest.raises(ValueError, match="the operator has 4 rows and 5 columns"):
        gin_layer(to_csr(PAIRS, size=(5, 4)), torch.ones(5, 2), *maps)
    with pytest.raises(ValueError, match="adj: got weights, expected none"):
        gin_layer(adj.with_weight(torch.ones(7)), torch.ones(4, 2), *maps)
