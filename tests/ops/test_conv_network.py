"""conv_network against dense matrices, and its gradients against differences."""

import itertools
from itertools import chain

import pytest
import torch

from graphpoly.ops import backends, to_csr
from graphpoly.ops.conv_network import ConvLayer, conv_network, conv_network_reference
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE
from tests.ops.graphs import dense

PAIRS = torch.tensor([[0, 1, 1, 2, 3, 3, 0], [1, 0, 2, 1, 3, 0, 1]])
WIDTHS = [(3, 70), (70, 5), (5, 5), (5, 2), (2, 66)]  # of what each layer takes and gives
# all of a node is one difference here, which float32 has few digits of
ONE_CHANNEL = [(3, 70), (70, 5), (5, 5), (5, 1), (1, 66)]
KINDS = {
    "GCN": {"root": False, "weighted": True, "mean": False},
    "SAGE": {"root": True, "weighted": False, "mean": True},
    "a sum of ones": {"root": False, "weighted": False, "mean": False},
    "a mean of weighted rows": {"root": True, "weighted": True, "mean": True},
    "a mean alone": {"root": False, "weighted": False, "mean": True},
}


def drawn(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def made(widths=WIDTHS, *, root=False, dtype=torch.float64):
    """Layers, every other one without a bias."""
    layers = []
    for place, (inner, channels) in enumerate(widths):
        layers.append(
            ConvLayer(
                drawn(channels, inner, seed=3 * place, dtype=dtype),
                drawn(channels, seed=3 * place + 1, dtype=dtype) if place % 2 == 0 else None,
                drawn(channels, inner, seed=3 * place + 2, dtype=dtype) if root else None,
            )
        )
    return layers


def operator(weighted=True, num_nodes=5, dtype=torch.float64, pairs=PAIRS, **settings):
    weight = drawn(pairs.size(1), seed=77, dtype=dtype) if weighted else None
    return to_csr(pairs, weight, num_nodes=num_nodes, **settings)


def leaves_of(x, layers):
    """x and what is learned of the layers, asking for gradients."""
    return [t.requires_grad_() for t in (x, *chain.from_iterable(layers)) if t is not None]


def plain(adj, x, layers, mean=False):
    """The definition, with the operator as a matrix."""
    matrix = dense(adj, x.dtype)
    if mean:
        matrix = matrix / adj.rowptr.diff().clamp(min=1).unsqueeze(-1)
    for place, (weight, bias, root) in enumerate(layers):
        x = x if place == 0 else x.relu()
        out = matrix @ x @ weight.T
        out = out if root is None else out + x @ root.T
        x = out if bias is None else out + bias
    return x


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_dense_matrices(kind, dtype):
    rule = KINDS[kind]
    close = "accumulated" if dtype == torch.float32 else "exact"
    cases = [WIDTHS] if dtype == torch.float32 else [WIDTHS, ONE_CHANNEL]
    for widths, (name, data) in itertools.product(cases, graph_zoo(num_features=3).items()):
        layers = made(widths, root=rule["root"], dtype=dtype)
        leaves = leaves_of(drawn(data.num_nodes, 3, seed=99, dtype=dtype), layers)
        for transposed in (True, False):
            adj = operator(
                rule["weighted"], data.num_nodes, dtype, data.edge_index, transposed=transposed
            )
            expected = plain(adj, leaves[0], layers, rule["mean"])
            out = conv_network(adj, leaves[0], layers, mean=rule["mean"])
            probe = drawn(*out.shape, seed=5, dtype=dtype)
            wanted = torch.autograd.grad(expected, leaves, probe)
            grads = torch.autograd.grad(out, leaves, probe)
            for one, other in zip((out, *grads), (expected, *wanted), strict=True):
                size = max(float(other.detach().abs().max()), 1e-3) if other.numel() else 1
                assert_close(one / size, other / size, kind=close, what=name)


def test_the_reference_is_the_network_of_a_graph_with_the_roots_of_degrees():
    """GCN's own operator in closed form: loops, and each degree's root on either side."""
    pairs = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    matrix = torch.eye(4).double()
    matrix[pairs[1], pairs[0]] = 1
    scale = matrix.sum(1).rsqrt()
    matrix = scale.unsqueeze(-1) * matrix * scale
    target, source = matrix.nonzero().T
    adj = to_csr(torch.stack([source, target]), matrix[target, source], num_nodes=4)
    layers, x = made([(3, 4), (4, 2)]), drawn(4, 3)
    first, second = layers
    expected = matrix @ (matrix @ x @ first.weight.T + first.bias).relu() @ second.weight.T
    maps = [t for layer in layers for t in layer]
    found = conv_network_reference(adj.rowptr, adj.col, adj.weight, x, maps, False)
    assert_close(found[-1], expected)
    assert_close(found[0], matrix @ x)
    leaves_of(x, layers)
    assert_close(conv_network(adj, x, layers), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [[(2, 3), (3, 2)], [(3, 2), (2, 2)]])
def test_gradients_of_first_and_second_order(kind, widths):
    rule = KINDS[kind]
    layers = made(widths, root=rule["root"])
    leaves = leaves_of(drawn(5, widths[0][0], seed=7), layers)
    adj = operator(rule["weighted"])

    def run(*_):
        return conv_network(adj, leaves[0], layers, mean=rule["mean"])

    assert torch.autograd.gradcheck(run, leaves)
    assert torch.autograd.gradgradcheck(run, leaves)


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("chosen", [[0], [1], [2], [3], [1, 5], [0, 6]])
def test_gradients_that_are_asked_for_alone(chosen, root):
    adj, x, layers = operator(), drawn(5, 3), made(root=root)
    every = leaves_of(x, layers)
    wanted = torch.autograd.grad(plain(adj, x, layers).sin().sum(), every)
    for place, leaf in enumerate(every):
        leaf.requires_grad_(place in chosen)
    asked = [every[place] for place in chosen]
    found = torch.autograd.grad(conv_network(adj, x, layers).sin().sum(), asked)
    for place, one in zip(chosen, found, strict=True):
        assert_close(one, wanted[place])


def test_without_gradients():
    adj, layers, x = operator(), made(), drawn(5, 3)
    expected = plain(adj, x, layers)
    assert conv_network(adj, x, layers).grad_fn is None
    assert_close(conv_network(adj, x, layers), expected)
    leaves_of(x, layers)
    with torch.no_grad():
        out = conv_network(adj, x, layers)
    assert not out.requires_grad
    assert_close(out, expected)


def test_weights_of_the_operator_that_learn_run_layer_by_layer():
    adj, layers, x = operator(), made(), drawn(5, 3)
    leaves = [*leaves_of(x, layers), adj.weight.requires_grad_()]
    wanted = torch.autograd.grad(plain_of_entries(adj, x, layers).sin().sum(), leaves)
    found = torch.autograd.grad(conv_network(adj, x, layers).sin().sum(), leaves)
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other)


