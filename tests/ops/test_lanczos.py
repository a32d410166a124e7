import networkx as nx
import pytest
import torch
from torch_geometric.utils import from_networkx

from graphpoly.ops import lanczos, normalize
from graphpoly.ops.lanczos import _Graphs, lanczos_reference
from graphpoly.testing import assert_close
from tests.ops.graphs import random_csr

GRAPHS = {
    "ba": nx.barabasi_albert_graph(400, 3, seed=0),
    "er": nx.erdos_renyi_graph(400, 0.02, seed=0),
    "sbm": nx.stochastic_block_model([200, 200], [[0.05, 0.01], [0.01, 0.05]], seed=0),
    "grid": nx.convert_node_labels_to_integers(nx.grid_2d_graph(20, 20)),
}


def operator(graph, dtype=torch.float32, **kwargs):
    edge_index = from_networkx(graph).edge_index
    return normalize(edge_index, num_nodes=graph.number_of_nodes(), dtype=dtype, **kwargs)


def gram(basis):
    return torch.einsum("jnf,knf->fjk", basis, basis)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_orthonormal_at_order_20(name, loops, dtype, bound):
    adj = operator(GRAPHS[name], dtype, add_self_loops=loops)
    basis, _ = lanczos(adj, torch.randn(adj.num_rows, 16, dtype=dtype), K=20)
    assert (gram(basis) - torch.eye(21, dtype=dtype)).abs().max() < bound


def test_two_term_process_is_not_orthonormal():
    """The reason for the second pass: what the published recurrence gives on the same input."""
    adj = operator(GRAPHS["ba"])
    vector = torch.randn(adj.num_rows, 16)
    vectors = [torch.zeros_like(vector), vector / vector.norm(dim=0)]
    matrix = adj.to_dense()
    for _ in range(20):
        after = matrix @ vectors[-1]
        for other in (vectors[-1], vectors[-2]):
            after = after - (after * other).sum(0) * other
        vectors.append(after / after.norm(dim=0))
    error = (gram(torch.stack(vectors[1:])) - torch.eye(21)).abs().max()
    assert error > 0.01


def test_projected_operator():
    adj = operator(GRAPHS["sbm"], torch.float64)
    basis, hessenberg = lanczos(adj, torch.randn(400, 3, dtype=torch.float64), K=12)
    matrix = adj.to_dense()
    inner = torch.einsum("jnf,nm,kmf->kjf", basis, matrix, basis[:-1])
    assert_close(inner, hessenberg.squeeze(2))
    off = hessenberg.squeeze(2)[torch.arange(12), torch.arange(1, 13)]
    assert (off > 0).all()
    for k in range(12):  # tridiagonal, since the operator is symmetric
        assert (hessenberg[k, : max(k - 1, 0)].abs() < 1e-13).all()


def test_arnoldi_on_a_directed_graph():
    adj = random_csr((40, 40, 200))
    basis, hessenberg = lanczos(adj, torch.randn(40, 2, dtype=torch.float64), K=10)
    assert (gram(basis) - torch.eye(11, dtype=torch.float64)).abs().max() < 1e-13
    left = torch.einsum("nm,kmf->knf", adj.to_dense(), basis[:-1])
    right = torch.einsum("kjbf,jnf->knf", hessenberg, basis)
    assert_close(left, right)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("graph", "dimension"),
    [
        (nx.star_graph(20), 3),
        (nx.complete_bipartite_graph(5, 9), 3),
        (nx.complete_graph(12), 2),
        (nx.empty_graph(7), 1),
        (nx.path_graph(5), 5),
    ],
    ids=["star", "bipartite", "complete", "edgeless", "path"],
)
def test_breakdown_gives_zeros_not_noise(graph, dimension, dtype):
    adj = operator(graph, dtype)
    x = torch.randn(adj.num_rows, 6, dtype=dtype, requires_grad=True)
    basis, hessenberg = lanczos(adj, x, K=10)
    norms = basis.norm(dim=1)
    assert_close(norms[:dimension], torch.ones_like(norms[:dimension]))
    assert torch.equal(norms[dimension:], torch.zeros_like(norms[dimension:]))
    (basis.sum() + hessenberg.sum()).backward()
    assert x.grad.isfinite().all()


