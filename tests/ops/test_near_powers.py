import pytest
import torch

from graphpoly.ops import normalize, to_csr
from graphpoly.ops.near_powers import near_powers, plan_walks
from graphpoly.ops.node_balls import ball_members, slices
from graphpoly.testing import assert_close, graph_zoo

POWERS = (4, 1, 3)


def looped(data, weight):
    return normalize(
        data.edge_index, weight, data.num_nodes, normalization=None, add_self_loops=True
    )


def all_pairs(num_nodes):
    place = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(num_nodes)).T
    return to_csr(place.reshape(2, -1).flip(0), num_nodes=num_nodes)


def walks(adj, pairs, scale, powers=POWERS, chosen=None):
    graph = torch.zeros(adj.num_rows, dtype=torch.int64)
    plan = plan_walks(adj, pairs, graph, 1, max(powers))
    chosen = torch.ones_like(graph, dtype=torch.bool) if chosen is None else chosen
    return near_powers(plan, adj.weight, scale, powers, chosen)


def dense(adj, pairs, scale, powers=POWERS):
    found = []
    for k in powers:
        steps = [
            torch.linalg.matrix_power(s.diag() @ adj.to_dense() @ s.diag(), k) for s in scale.T
        ]
        found.append(torch.stack([one[pairs.rows().long(), pairs.col.long()] for one in steps], 1))
    return torch.stack(found)


@pytest.mark.parametrize("budget", [2**19, 12])
@pytest.mark.parametrize("far", [False, True])
def test_equals_dense_powers(far, budget, monkeypatch):
    """At the entries, where half a cycle bounds the balls, and at all pairs; of any sign."""
    monkeypatch.setitem(slices.__globals__, "_BUDGET", budget)
    for name, data in graph_zoo(weighted=True, num_features=1, dtype=torch.float64).items():
        adj = looped(data, torch.randn_like(data.edge_weight))
        scale = torch.randn(data.num_nodes, 2, dtype=torch.float64)
        pairs = all_pairs(data.num_nodes) if far else adj
        found, expected = walks(adj, pairs, scale), dense(adj, pairs, scale)
        most = expected.abs().amax().clamp(min=1)
        assert_close(found / most, expected / most, what=name)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7])
def test_the_radius_is_half_a_cycle(k):
    """On a cycle of k + 1 nodes without loops, the walk around it is the only one."""
    node = torch.arange(k + 1)
    edges = torch.stack([node, (node + 1) % (k + 1)])
    adj = to_csr(edges.flip(0), torch.ones(k + 1, dtype=torch.float64), k + 1)
    pairs = adj if k == 1 else to_csr(edges, num_nodes=k + 1)
    graph = torch.zeros(k + 1, dtype=torch.int64)
    assert plan_walks(adj, pairs, graph, 1, k).radius == (k + 1) // 2
    found = walks(adj, pairs, torch.ones(k + 1, 1, dtype=torch.float64), (k,))
    assert_close(found, torch.ones_like(found))


def test_gradients():
    data = graph_zoo(names=["directed"], weighted=True, num_features=1, dtype=torch.float64)
    data = data["directed"]

    def run(weight, scale):
        adj = looped(data, weight)
        # the scale depends on the weight, too
        return walks(adj, adj, scale * adj.weight.sum(), (1, 3))

    weight = data.edge_weight.clone().requires_grad_()
    scale = torch.rand(data.num_nodes, 1, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(run, (weight, scale))
    assert torch.autograd.gradgradcheck(run, (weight, scale), fast_mode=True)
    total = run(weight, scale).square().sum()
    once = torch.autograd.grad(total, (weight, scale), retain_graph=True)
    kept = torch.autograd.grad(total, (weight, scale), create_graph=True)
    for one, other in zip(once, kept, strict=True):
        assert_close(other.detach(), one)


def test_gradients_do_not_depend_on_slices(monkeypatch):
    data = graph_zoo(names=["grid"], weighted=True, num_features=1, dtype=torch.float64)["grid"]
    scale = torch.rand(data.num_nodes, 2, dtype=torch.float64)
    found = []
    for budget in (2**19, 5):
        monkeypatch.setitem(slices.__globals__, "_BUDGET", budget)
        weight = data.edge_weight.clone().requires_grad_()
        out = walks(looped(data, weight), looped(data, weight), scale)
        found.append(torch.autograd.grad(out.square().sum(), weight)[0])
    assert_close(*found, kind="accumulated")


def test_other_graphs_are_left_out():
    data = graph_zoo(names=["star"], weighted=True, num_features=1, dtype=torch.float64)["star"]
    shift = torch.tensor([[0], [data.num_nodes]])
    data.edge_index = torch.cat([data.edge_index, data.edge_index + shift[1]], 1)
    data.edge_weight, data.num_nodes = data.edge_weight.repeat(2), 2 * data.num_nodes
    adj = looped(data, data.edge_weight)
    scale = torch.rand(data.num_nodes, 1, dtype=torch.float64)
    second = torch.arange(data.num_nodes) >= data.num_nodes // 2
    wanted = second[adj.rows().long()].unsqueeze(1)
    found = walks(adj, adj, scale, chosen=second)
    assert_close(found, torch.where(wanted, dense(adj, adj, scale), 0))


def test_nobody_looks_through_a_hub():
    size = 500
    leaf = torch.arange(1, size)
    edges = torch.stack([torch.zeros_like(leaf), leaf])
    adj = to_csr(torch.cat([edges, edges.flip(0)], 1), num_nodes=size)
    plan = plan_walks(adj, adj, torch.zeros(size, dtype=torch.int64), 1, 4)
    top = torch.arange(size)
    assert ball_members(plan.around, top, top, plan.radius).numel() == 2 * size - 1
    assert float(plan.cost.sum()) < 10 * size


def test_transforms_of_functions_go_through():
    data = graph_zoo(names=["path"], weighted=True, num_features=1, dtype=torch.float64)["path"]
    scale = torch.rand(data.num_nodes, 1, dtype=torch.float64)

    def total(weight):
        adj = looped(data, weight)
        return walks(adj, adj, scale).square().sum()

    weight = data.edge_weight.clone().requires_grad_()
    expected = torch.autograd.grad(total(weight), weight)[0]
    assert_close(torch.func.grad(total)(data.edge_weight), expected)