def plain_of_entries(adj, x, layers):
    """The definition on one entry after the other, which keeps the way to their weights."""
    for place, (weight, bias, _) in enumerate(layers):
        x = x if place == 0 else x.relu()
        sums = torch.zeros_like(x).index_add(0, adj.rows(), adj.weight.unsqueeze(-1) * x[adj.col])
        x = sums @ weight.T if bias is None else sums @ weight.T + bias
    return x


def test_weights_of_another_type_are_rounded():
    adj, layers, x = operator(), made(dtype=torch.float32), drawn(5, 3, dtype=torch.float32)
    leaves_of(x, layers)
    expected = plain(adj.with_weight(adj.weight.float()), x, layers)
    out = conv_network(adj, x, layers)
    size = expected.detach().abs().max()
    assert_close(out / size, expected / size, kind="accumulated")


@pytest.mark.parametrize("root", [False, True])
def test_what_is_given_back_is_nobody_elses(root):
    """Neither the gradient that comes in nor what was kept is written over."""
    adj, layers, x = operator(), made(root=root), drawn(5, 3)
    leaves = leaves_of(x, layers)
    out = conv_network(adj, x, layers)
    probe = drawn(5, 66, seed=3)
    held = probe.clone()
    first = torch.autograd.grad(out, leaves, probe, retain_graph=True)
    again = torch.autograd.grad(out, leaves, probe)
    assert torch.equal(probe, held)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_an_edit_before_the_backward_pass_is_seen():
    adj, layers, x = operator(), made(), drawn(5, 3)
    leaves_of(x, layers)
    out = conv_network(adj, x, layers)
    with torch.no_grad():
        layers[1].weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_what_is_no_number_goes_through():
    """A ReLU of PyTorch's lets it pass, there and back."""
    adj, layers, x = operator(), made([(2, 2), (2, 2)]), drawn(5, 2)
    x[1, 0] = torch.nan
    leaves = leaves_of(x, layers)
    expected, out = plain_of_entries(adj, x, layers), conv_network(adj, x, layers)
    wanted = torch.autograd.grad(expected.sum(), leaves)
    found = torch.autograd.grad(out.sum(), leaves)
    assert expected.isnan().any()
    for one, other in zip((out, *found), (expected, *wanted), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


def test_transforms_go_the_long_way():
    adj, layers, x = operator(), made(), drawn(5, 3)
    expected = torch.autograd.functional.jacobian(lambda x: plain(adj, x, layers), x)
    found = torch.func.jacrev(lambda x: conv_network(adj, x, layers))(x)
    assert_close(found, expected)


@pytest.mark.skipif(not backends()["cpp"]["available"], reason="the order is the kernels' own")
@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_a_bit(kind):
    rule = KINDS[kind]
    generator = torch.Generator(DEVICE).manual_seed(0)
    pairs = torch.randint(2000, (2, 20000), generator=generator)
    adj = operator(rule["weighted"], 2000, torch.float32, pairs, transposed=True)
    layers = made(root=rule["root"], dtype=torch.float32)
    leaves = leaves_of(drawn(2000, 3, dtype=torch.float32), layers)
    held, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = conv_network(adj, leaves[0], layers, mean=rule["mean"])
            found.append((out, *torch.autograd.grad(out.square().sum(), leaves)))
    finally:
        torch.set_num_threads(held)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_what_does_not_fit_is_refused():
    adj, layers = operator(num_nodes=4), made()
    with pytest.raises(ValueError, match="layers: expected at least one"):
        conv_network(adj, drawn(4, 3), [])
    with pytest.raises(ValueError, match="x: got 3 rows, the operator has 4 rows and 4 columns"):
        conv_network(adj, drawn(3, 3), layers)
    leaves_of(drawn(4, 3), layers)
    with pytest.raises(RuntimeError, match=r"weight: expected shape|shapes|mat1"):
        conv_network(adj, drawn(4, 3), layers[1:])
