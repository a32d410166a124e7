"""gat_layer against an attention written out for each pair of nodes, over the graph zoo."""

import itertools

import pytest
import torch

from graphpoly.ops import backends, gat_attention, to_csr
from graphpoly.ops.gat_layer import gat_layer
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE
from tests.ops.graphs import dense_attention

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])


def drawn(*shape, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()


def inputs(nodes, inner, heads, channels, *, bias=True):
    vectors = [drawn(1, heads, channels), drawn(1, heads, channels) * 2]
    found = [drawn(nodes, inner), drawn(heads * channels, inner), *vectors]
    return found + ([drawn(heads * channels)] if bias else [])


def layer(adj, x, map_, source, target, bias=None, **options):
    return gat_layer(adj, x, map_, att_src=source, att_dst=target, bias=bias, **options)


@DTYPES
@pytest.mark.parametrize("heads", [1, 3, 4])
def test_values_and_gradients_are_those_of_the_dense_layer(heads, dtype):
    kind = "accumulated" if dtype == torch.float32 else "exact"
    zoo = graph_zoo(num_features=1, dtype=torch.float64)
    for (name, data), (inner, channels), bias in itertools.product(
        zoo.items(), [(3, 1), (7, 16), (17, 5)], [True, False]
    ):
        given = inputs(data.num_nodes, inner, heads, channels, bias=bias)
        given = [t.detach() / (1 + inner) ** 0.5 for t in given]
        leaves = [t.to(dtype).requires_grad_() for t in given]
        wide = [t.detach().double().requires_grad_() for t in leaves]
        adj = to_csr(data.edge_index, num_nodes=data.num_nodes, transposed=bias)
        out, expected = layer(adj, *leaves), dense_attention(data.edge_index, *wide)
        probe = torch.sin(torch.arange(out.numel()) + 1.0).view(out.shape).double()
        found = torch.autograd.grad(out, leaves, probe.to(dtype))
        wanted = torch.autograd.grad(expected, wide, probe)
        for one, other in zip((out, *found), (expected, *wanted), strict=True):
            size = max(float(other.detach().abs().max()), 1e-1) if other.numel() else 1
            assert_close(one / size, (other / size).to(dtype), kind=kind, what=name)


@pytest.mark.parametrize(("bias", "dropout"), [(True, 0.0), (False, 0.4)])
def test_gradients_of_first_and_second_order(bias, dropout):
    adj = to_csr(PAIRS, num_nodes=5, transposed=True)
    given = inputs(5, 2, 2, 3, bias=bias)

    def run(*tensors):
        return layer(adj, *tensors, dropout=dropout, seed=5)

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)


@pytest.mark.parametrize("wanted", range(5))
def test_gradients_that_are_asked_for_one_by_one(wanted):
    given = [t.detach() for t in inputs(5, 2, 2, 3)]

    def run(tensor):
        held = [*given[:wanted], tensor, *given[wanted + 1 :]]
        return layer(to_csr(PAIRS, num_nodes=5), *held)

    leaf = given[wanted].clone().requires_grad_()
    assert torch.autograd.gradcheck(run, [leaf])
    assert torch.autograd.gradgradcheck(lambda tensor: run(tensor).sin(), [leaf])


def test_dropout_is_that_of_attention():
    adj = to_csr(PAIRS, num_nodes=5)
    x, map_, source, target, bias = inputs(5, 2, 4, 3)
    value = (x @ map_.T).view(5, 4, 3)
    scores = {"alpha_src": (value * source).sum(-1), "alpha_dst": (value * target).sum(-1)}
    for seed in (0, torch.tensor(7)):
        found = layer(adj, x, map_, source, target, bias, dropout=0.5, seed=seed)
        expected = gat_attention(adj, value, **scores, dropout=0.5, seed=seed)
        assert_close(found, expected.flatten(1) + bias)
    torch.manual_seed(1)
    first = layer(adj, x, map_, source, target, dropout=0.5)
    assert not torch.equal(first, layer(adj, x, map_, source, target, dropout=0.5))
    torch.manual_seed(1)
    assert torch.equal(first, layer(adj, x, map_, source, target, dropout=0.5))


def test_results_may_be_edited_before_the_backward_pass():
    adj = to_csr(PAIRS, num_nodes=5)
    for bias in (True, False):
        given = inputs(5, 2, 2, 3, bias=bias)
        plain = torch.autograd.grad(layer(adj, *given).relu().sum(), given)
        edited = torch.autograd.grad(layer(adj, *given).relu_().sum(), given)
        assert all(torch.equal(one, other) for one, other in zip(plain, edited, strict=True))


def test_what_does_not_fit_is_refused():
    given = inputs(5, 2, 2, 3)
    with pytest.raises(ValueError, match="adj: got 4 rows and 4 columns, x has 5 rows"):
        layer(to_csr(PAIRS, num_nodes=4), *given)
    with pytest.raises(ValueError, match="dropout: got 2"):
        layer(to_csr(PAIRS, num_nodes=5), *given, dropout=2)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
def test_threads_do_not_change_a_bit():
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 9000), generator=generator)
    adj = to_csr(pairs, num_nodes=2000, transposed=True)
    given = [t.detach().float().requires_grad_() for t in inputs(2000, 16, 4, 16)]
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = layer(adj, *given)
            found.append((out, *torch.autograd.grad(out.square().sum(), given)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
