"""gcn_layer against the dense product, over the graph zoo."""

import pytest
import torch

from graphpoly.ops import backends, to_csr
from graphpoly.ops.gcn_layer import gcn_layer
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def drawn(*shape, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def operator(data, weight, *, transposed, num_nodes=None):
    num_nodes = num_nodes or data.num_nodes
    return to_csr(data.edge_index, weight, num_nodes=num_nodes, transposed=transposed)


def dense(data, weight):
    """A, with the sum of what stands in one place."""
    source, target = data.edge_index
    weight = torch.ones(data.num_edges, dtype=torch.float64) if weight is None else weight
    out = torch.zeros(data.num_nodes, data.num_nodes, dtype=torch.float64)
    return out.index_put((target, source), weight, accumulate=True)


@DTYPES
@pytest.mark.parametrize("weights", ["none", "constant", "trained"])
@pytest.mark.parametrize(("inner", "channels"), [(1, 1), (5, 70), (16, 3), (70, 131)])
def test_values_and_gradients_are_those_of_the_dense_product(inner, channels, weights, dtype):
    kind = "accumulated" if dtype == torch.float32 else "exact"
    for name, data in graph_zoo(weighted=True, num_features=1, dtype=torch.float64).items():
        x, map_, bias = drawn(data.num_nodes, inner), drawn(channels, inner), drawn(channels)
        weight = None if weights == "none" else data.edge_weight.to(dtype)
        leaves = [t.detach().to(dtype).requires_grad_() for t in (x, map_, bias)]
        wide = [t.detach().double().requires_grad_() for t in leaves]
        if weights == "trained":
            leaves.append(weight.detach().requires_grad_())
            wide.append(weight.detach().double().requires_grad_())
        for transposed in (True, False):
            given = leaves[3] if weights == "trained" else weight
            out = gcn_layer(operator(data, given, transposed=transposed), *leaves[:3])
            known = wide[3] if weights == "trained" else weight
            known = None if known is None else known.double()
            expected = (dense(data, known) @ wide[0]) @ wide[1].T + wide[2]
            probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).double()
            found = torch.autograd.grad(out, leaves, probe.to(dtype))
            wanted = torch.autograd.grad(expected, wide, probe)
            for one, other in zip((out, *found), (expected, *wanted), strict=True):
                size = max(float(other.detach().abs().max()), 1e-3) if other.numel() else 1
                assert_close(one / size, (other / size).to(dtype), kind=kind, what=name)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_gradients_of_first_and_second_order(weighted, bias):
    pairs = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])
    inputs = [drawn(5, 2), drawn(3, 2), *([drawn(3)] if bias else [])]

    def run(x, map_, *rest):
        weight = rest[-1] if weighted else None
        adj = to_csr(pairs, weight, num_nodes=5, transposed=True)
        return gcn_layer(adj, x, map_, rest[0] if bias else None)

    inputs += [drawn(7)] if weighted else []
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_gradients_that_are_asked_for_one_by_one(wanted):
    pairs = torch.tensor([[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]])
    inputs = [drawn(4, 2), drawn(3, 2), drawn(3)]

    def run(*chosen):
        held = [t.detach() for t in inputs]
        for place, value in zip(wanted, chosen, strict=True):
            held[place] = value
        adj = to_csr(pairs, torch.linspace(1, 2, 5).double(), num_nodes=4)
        return gcn_layer(adj, *held)

    chosen = [inputs[place] for place in wanted]
    assert torch.autograd.gradcheck(run, chosen)
    assert torch.autograd.gradgradcheck(lambda *given: run(*given).sin(), chosen)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_threads_do_not_change_a_bit():
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 20000), generator=generator)
    adj = to_csr(pairs, torch.rand(20000, generator=generator), num_nodes=2000, transposed=True)
    inputs = [drawn(2000, 16, dtype=torch.float32), drawn(35, 16, dtype=torch.float32)]
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = gcn_layer(adj, *inputs)
            found.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_does_not_fit_is_refused():
    adj = to_csr(torch.tensor([[0, 1], [1, 0]]), torch.ones(2), num_nodes=2)
    with pytest.raises(ValueError, match="x: got 3 rows, the operator has 2 columns"):
        gcn_layer(adj, torch.ones(3, 2), torch.ones(1, 2))
    wide = gcn_layer(adj, torch.ones(2, 2).double(), torch.ones(1, 2).double())
    assert wide.dtype == torch.float64  # whatever the weights of the entries are
