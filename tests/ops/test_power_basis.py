import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.ops import normalize, pairs_within, power_basis
from graphpoly.ops import power_basis as function
from graphpoly.testing import assert_close, graph_zoo
from tests.conftest import DEVICE

EXPONENTS, POWERS = (-0.5, -0.3, 0.1), (3, 1, 2)


def looped(data):
    return normalize(
        data.edge_index,
        data.edge_weight,
        data.num_nodes,
        normalization=None,
        add_self_loops=True,
    )


def dense(adj):
    """All matrices, in the order of the basis."""
    matrix = adj.to_dense()
    degree = matrix.sum(1)
    found = [torch.eye(len(degree), dtype=torch.float64)]
    for exponent in EXPONENTS:
        scale = (degree**exponent).diag()
        base = scale @ matrix @ scale
        found += [torch.linalg.matrix_power(base, k) for k in POWERS]
    return torch.stack(found, -1)


def zoo():
    return graph_zoo(weighted=True, num_features=1, dtype=torch.float64)


@pytest.mark.parametrize("hops", [1, 2, None])
def test_equals_the_dense_powers_on_every_support(hops):
    for name, data in zoo().items():
        adj = looped(data)
        pairs, share = pairs_within(adj, hops)
        basis = power_basis(adj, pairs, exponents=EXPONENTS, powers=POWERS)
        expected = dense(adj)
        assert_close(basis, expected[pairs.rows().long(), pairs.col.long()], what=name)
        reach = torch.linalg.matrix_power((adj.to_dense() > 0).double(), hops or 1) > 0
        there = torch.ones_like(reach) if hops is None else reach
        counted = pairs.with_weight(torch.ones(pairs.num_entries) if share is None else share)
        assert_close(counted.to_dense().double(), there.double(), what=name)


def test_slices_of_columns_give_the_same(monkeypatch):
    adj = looped(zoo()["barabasi_albert"])
    pairs = pairs_within(adj, None).adj
    expected = power_basis(adj, pairs, exponents=EXPONENTS, powers=POWERS)
    monkeypatch.setitem(function.__globals__, "_BUDGET", 7 * 20 * 3)
    assert_close(power_basis(adj, pairs, exponents=EXPONENTS, powers=POWERS), expected)


@pytest.mark.parametrize("hops", [1, 2, None])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batch_is_its_graphs_one_by_one(hops, shuffled):
    graphs = [
        Data(edge_index=d.edge_index, edge_weight=d.edge_weight, num_nodes=d.num_nodes)
        for d in list(zoo().values())[:6]
    ]
    batch = Batch.from_data_list(graphs)
    order = torch.randperm(batch.num_nodes) if shuffled else torch.arange(batch.num_nodes)
    graph = torch.empty_like(batch.batch).index_copy(0, order, batch.batch)
    batch.edge_index = order[batch.edge_index]
    adj = looped(batch)
    pairs, _ = pairs_within(adj, hops, graph)
    basis = power_basis(adj, pairs, exponents=EXPONENTS, powers=POWERS, batch=graph)
    assert (graph[pairs.rows().long()] == graph[pairs.col.long()]).all()
    expected = dense(adj)[pairs.rows().long(), pairs.col.long()]
    assert_close(basis, expected)
    sizes = batch.ptr.diff()
    if hops is None:
        assert pairs.num_entries == int((sizes * sizes).sum())


@pytest.mark.parametrize("budget", [2**24, 64])
def test_gradient_in_the_weights(budget, monkeypatch):
    """Also where slices are made again for it, and for its own gradient."""
    monkeypatch.setitem(function.__globals__, "_BUDGET", budget)
    data = zoo()["directed"]

    def basis(weight):
        data.edge_weight = weight
        adj = looped(data)
        pairs = pairs_within(adj, None).adj
        return power_basis(adj, pairs, exponents=(-0.5, 0.2), powers=(1, 3))

    weight = data.edge_weight.clone().requires_grad_()
    assert torch.autograd.gradcheck(basis, weight, fast_mode=budget == 64)
    assert torch.autograd.gradgradcheck(basis, weight, fast_mode=True)


def star(num_nodes):
    leaf = torch.arange(1, num_nodes)
    edges = torch.stack([torch.zeros_like(leaf), leaf])
    return torch.cat([edges, edges.flip(0)], 1)


def everything(edge_index, weight, num_nodes, hops, **settings):
    adj = normalize(edge_index, weight, num_nodes, normalization=None, add_self_loops=True)
    pairs = pairs_within(adj, hops).adj
    basis = power_basis(adj, pairs, exponents=(-0.5, -0.2), powers=(1, 3, 4), **settings)
    return [pairs.rows(), pairs.col, basis, *torch.autograd.grad(basis.square().sum(), weight)]


