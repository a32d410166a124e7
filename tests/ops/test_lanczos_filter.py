import networkx as nx
import pytest
import torch
from torch_geometric.utils import from_networkx

from graphpoly.ops import lanczos, lanczos_filter, normalize, to_csr
from graphpoly.ops.lanczos_filter import lanczos_filter_reference
from graphpoly.testing import assert_close
from tests.ops.graphs import random_csr

GRAPHS = {
    "er": nx.erdos_renyi_graph(600, 0.01, seed=0),  # two segments, and isolated nodes
    "hypercube": nx.convert_node_labels_to_integers(nx.hypercube_graph(5)),  # 6 eigenvalues
    "star": nx.star_graph(20),
    "path": nx.path_graph(5),
    "edgeless": nx.empty_graph(4),
}


def operator(graph, **kwargs):
    edge_index = from_networkx(graph).edge_index.reshape(2, -1).long()
    edge_index = edge_index[:, torch.randperm(edge_index.size(1))]
    return normalize(edge_index, num_nodes=len(graph), dtype=torch.float64, **kwargs)


def results(adj, K, channels, *, dtype=torch.float64, batch=None, graphs=1):
    """What the operator gives and what its definition gives in float64, with their gradients."""
    x = torch.randn(adj.num_rows, channels, dtype=torch.float64)
    x[:, 1:2] = 0
    theta = torch.randn(K + 1, channels, dtype=torch.float64)
    outer = torch.randn_like(x)
    turn, found = adj.transposed or (None, None, None), []
    for run, kind in (
        (torch.ops.graphpoly.lanczos_filter, dtype),
        (lanczos_filter_reference, torch.float64),
    ):
        leaves = [t.to(kind).requires_grad_() for t in (x, theta)]
        weight = None if adj.weight is None else adj.weight.to(kind)
        out = run(adj.rowptr, adj.col, weight, *leaves, batch, graphs, 1e-7, *turn)
        found.append((*out, *torch.autograd.grad(out[0], leaves, outer.to(kind))))
    return list(zip(*found, strict=True))


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("normalization", ["sym", "rw"])
@pytest.mark.parametrize(("K", "channels"), [(0, 3), (1, 8), (2, 1), (10, 20), (17, 9)])
def test_values_and_gradients_are_those_of_the_definition(name, normalization, K, channels):
    """On operators that are their own transposes, and on others; on exhausted spaces."""
    adj = operator(GRAPHS[name], normalization=normalization)
    for one, other in results(adj, K, channels):
        assert_close(one, other)


@pytest.mark.parametrize("name", ["er", "star"])
def test_in_float32(name):
    adj = operator(GRAPHS[name], transposed=True)
    for one, other in results(adj, 8, 20, dtype=torch.float32):
        size = other.abs().max()
        assert_close(one / size, other / size, kind="accumulated")


@pytest.mark.parametrize("order", ["sorted", "mixed"])
@pytest.mark.parametrize("inside", [True, False])
def test_graphs_of_a_batch(order, inside):
    """A symmetric operator whose entries lead from graph to graph is none for the graphs."""
    batch = torch.arange(600) // 250
    if order == "mixed":
        batch = batch[torch.randperm(600)]
    adj = operator(GRAPHS["er"], transposed=True)
    if inside:
        within = batch[adj.rows().long()] == batch[adj.col.long()]
        adj = adj.with_weight(adj.weight * within)
        adj = to_csr(
            torch.stack([adj.col.long(), adj.rows().long()])[:, within], adj.weight[within], 600
        )
    for one, other in results(adj, 6, 9, batch=batch, graphs=4):
        assert_close(one, other)


@pytest.mark.parametrize("weights", ["alike", "apart"])
def test_weighted_and_parallel_edges(weights):
    """Parallel entries in another order in the transpose, and weights of one direction alone."""
    edges = torch.randint(0, 40, (2, 90))
    edge_weight = torch.rand(90, dtype=torch.float64)
    both = torch.cat([edges, edges.flip(0)], 1)
    back = edge_weight if weights == "alike" else torch.rand(90, dtype=torch.float64)
    adj = to_csr(both, torch.cat([edge_weight, back]), 40)
    for one, other in results(adj, 6, 3):
        size = other.abs().max().clamp(min=1)
        assert_close(one / size, other / size)


def test_directed():
    for one, other in results(random_csr((40, 40, 200)), 6, 3):
        size = other.abs().max().clamp(min=1)
        assert_close(one / size, other / size)


@pytest.mark.parametrize("channels", [9, 16, 70])
def test_bits_do_not_depend_on_threads(channels):
    adj = operator(GRAPHS["er"])
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            x = torch.randn(600, channels, requires_grad=True)
            theta = torch.randn(7, channels, requires_grad=True)
            out = lanczos_filter(adj, x, theta)
            found.append((out, *torch.autograd.grad(out.square().sum(), (x, theta))))
            found[-1] += lanczos(adj, x, 6)
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("normalization", ["sym", "rw"])
def test_gradients_of_any_order(normalization):
    graph = nx.erdos_renyi_graph(8, 0.5, seed=1)
    adj = operator(graph, normalization=normalization, transposed=True)
    x = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    theta = torch.randn(4, 1, dtype=torch.float64, requires_grad=True)
    weight = adj.weight.clone().requires_grad_()
    fixed = lambda x, theta: lanczos_filter(adj, x, theta)  # noqa: E731
    learned = lambda x, theta, w: lanczos_filter(adj.with_weight(w), x, theta)  # noqa: E731
    assert torch.autograd.gradcheck(fixed, (x, theta))
    assert torch.autograd.gradgradcheck(fixed, (x, theta))
    assert torch.autograd.gradcheck(learned, (x, theta, weight))
    assert torch.autograd.gradgradcheck(learned, (x, theta, weight))


def test_gradients_of_what_is_kept():
    adj = operator(GRAPHS["path"])
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    theta = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    call = (adj.rowptr, adj.col, adj.weight, x, theta, None, 1, 1e-7, None, None, None)
    for some in (lambda z, b, h: z.sum() + b.square().sum() * h.sum(), lambda z, b, h: h.sum()):
        wanted, found = (
            torch.autograd.grad(some(*run(*call)), (x, theta), allow_unused=True)
            for run in (lanczos_filter_reference, torch.ops.graphpoly.lanczos_filter)
        )
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, torch.zeros_like(one) if other is None else other)


def test_refused():
    adj, x = operator(GRAPHS["path"]), torch.randn(5, 2)
    for name, call in {
        "theta": lambda: lanczos_filter(adj, x, torch.ones(3)),
        "theta.*2 or 1": lambda: lanczos_filter(adj, x, torch.ones(3, 4)),
        "x": lambda: lanczos_filter(adj, x[:4], torch.ones(3, 2)),
        "adj": lambda: lanczos_filter(random_csr((5, 4, 6)), x, torch.ones(3, 2)),
    }.items():
        with pytest.raises(ValueError, match=name):
            call()
