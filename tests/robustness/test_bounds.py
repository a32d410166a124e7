import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.nn import GCN, GIN, SGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphpoly.models import GCORN, MLP
from graphpoly.ops import to_csr
from graphpoly.ops.normalize import normalized
from graphpoly.robustness import (
    BALLS,
    feature_bound,
    margins,
    operator_norm,
    pgd,
    random_perturbation,
    tanh_margin,
)
from graphpoly.testing import assert_close, graph_zoo

DOUBLE = torch.float64
NETWORKS = {
    "GCORN": lambda: GCORN(4, 6, 3, num_layers=2),
    "GCORN rw": lambda: GCORN(4, 3, 3, num_layers=3, normalization="rw"),
    "GCORN of A": lambda: GCORN(4, 3, 3, num_layers=1, normalize=False, add_self_loops=False),
    "GCN": lambda: GCN(4, 5, 3, 3),
    "SGC": lambda: SGConv(4, 3, K=2),
    "MLP": lambda: MLP(4, 8, 3, num_layers=3),
}


def made(name, scale=3.0):
    net = NETWORKS[name]().double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return net


def run(net, data):
    weight = () if isinstance(net, MLP) else (data.edge_weight,)
    return lambda x: net(x, data.edge_index, *weight).detach()


def graphs():
    names = ["erdos_renyi", "directed", "star", "duplicate_edges", "no_edges", "disconnected"]
    zoo = graph_zoo(weighted=True, num_features=4, dtype=DOUBLE)
    return {name: data for name, data in zoo.items() if name in names}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_random_pair_goes_beyond_the_bound(name):
    """A thousand pairs of GCORN, in copies of each graph that are passed through it at once."""
    net, held = made(name), graphs()
    copies = (1000 if name == "GCORN" else 120) // len(held) + 1
    for data in held.values():
        bound = feature_bound(net, data.x, data.edge_index, data.edge_weight)
        whole = Batch.from_data_list([data] * copies)
        ball, radius = zip(
            *((BALLS[i % 3], 10.0 ** (i % 5 - 3)) for i in range(copies)), strict=True
        )
        x = 2 * torch.randn(copies, *data.x.shape, dtype=DOUBLE)
        y = torch.stack(
            [
                random_perturbation(each, r, ball=b, place="sphere")
                for each, b, r in zip(x, ball, radius, strict=True)
            ]
        )
        before, after = (run(net, whole)(z.flatten(0, 1)).view(copies, -1, 3) for z in (x, y))
        moved, rounding = after - before, 1e-9 * (1 + before.abs().max())
        most = bound.lipschitz * (x - y).flatten(1).norm(dim=1)
        assert (moved.flatten(1).norm(dim=1) <= most + rounding).all()
        reach = torch.stack([bound.reach(r, ball=b) for b, r in zip(ball, radius, strict=True)])
        assert (moved.norm(dim=2) <= bound.inner * bound.outer * reach + rounding).all()


def test_power_iteration_on_a_linear_network_meets_the_bound():
    """x -> f'(f(x)) for f linear finds the pair that the bound is about."""
    data = graph_zoo(names=["erdos_renyi"], num_features=4, dtype=DOUBLE)["erdos_renyi"]
    net = SGConv(4, 3, K=2, bias=False).double()
    bound = feature_bound(net, data.x, data.edge_index)
    assert bound.operator == pytest.approx(1, abs=1e-12)
    x = torch.randn_like(data.x)
    for _ in range(80):
        x = (x / x.norm()).detach().requires_grad_()
        half = net(x, data.edge_index).square().sum() / 2
        (x,) = torch.autograd.grad(half, x)
    x = x / x.norm()
    found = net(x, data.edge_index).norm().item()
    assert 0.95 * bound.lipschitz < found <= bound.lipschitz + 1e-12
    assert found == pytest.approx(bound.lipschitz, rel=1e-6)


@pytest.mark.parametrize("ball", ["nodes", "entries"])
def test_the_bound_of_a_node_is_met_and_the_certificate_exact_on_a_linear_network(ball):
    """All rows move against the difference of the two weights: the margin falls by the bound."""
    data = graph_zoo(names=["grid"], num_features=4, dtype=DOUBLE)["grid"]
    net = SGConv(4, 2, K=2).double()
    with torch.no_grad():
        net.lin.weight[1].fill_(1.5)  # of equal signs, so that corners are as far as they count
        net.lin.weight[0].fill_(-0.5)
    bound = feature_bound(net, data.x, data.edge_index)
    logits = net(data.x, data.edge_index).detach()
    y = logits.argmax(1)
    margin, gap = margins(logits, y), net.lin.weight[1] - net.lin.weight[0]
    unit = gap.sign() if ball == "entries" else gap / gap.norm()
    for radius in (0.05, 0.1, 0.3):
        certified = bound.certified(logits, y, radius, ball=ball)
        for label in (0, 1):
            worst = data.x + radius * (unit if label == 0 else -unit).detach()
            left = margins(net(worst, data.edge_index).detach(), y)
            mine = y == label
            fall = bound.reach(radius, ball=ball) * gap.norm().item()
            assert_close(left[mine], (margin - fall)[mine])
            assert torch.equal(certified[mine], (left > 0)[mine])