def test_eigenvector_and_zero_channel():
    adj = operator(nx.cycle_graph(8), torch.float64)
    x = torch.stack([torch.ones(8), torch.zeros(8)], 1).double().requires_grad_()
    basis, _ = lanczos(adj, x, K=4)
    assert_close(basis[0, :, 0], torch.full((8,), 8**-0.5, dtype=torch.float64))
    assert torch.equal(basis[1:], torch.zeros_like(basis[1:]))
    assert torch.equal(basis[..., 1], torch.zeros_like(basis[..., 1]))
    basis.sum().backward()
    assert x.grad.isfinite().all()


def test_batch_gives_each_graph_its_own_basis():
    graphs = [GRAPHS["grid"], nx.star_graph(6), nx.empty_graph(3), nx.path_graph(1)]
    union = nx.disjoint_union_all(graphs)
    batch = torch.cat([torch.full((len(g),), i) for i, g in enumerate(graphs)])
    x = torch.randn(len(union), 4, dtype=torch.float64)
    for order in (torch.arange(len(batch)), torch.randperm(len(batch))):
        place = order.argsort()
        edges = place[from_networkx(union).edge_index]
        adj = normalize(edges, num_nodes=len(union), dtype=torch.float64)
        for size in (None, len(graphs)):
            basis, _ = lanczos(adj, x[order], 5, batch=batch[order], batch_size=size)
            for i, graph in enumerate(graphs):
                alone, _ = lanczos(operator(graph, torch.float64), x[batch == i], 5)
                assert_close(basis[:, place[batch == i]], alone)


def test_gradient():
    adj = operator(nx.erdos_renyi_graph(9, 0.4, seed=1), torch.float64)
    x = torch.randn(9, 2, dtype=torch.float64, requires_grad=True)
    weight = adj.weight.clone().requires_grad_()
    for batch in (None, torch.tensor([0, 1, 0, 0, 1, 1, 0, 1, 1])):

        def run(x, w, batch=batch):
            if batch is None:
                return lanczos(adj.with_weight(w), x, 3)
            inside = batch[adj.rows().long()] == batch[adj.col.long()]
            return lanczos(adj.with_weight(w * inside), x, 3, batch=batch, batch_size=2)

        assert torch.autograd.gradcheck(run, (x, weight))
        assert torch.autograd.gradgradcheck(run, (x, weight))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batched", [False, True])
def test_gradient_equals_that_of_the_reference(dtype, batched):
    """Autograd through every operation of both passes, against the backward operator."""
    adj = operator(GRAPHS["er"], torch.float64, transposed=True)
    batch = torch.arange(400) % 3 if batched else None
    x = torch.randn(400, 7, dtype=torch.float64)
    x[:, 3] = 0
    turn = adj.transposed
    results = []
    for run in (torch.ops.graphpoly.lanczos, lanczos_reference):
        leaf = x.to(dtype if run is not lanczos_reference else torch.float64).requires_grad_()
        weight = adj.weight.to(leaf.dtype)
        graphs = 3 if batched else 1
        out = run(adj.rowptr, adj.col, weight, leaf, 8, batch, graphs, 1e-7, *turn)
        torch.manual_seed(1)
        loss = sum((o * torch.randn(o.shape, dtype=torch.float64)).sum() for o in out)
        results.append((*out, *torch.autograd.grad(loss, leaf)))
    for one, other in zip(*results, strict=True):
        size = other.abs().max()
        assert_close(one / size, other / size, kind="accumulated")


def test_order_zero_and_no_nodes():
    basis, hessenberg = lanczos(operator(nx.path_graph(3)), torch.ones(3, 2), K=0)
    assert basis.shape == (1, 3, 2)
    assert hessenberg.shape == (0, 1, 1, 2)
    basis, _ = lanczos(operator(nx.empty_graph(0)), torch.ones(0, 2), K=3)
    assert basis.shape == (4, 0, 2)


@pytest.mark.parametrize("leading", [(), (3,)])
def test_ordered_sums_over_graphs_are_those_of_index_add(leading):
    graph = torch.tensor([2, 0, 2, 3, 0])
    values = torch.randn(*leading, 5, 4, dtype=torch.float64)
    ordered = _Graphs(graph, 5, ordered=True).sum(values)
    assert_close(ordered, _Graphs(graph, 5, ordered=False).sum(values))
