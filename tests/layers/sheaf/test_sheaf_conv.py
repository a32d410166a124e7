import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Batch, Data

from graphpoly.layers import SheafConv
from graphpoly.layers.sheaf import MAPS
from graphpoly.layers.sheaf.maps import ORTHOGONAL
from graphpoly.testing import assert_close, check_layer
from tests.compliance.forms import STAGES, stage
from tests.layers.sheaf.graphs import graph


@pytest.mark.parametrize("maps", MAPS)
def test_is_the_published_step(maps):
    x, edge_index = graph()
    torch.manual_seed(0)
    conv = SheafConv(6, 6, stalk_dim=3, maps=maps, linear=False).double()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    matrix = conv.laplacian(x, edge_index).to_dense()
    stalks = x.view(30, 2)
    mixed = torch.kron(torch.eye(10, dtype=torch.float64), conv.left) @ stalks @ conv.right.T
    kept = (1 + conv.epsilon.tanh()).repeat(10, 1) * stalks
    expected = (kept - F.elu(matrix @ mixed)).view(10, 6)
    assert_close(conv(x, edge_index), expected, kind="accumulated")


def test_maps_are_made_of_both_ends_in_their_order():
    x, edge_index = graph()
    conv = SheafConv(6, 6, stalk_dim=3, maps="diagonal", linear=False).double()
    target, source = conv.restrictions(x, edge_index)
    there, back = x[edge_index[1]], x[edge_index[0]]
    weight = conv.learner.weight.T
    assert_close(target, (torch.cat([there, back], 1) @ weight).tanh())
    assert_close(source, (torch.cat([back, there], 1) @ weight).tanh())
    conv = SheafConv(6, 6, stalk_dim=3, maps="diagonal", linear=False, sparse_learner=True)
    target, _ = conv.double().restrictions(x, edge_index)
    rows = x.view(10, 3, 2).sum(1)
    pair = torch.cat([rows[edge_index[1]], rows[edge_index[0]]], 1)
    assert_close(target, (pair @ conv.learner.weight.T).tanh())


@pytest.mark.parametrize("maps", ORTHOGONAL)
def test_maps_stay_orthogonal_and_every_family_learns(maps):
    x, edge_index = graph(degree=6)
    torch.manual_seed(0)
    conv = SheafConv(6, 6, stalk_dim=3, maps=maps, linear=False)
    x = x.float()
    goal = torch.randn(10, 6)
    optimizer = torch.optim.Adam(conv.parameters(), 0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = F.mse_loss(conv(x, edge_index), goal)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    target, source = conv.restrictions(x, edge_index)
    for made in (target, source):
        assert (made.mT @ made - torch.eye(3)).abs().max() < 1e-6
    carried = conv.laplacian(x, edge_index).transport
    assert (carried.mT @ carried - torch.eye(3)).abs().max() < 1e-6


@pytest.mark.parametrize("maps", ORTHOGONAL)
def test_reflections_reach_the_other_half_of_the_orthogonal_group(maps):
    x, edge_index = graph(degree=8)
    torch.manual_seed(1)
    plain = SheafConv(6, 6, stalk_dim=3, maps=maps, linear=False).double()
    conv = SheafConv(6, 6, stalk_dim=3, maps=maps, linear=False, reflections=True).double()
    found = torch.linalg.det(conv.laplacian(x, edge_index).transport).detach()
    assert_close(found.abs(), torch.ones_like(found))
    assert {round(float(value)) for value in found} == {-1, 1}
    rotations = torch.linalg.det(plain.laplacian(x, edge_index).transport)
    assert_close(rotations, torch.ones_like(rotations))
    conv(x, edge_index).square().sum().backward()
    assert (conv.learner.weight.grad != 0).all()


@pytest.mark.parametrize("maps", MAPS)
def test_gradients_in_float64(maps):
    x, edge_index = graph(5, 4, degree=3)
    conv = SheafConv(4, 4, stalk_dim=2, maps=maps, linear=False, edge_strength=True).double()
    x.requires_grad_()
    weight = torch.rand(edge_index.size(1), dtype=torch.float64).add(0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: conv(x, edge_index, w), (x, weight))
    for name, parameter in conv.named_parameters():

        def function(value, name=name):
            return torch.func.functional_call(conv, {name: value}, (x.detach(), edge_index))

        assert torch.autograd.gradcheck(function, (parameter.detach().requires_grad_(),))


def test_general_maps_have_gradients_at_equal_eigenvalues():
    """All features equal: D + I is c I at every node, where an eigendecomposition has none."""
    _, edge_index = graph(6, 4)
    x = torch.zeros(6, 4, dtype=torch.float64, requires_grad=True)
    conv = SheafConv(4, 4, stalk_dim=2, maps="general", linear=False).double()
    conv(x, edge_index).sum().backward()
    assert x.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in conv.parameters())
    x = (0.1 * torch.ones(6, 4, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: conv(x, edge_index), (x,))


@pytest.mark.parametrize("maps", MAPS)
def test_a_batch_is_its_graphs(maps):
    graphs = [Data(x=x, edge_index=e) for x, e in (graph(seed=1), graph(4, seed=2), graph(7))]
    graphs.append(Data(x=torch.randn(2, 6).double(), edge_index=torch.zeros(2, 0).long()))
    conv = SheafConv(6, 8, stalk_dim=3, maps=maps, add_lp=True).double()
    batch = Batch.from_data_list(graphs)
    alone = torch.cat([conv(data.x, data.edge_index) for data in graphs])
    assert_close(conv(batch.x, batch.edge_index), alone)


@pytest.mark.parametrize(
    "options",
    [
        {"maps": "diagonal"},
        {"maps": "general", "add_lp": True},
        {"maps": "cayley", "edge_strength": True},
        {"maps": "identity", "add_hp": True},
        {"maps": "euler", "sparse_learner": True},
    ],
    ids=lambda options: options["maps"],
)
@pytest.mark.parametrize("compiled", STAGES)
def test_other_families_keep_the_promises_too(options, compiled):
    size = 3 if len(options) > 1 and ("add_lp" in options or "add_hp" in options) else 2
    only = ["gradcheck", "degenerate_graphs", "used_parameters", "batch", "compile", "repr"]
    only = stage(compiled, only)
    check_layer(lambda: SheafConv(8, 2 * size, stalk_dim=2, **options), only=only)


def test_duplicates_add_up_and_loops_say_nothing():
    x, edge_index = graph()
    conv = SheafConv(6, 6, stalk_dim=3, maps="general").double()
    double = torch.cat([edge_index, edge_index], 1)
    twice = torch.full((edge_index.size(1),), 2.0, dtype=torch.float64)
    assert_close(conv(x, double), conv(x, edge_index, twice))
    looped = torch.cat([edge_index, torch.tensor([[0, 9], [0, 9]])], 1)
    assert_close(conv(x, looped), conv(x, edge_index))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((8, 5), {}, "out_channels: got 5, expected a multiple of 2"),
        ((8, 4), {"linear": False}, "in_channels: got 8, expected 4"),
        ((8, 4), {"maps": "diagonal", "reflections": True}, "reflections: got maps='diagonal'"),
        ((8, 4), {"maps": "orthogonal"}, "maps"),
        ((8, 4), {"normalization": "rw"}, "normalization"),
    ],
)
def test_arguments_are_checked(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        SheafConv(*arguments, stalk_dim=2, **options)
