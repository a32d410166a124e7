"""gat_network against attention on dense matrices, and its gradients against differences."""

from itertools import chain

import pytest
import torch

from graphpoly.ops import backends, to_csr
from graphpoly.ops.gat_layer import gat_layer
from graphpoly.ops.gat_network import GATLayer, gat_network, gat_network_reference
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE
from tests.ops.graphs import dense_attention

PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])
SHAPES = [(3, 4, 16), (64, 3, 5), (15, 1, 2), (2, 2, 3)]  # what each layer takes, heads, channels
NARROW = [(3, 2, 1), (2, 1, 1), (1, 8, 1)]
BOTH = pytest.mark.parametrize("average", [False, True])


def drawn(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def made(shapes=SHAPES, *, average=False, dtype=torch.float64):
    """Layers, every other one without a bias."""
    layers = []
    for place, (inner, heads, channels) in enumerate(shapes):
        last = place + 1 == len(shapes)
        width = channels if last and average else heads * channels
        biased = (len(shapes) - place) % 2
        layers.append(
            GATLayer(
                drawn(heads * channels, inner, seed=4 * place, dtype=dtype) / (1 + inner) ** 0.5,
                drawn(1, heads, channels, seed=4 * place + 1, dtype=dtype),
                drawn(1, heads, channels, seed=4 * place + 2, dtype=dtype),
                drawn(width, seed=4 * place + 3, dtype=dtype) if biased else None,
            )
        )
    return layers


def leaves_of(x, layers):
    """x and what is learned of the layers, asking for gradients."""
    return [t.requires_grad_() for t in (x, *chain.from_iterable(layers)) if t is not None]


def operator(num_nodes=5, pairs=PAIRS, **settings):
    return to_csr(pairs, num_nodes=num_nodes, **settings)


def plain(pairs, x, layers, average=False, slope=0.2):
    """The definition, with each pair of nodes written out."""
    for place, (*maps, bias) in enumerate(layers):
        x = x if place == 0 else x.relu()
        mean = average and place + 1 == len(layers)
        x = dense_attention(pairs, x, *maps, None if mean else bias, slope)
        if mean:
            x = torch.stack(x.chunk(maps[1].size(1), 1)).mean(0)
            x = x if bias is None else x + bias
    return x


def one_by_one(adj, x, layers, average=False, slope=0.2):
    """The layers, each of them an operator."""
    for place, layer in enumerate(layers):
        x = x if place == 0 else x.relu()
        mean = average and place + 1 == len(layers)
        held = layer._replace(bias=None) if mean else layer
        x = gat_layer(adj, x, **held._asdict(), negative_slope=slope)
        if mean:
            x = torch.stack(x.chunk(layer.att_src.size(1), 1)).mean(0)
            x = x if layer.bias is None else x + layer.bias
    return x


@pytest.mark.parametrize("shapes", [SHAPES, NARROW])
@BOTH
def test_values_and_gradients_are_those_of_dense_matrices(average, shapes):
    for name, data in graph_zoo(num_features=3).items():
        layers = made(shapes, average=average)
        leaves = leaves_of(drawn(data.num_nodes, 3, seed=99), layers)
        for transposed, slope in ((True, 0.2), (False, 0.7)):
            adj = operator(data.num_nodes, data.edge_index, transposed=transposed)
            rules = (leaves[0], layers, average, slope)
            check(leaves, run(adj, *rules), plain(data.edge_index, *rules), "exact", name)


@BOTH
def test_in_float32_they_are_those_of_the_layers(average):
    """Which are tested against float64 where it is known how many digits are left."""
    for name, data in graph_zoo(num_features=3).items():
        layers = made(average=average, dtype=torch.float32)
        leaves = leaves_of(drawn(data.num_nodes, 3, seed=99, dtype=torch.float32), layers)
        adj = operator(data.num_nodes, data.edge_index, transposed=True)
        rules = (adj, leaves[0], layers, average)
        check(leaves, run(*rules), one_by_one(*rules), "accumulated", name)


def run(adj, x, layers, average=False, slope=0.2):
    return gat_network(adj, x, layers, average=average, negative_slope=slope)


def check(leaves, out, expected, kind, what):
    probe = drawn(*out.shape, seed=5, dtype=out.dtype)
    wanted = torch.autograd.grad(expected, leaves, probe)
    grads = torch.autograd.grad(out, leaves, probe)
    for one, other in zip((out, *grads), (expected, *wanted), strict=True):
        size = max(float(other.detach().abs().max()), 1e-1) if other.numel() else 1
        assert_close(one / size, other / size, kind=kind, what=what)


@BOTH
def test_the_reference_is_the_definition(average):
    layers, x = made(average=average), drawn(5, 3)
    adj = operator()
    maps = list(chain.from_iterable(layers))
    found = gat_network_reference(adj.rowptr, adj.col, x, maps, 0.2, average)
    assert_close(found[-1], plain(PAIRS, x, layers, average))
    first = dense_attention(PAIRS, x, *layers[0])
    assert_close(found[5], first.relu())
    assert_close(found[0].flatten(1), x @ layers[0].weight.T)


@BOTH
@pytest.mark.parametrize("shapes", [[(2, 2, 2), (4, 1, 2)], [(3, 1, 2), (2, 2, 1), (2, 3, 2)]])
def test_gradients_of_first_and_second_order(shapes, average):
    layers = made(shapes, average=average)
    leaves = leaves_of(drawn(5, shapes[0][0], seed=7), layers)
    adj = operator()

    def run(*_):
        return gat_network(adj, leaves[0], layers, average=average)

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


@BOTH
@pytest.mark.parametrize("chosen", [[0], [1], [2], [3], [7], [1, 5], [0, 6], [11]])
def test_gradients_that_are_asked_for_alone(chosen, average):
    adj, x, layers = operator(), drawn(5, 3), made(average=average)
    every = leaves_of(x, layers)
    wanted = torch.autograd.grad(plain(PAIRS, x, layers, average).sin().sum(), every)
    for place, leaf in enumerate(every):
        leaf.requires_grad_(place in chosen)
    asked = [every[place] for place in chosen]
    out = gat_network(adj, x, layers, average=average)
    for place, one in zip(chosen, torch.autograd.grad(out.sin().sum(), asked), strict=True):
        assert_close(one, wanted[place])


@BOTH
def test_without_gradients(average):
    adj, layers, x = operator(), made(average=average), drawn(5, 3)
    expected = plain(PAIRS, x, layers, average)
    assert gat_network(adj, x, layers, average=average).grad_fn is None
    assert_close(gat_network(adj, x, layers, average=average), expected)
    leaves_of(x, layers)
    with torch.no_grad():
        out = gat_network(adj, x, layers, average=average)
    assert not out.requires_grad
    assert_close(out, expected)


def test_weights_of_the_operator_are_not_read():
    layers, x = made(), drawn(5, 3)
    leaves_of(x, layers)
    weighted = to_csr(PAIRS, drawn(7).requires_grad_(), num_nodes=5)
    assert torch.equal(gat_network(weighted, x, layers), gat_network(operator(), x, layers))


@BOTH
def test_what_is_given_back_is_nobody_elses(average):
    """Neither the gradient that comes in nor what was kept is written over."""
    adj, layers, x = operator(), made(average=average), drawn(5, 3)
    leaves = leaves_of(x, layers)
    out = gat_network(adj, x, layers, average=average)
    probe = drawn(*out.shape, seed=3)
    held = probe.clone()
    first = torch.autograd.grad(out, leaves, probe, retain_graph=True)
    out.detach().zero_()
    again = torch.autograd.grad(out, leaves, probe)
    assert torch.equal(probe, held)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@BOTH
def test_gradients_without_memory_of_their_own(average):
    """The gradient of a sum is one number for all."""
    adj, layers, x = operator(), made(average=average), drawn(5, 3)
    leaves = leaves_of(x, layers)
    wanted = torch.autograd.grad(plain(PAIRS, x, layers, average).sum(), leaves)
    found = torch.autograd.grad(gat_network(adj, x, layers, average=average).sum(), leaves)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


def test_an_edit_before_the_backward_pass_is_seen():
    adj, layers, x = operator(), made(), drawn(5, 3)
    leaves_of(x, layers)
    out = gat_network(adj, x, layers)
    with torch.no_grad():
        layers[1].att_dst.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_what_is_no_number_stays_with_those_that_see_it():
    """A ReLU of PyTorch's lets it pass, there and back."""
    layers, x = made([(2, 2, 1), (2, 1, 2)]), drawn(3, 2)
    x[2, 0] = torch.nan
    leaves = leaves_of(x, layers)
    pairs = torch.tensor([[0, 1, 2], [1, 0, 2]])
    out = gat_network(operator(3, pairs), x, layers)
    found = torch.autograd.grad(out[:2].sum(), leaves, retain_graph=True)[0]
    clean = x.detach()[:2].clone().requires_grad_()
    expected = plain(pairs[:, :2], clean, layers)
    assert out[2].isnan().all()
    assert_close(out[:2], expected)
    assert_close(found[:2], torch.autograd.grad(expected.sum(), clean)[0])
    assert torch.autograd.grad(out.sum(), leaves)[1].isnan().any()


def test_transforms_go_the_long_way():
    adj, layers, x = operator(), made(), drawn(5, 3)
    expected = torch.autograd.functional.jacobian(lambda x: plain(PAIRS, x, layers), x)
    found = torch.func.jacrev(lambda x: gat_network(adj, x, layers))(x)
    assert_close(found, expected)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
@BOTH
def test_threads_do_not_change_a_bit(average):
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 20000), generator=generator)
    adj = operator(2000, pairs, transposed=True)
    layers = made(average=average, dtype=torch.float32)
    leaves = leaves_of(drawn(2000, 3, dtype=torch.float32), layers)
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = gat_network(adj, leaves[0], layers, average=average)
            found.append((out, *torch.autograd.grad(out.square().sum(), leaves)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_does_not_fit_is_refused():
    adj, layers = operator(4), made()
    with pytest.raises(ValueError, match="layers: expected at least one"):
        gat_network(adj, drawn(4, 3), [])
    with pytest.raises(ValueError, match="x: got 3 rows, the operator has 4 rows and 4 columns"):
        gat_network(adj, drawn(3, 3), layers)
    x = drawn(4, 3)
    leaves_of(x, layers)
    for wrong in (layers[1:], layers[:2] + layers[3:]):
        with pytest.raises(RuntimeError, match=r"weight: expected shape|shapes|mat1"):
            gat_network(adj, x, wrong)
