import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.ops import normalize, pairs_within, power_basis
from graphpoly.ops import power_basis as function
from graphpoly.testing import assert_close, graph_zoo

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


def test_gradient_in_the_weights():
    data = zoo()["directed"]

    def basis(weight):
        data.edge_weight = weight
        adj = looped(data)
        pairs = pairs_within(adj, None).adj
        return power_basis(adj, pairs, exponents=(-0.5, 0.2), powers=(1, 3))

    assert torch.autograd.gradcheck(basis, data.edge_weight.clone().requires_grad_())
