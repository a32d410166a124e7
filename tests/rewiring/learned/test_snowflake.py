import pytest
import torch
from torch_geometric.nn import GATConv, GCNConv

from graphpoly.rewiring import NeuralSnowflake
from graphpoly.rewiring.learned import SnowflakeMetric
from graphpoly.testing import assert_close


def metric(seed):
    torch.manual_seed(seed)
    made = SnowflakeMetric((5, 3)).double()
    with torch.no_grad():
        for parameter in made.parameters():  # whatever the weights
            parameter.add_(torch.randn_like(parameter))
    return made


def test_it_is_a_metric_up_to_its_relaxation():
    for seed in range(20):
        made = metric(seed)
        points = torch.randn(12, 3, dtype=torch.float64)
        d = made(torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")).detach()
        assert_close(d, d.T)
        assert (d.diagonal() == 0).all()
        assert (d + torch.eye(12) > 0).all()
        through = (d[:, :, None] + d[None]).amin(1)  # min over y of d(x, y) + d(y, z)
        assert (d <= made.relaxation * through * (1 + 1e-9)).all()


def test_it_grows():
    for seed in range(5):
        value = metric(seed)(torch.linspace(0, 20, 400).double())
        assert (value.diff() > 0).all()


def test_gradients_are_finite_where_points_are_equal():
    made = metric(0)
    distance = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(made(distance).sum(), distance)
    assert grad.isfinite().all()
    inner = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(made, inner)


def test_the_metric_fits_a_power_of_the_distance():
    """sqrt is a snowflake: no quadratic or linear function of the distance fits as well."""
    torch.manual_seed(0)
    made = SnowflakeMetric((8, 8))
    distance = torch.rand(256) * 4
    target = distance.sqrt()
    linear = (
        ((distance * target).sum() / distance.square().sum() * distance - target).square().mean()
    )
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (made(distance) - target).square().mean()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.02 * float(linear)


def test_neighbours_are_the_nearest_of_the_same_graph():
    model = NeuralSnowflake(GCNConv(4, 2), 4, k=3).eval()
    x, batch = torch.randn(11, 4), torch.tensor([0] * 6 + [1] * 3 + [2] * 2)
    pairs, weight = model.graph(x, batch)
    assert torch.equal(batch[pairs[0]], batch[pairs[1]])
    assert torch.bincount(pairs[1]).tolist() == [3] * 6 + [2] * 3 + [1] * 2
    points = model.encoder(x)
    distance = model.metric((points[:, None] - points[None]).norm(dim=-1))
    assert_close(weight, torch.exp(-distance[pairs[0], pairs[1]]), kind="accumulated")
    for v in range(6):
        row = distance[v, :6].clone()
        row[v] = torch.inf
        assert set(row.topk(3, largest=False).indices.tolist()) == set(
            pairs[0, pairs[1] == v].tolist()
        )


def test_draws_in_training_favour_the_near():
    torch.manual_seed(0)
    model = NeuralSnowflake(GCNConv(2, 2), 2, k=1)
    x = torch.randn(5, 2)
    count = torch.zeros(5, 5)
    for _ in range(2000):
        pairs, _ = model.graph(x)
        count[pairs[1], pairs[0]] += 1
    points = model.encoder(x)
    distance = model.metric((points[:, None] - points[None]).norm(dim=-1)).detach()
    share = torch.softmax(torch.where(torch.eye(5).bool(), -torch.inf, -distance), 1)
    assert (count / 2000 - share).abs().max() < 0.05


def test_gradients_reach_encoder_and_metric():
    model = NeuralSnowflake(GCNConv(4, 2), 4, k=2)
    model(torch.randn(6, 4)).square().sum().backward()
    for part in (model.encoder, model.metric):
        assert sum(float(p.grad.abs().sum()) for p in part.parameters() if p.grad is not None) > 0
    assert model.log_temperature.grad.abs() > 0


def test_refusals():
    with pytest.raises(TypeError, match=r"GATConv\.forward takes no edge_weight"):
        NeuralSnowflake(GATConv(3, 2), 3)
    with pytest.raises(ValueError, match="k: got 0"):
        NeuralSnowflake(GCNConv(3, 2), 3, k=0)
    with pytest.raises(ValueError, match="hidden: got"):
        SnowflakeMetric(())