@pytest.mark.parametrize("hops", [1, 2])
def test_walks_and_columns_agree(hops, monkeypatch):
    """One of the graphs has nodes that no edge reaches; two hops on a star are all pairs."""
    steps = torch.arange(399)
    generator = torch.Generator(DEVICE).manual_seed(0)
    graphs = [(torch.stack([steps, steps + 1]), 400)]
    graphs += [(torch.randint(0, 900, (2, 500), generator=generator), 900)]
    graphs += [(star(400), 400)] if hops == 1 else []
    made, walk = [], function.__globals__["near_powers"]
    monkeypatch.setitem(
        function.__globals__, "near_powers", lambda *some: made.append(0) or walk(*some)
    )
    monkeypatch.setitem(function.__globals__, "_STEP", 0)
    for edge_index, num_nodes in graphs:
        weight = torch.rand(edge_index.size(1), generator=generator, dtype=torch.float64) + 0.5
        found = []
        for large in (100, num_nodes):
            monkeypatch.setitem(function.__globals__, "_LARGE", large)
            made.clear()
            found.append(everything(edge_index, weight.clone().requires_grad_(), num_nodes, hops))
            assert bool(made) == (large < num_nodes)
        for one, other in zip(*found, strict=True):
            assert_close(one.double(), other.double(), kind="accumulated")


def test_star_in_closed_form():
    """With loops, degrees are n at the hub and 2 at a leaf: on what is equal at all leaves it is a
    matrix of two rows; on what is 0 at the hub and sums to 0, a half."""
    size = 20_000
    edge = normalize(star(size), None, size, normalization=None, add_self_loops=True)
    edge = edge.with_weight(torch.ones(edge.num_entries, dtype=torch.float64))
    basis = power_basis(edge, edge, exponents=(-0.5,), powers=(1, 2, 3, 4))
    across = ((size - 1) / (2 * size)) ** 0.5
    both = torch.tensor([[1 / size, across], [across, 0.5]], dtype=torch.float64)
    row, col = edge.rows(), edge.col
    for k in range(1, 5):
        power, leaves = torch.linalg.matrix_power(both, k), size - 1
        expected = torch.where(row == 0, power[0, 1] / leaves**0.5, power[1, 0] / leaves**0.5)
        leaf = 0.5**k + (power[1, 1] - 0.5**k) / leaves
        diagonal = torch.where(row == 0, power[0, 0], leaf)
        assert_close(basis[:, k], torch.where(row == col, diagonal, expected))


@pytest.mark.parametrize("hops", [1, 2, None])
def test_a_batch_costs_what_its_graphs_cost(hops, monkeypatch):
    """Columns are made of the graphs that have them; 32 of a small one."""
    sizes = torch.tensor([3, 200, 1, 40, 3])
    graph = torch.repeat_interleave(sizes)[torch.randperm(247)]
    node = torch.arange(247)
    adj = normalize(
        torch.stack([node, node]), torch.rand(247).double(), 247, normalization=None,
        add_self_loops=True,
    )  # fmt: skip
    made, slice_powers = [], function.__globals__["_slice_powers"]

    def counted(adj, scale, place, columns, *rest):
        made.append(adj.num_rows * (columns[1] - columns[0]))
        return slice_powers(adj, scale, place, columns, *rest)

    monkeypatch.setitem(function.__globals__, "_slice_powers", counted)
    monkeypatch.setitem(function.__globals__, "_LARGE", 1000)
    pairs = pairs_within(adj, hops, graph).adj
    basis = power_basis(adj, pairs, exponents=EXPONENTS, powers=POWERS, batch=graph)
    assert_close(basis, dense(adj)[pairs.rows().long(), pairs.col.long()])
    assert sum(made) <= int((sizes * sizes.clamp(min=32)).sum() * 1.1)


@pytest.mark.parametrize("hops", [1, 2])
def test_many_nodes_without_an_edge(hops):
    size = 100_000
    adj = normalize(torch.empty(2, 0).long(), None, size, normalization=None, add_self_loops=True)
    pairs = pairs_within(adj, hops).adj
    assert torch.equal(pairs.rows().long(), torch.arange(size))
    assert torch.equal(pairs.col.long(), torch.arange(size))
    adj = adj.with_weight(torch.ones(size))
    basis = power_basis(adj, pairs, exponents=(-0.5,), powers=(1, 4))
    assert torch.equal(basis, torch.ones(size, 3))