@pytest.mark.parametrize("name", ["GCORN", "GCN", "MLP"])
@pytest.mark.parametrize("ball", BALLS)
def test_no_attack_turns_what_is_certified(name, ball):
    data = graph_zoo(names=["grid"], num_features=4, dtype=DOUBLE)["grid"]
    net = made(name, 1.0)
    f = lambda x: net(x, data.edge_index)  # noqa: E731
    bound, logits = feature_bound(net, data.x, data.edge_index), f(data.x).detach()
    y, held = logits.argmax(1), 0
    for radius in (2e-3, 3e-2):
        sure = bound.certified(logits, y, radius, ball=ball)
        attacked = pgd(lambda x: tanh_margin(f(x), y), data.x, radius, ball=ball, steps=6)
        assert torch.equal(f(attacked).argmax(1)[sure], y[sure])
        assert not bound.certified(logits, (y + 1) % 3, radius, ball=ball).any()
        held += int(sure.sum())
    assert held > 0


def test_the_norm_of_an_operator_is_approached_from_above():
    for data in graphs().values():
        for normalization in ("sym", "rw", None):
            adj = normalized(
                data.edge_index,
                data.edge_weight.abs(),
                data.num_nodes,
                normalization=normalization,
                dtype=DOUBLE,
            )
            exact = float(torch.linalg.matrix_norm(adj.to_dense(), 2))
            found = operator_norm(adj)
            assert exact - 1e-12 <= found <= 1.05 * exact + 1e-12
    assert operator_norm(to_csr(torch.empty(2, 0).long(), torch.empty(0).double(), 0)) == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("net", [SGConv(4, 3, K=2), GCN(4, 5, 2, 3)], ids=["SGC", "GCN"])
def test_of_several_loops_the_operator_of_pyg_has_one(net, weighted):
    edge_index = torch.tensor([[0, 1, 1, 2, 0, 0, 2, 2], [1, 0, 2, 1, 0, 0, 2, 2]])
    weight = torch.rand(8, dtype=DOUBLE) if weighted else None
    x = torch.randn(3, 4, dtype=DOUBLE)
    walks = feature_bound(net.double(), x, edge_index, weight).walks
    pairs, value = gcn_norm(edge_index, weight, 3, dtype=DOUBLE)
    dense = torch.zeros(3, 3, dtype=DOUBLE).index_put((pairs[1], pairs[0]), value, accumulate=True)
    assert_close(walks, (dense @ dense).sum(1))


def test_walks_are_those_of_the_operator():
    data = graph_zoo(names=["directed"], num_features=4, weighted=True, dtype=DOUBLE)["directed"]
    net = GCORN(4, 3, 2, num_layers=3, normalization="rw").double()
    bound = feature_bound(net, data.x, data.edge_index, data.edge_weight)
    p = net.convs[0].operator(data.x, data.edge_index, data.edge_weight).to_dense().detach().abs()
    power = torch.linalg.matrix_power(p, 3)
    assert_close(bound.walks, power.sum(1))
    assert (bound.spread >= power.norm(dim=1) - 1e-12).all()
    assert (bound.num_hops, bound.width) == (3, 4)
    assert bound.inner == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "net",
    [
        GIN(4, 5, 2, 3),
        GCN(4, 5, 2, 3, norm="batch_norm"),
        GCN(4, 5, 2, 3, jk="cat"),
        GCN(4, 5, 2, 3, flow="target_to_source"),
        GCN(4, 5, 2, 3, aggr="mul"),
        SGConv(4, 3, K=2, flow="target_to_source"),
        SGConv(4, 3, K=2, aggr="mul"),
    ],
)
def test_what_is_not_known_is_refused(net):
    data = graph_zoo(names=["path"], num_features=4)["path"]
    with pytest.raises(TypeError, match=r"model: got (GIN|GCN|SGConv)"):
        feature_bound(net, data.x, data.edge_index)
