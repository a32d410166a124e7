"""gin_network against its layers, one after the other, with a ReLU between two of them."""

import pytest
import torch

from graphpoly.ops import backends, to_csr
from graphpoly.ops.gin_layer import gin_layer
from graphpoly.ops.gin_network import GINLayer, gin_network
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE

PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])
NORMS = [None, "batch", "given"]
WIDTHS = [(3, 5, 4), (4, 70, 66), (66, 2, 1)]  # of what each layer takes, hides and gives


def drawn(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def made(widths=WIDTHS, norm=None, dtype=torch.float64):
    layers = []
    for place, (inner, hidden, channels) in enumerate(widths):
        shapes = [(hidden, inner), (hidden,), (hidden,), (hidden,), (hidden,), (hidden,)]
        shapes += [(channels, hidden), (channels,)]
        maps = [drawn(*shape, seed=8 * place + i) for i, shape in enumerate(shapes)]
        if norm is None:
            maps[2] = maps[3] = None
        if norm != "given":
            maps[4] = maps[5] = None
        else:
            maps[5] = maps[5].square() + 0.5
        layers.append(GINLayer(*(t if t is None else t.to(dtype) for t in maps)))
    return layers


def leaves_of(x, layers):
    """x and what is learned of the layers, asking for gradients."""
    learned = [t for m in layers for t in (*m[:4], *m[6:]) if t is not None]
    return [t.requires_grad_() for t in (x, *learned)]


def plain(adj, x, layers, **rules):
    moments = []
    for place, layer in enumerate(layers):
        given = x if place == 0 else x.relu()
        x, *found = gin_layer(adj, given, **layer._asdict(), **rules)
        moments.append(tuple(found))
    return x, moments


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("norm", NORMS)
def test_values_moments_and_gradients_are_those_of_the_layers(norm, dtype):
    kind = "accumulated" if dtype == torch.float32 else "exact"
    for name, data in graph_zoo(num_features=3, dtype=dtype).items():
        if norm == "batch" and data.num_nodes < 2:
            continue
        layers = made(norm=norm, dtype=dtype)
        leaves = leaves_of(drawn(data.num_nodes, 3, seed=99, dtype=dtype), layers)
        for transposed in (True, False):
            adj = to_csr(data.edge_index, num_nodes=data.num_nodes, transposed=transposed)
            rules = {"root": -0.4, "norm": norm, "eps": 0.1}
            expected, moments = plain(adj, leaves[0], layers, **rules)
            out, found = gin_network(adj, leaves[0], layers, **rules)
            for one, other in zip(found, moments, strict=True):
                assert_close(one[0], other[0], kind=kind, what=name)
                assert_close(one[1], other[1], kind=kind, what=name)
            probe = drawn(*out.shape, seed=5, dtype=dtype)
            wanted = torch.autograd.grad(expected, leaves, probe)
            grads = torch.autograd.grad(out, leaves, probe)
            for one, other in zip((out, *grads), (expected, *wanted), strict=True):
                size = max(float(other.detach().abs().max()), 1e-3) if other.numel() else 1
                assert_close(one / size, other / size, kind=kind, what=name)


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_of_first_and_second_order(norm):
    layers = made([(2, 3, 2), (2, 2, 2)], norm)
    leaves = leaves_of(drawn(5, 2, seed=7), layers)
    adj = to_csr(PAIRS, num_nodes=5)

    def run(*_):
        return gin_network(adj, leaves[0], layers, root=1.3, norm=norm)[0]

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


@pytest.mark.parametrize("chosen", [[0], [1], [2], [5, 8], [0, 7]])
def test_gradients_that_are_asked_for_alone(chosen):
    adj, x = to_csr(PAIRS, num_nodes=4), drawn(4, 3)
    layers = made()
    every = leaves_of(x, layers)
    wanted = torch.autograd.grad(plain(adj, x, layers)[0].sin().sum(), every)
    for place, leaf in enumerate(every):
        leaf.requires_grad_(place in chosen)
    asked = [every[place] for place in chosen]
    found = torch.autograd.grad(gin_network(adj, x, layers)[0].sin().sum(), asked)
    for place, one in zip(chosen, found, strict=True):
        assert_close(one, wanted[place])


def test_without_gradients():
    adj, layers, x = to_csr(PAIRS, num_nodes=4), made(), drawn(4, 3)
    expected = plain(adj, x, layers)[0]
    assert gin_network(adj, x, layers)[0].grad_fn is None
    assert_close(gin_network(adj, x, layers)[0], expected)
    leaves_of(x, layers)
    with torch.no_grad():
        out, _ = gin_network(adj, x, layers)
    assert not out.requires_grad
    assert_close(out, expected)


def test_what_is_given_back_is_nobody_elses():
    """Neither the gradient that comes in nor what was kept is written over."""
    adj, layers, x = to_csr(PAIRS, num_nodes=4), made(), drawn(4, 3)
    leaves = leaves_of(x, layers)
    out, _ = gin_network(adj, x, layers)
    probe = drawn(4, 1, seed=3)
    held = probe.clone()
    first = torch.autograd.grad(out, leaves, probe, retain_graph=True)
    again = torch.autograd.grad(out, leaves, probe)
    assert torch.equal(probe, held)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_an_edit_before_the_backward_pass_is_seen():
    adj, layers, x = to_csr(PAIRS, num_nodes=4), made(), drawn(4, 3)
    leaves_of(x, layers)
    out, _ = gin_network(adj, x, layers)
    with torch.no_grad():
        layers[1].last.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_transforms_go_the_long_way():
    adj, layers, x = to_csr(PAIRS, num_nodes=4), made(), drawn(4, 3)
    expected = torch.autograd.functional.jacobian(lambda x: plain(adj, x, layers)[0], x)
    found = torch.func.jacrev(lambda x: gin_network(adj, x, layers)[0])(x)
    assert_close(found, expected)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
@pytest.mark.parametrize("norm", NORMS)
def test_threads_do_not_change_a_bit(norm):
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 20000), generator=generator)
    adj = to_csr(pairs, num_nodes=2000, transposed=True)
    layers = made(norm=norm, dtype=torch.float32)
    leaves = leaves_of(drawn(2000, 3, dtype=torch.float32), layers)
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out, _ = gin_network(adj, leaves[0], layers, norm=norm)
            found.append((out, *torch.autograd.grad(out.square().sum(), leaves)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_does_not_fit_is_refused():
    adj, layers = to_csr(PAIRS, num_nodes=4), made()
    with pytest.raises(ValueError, match="layers: expected at least one"):
        gin_network(adj, drawn(4, 3), [])
    with pytest.raises(ValueError, match="x: got 3 rows, the operator has 4 rows and 4 columns"):
        gin_network(adj, drawn(3, 3), layers)
    with pytest.raises(ValueError, match="adj: got weights, expected none"):
        gin_network(adj.with_weight(torch.ones(7)), drawn(4, 3), layers)
    with pytest.raises(RuntimeError, match=r"weight and last|shapes|mat1"):
        gin_network(adj, drawn(4, 3), layers[1:])
