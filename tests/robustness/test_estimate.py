import pytest
import torch
from torch_geometric.nn import SGConv

from graphpoly.models import GCORN
from graphpoly.robustness import (
    BALLS,
    PLACES,
    expected_bound,
    expected_length,
    expected_robustness,
    feature_bound,
    random_perturbation,
)
from graphpoly.testing import assert_close, graph_zoo

DOUBLE = torch.float64


def linear(width=3):
    data = graph_zoo(names=["grid"], num_features=width, dtype=DOUBLE)["grid"]
    net = SGConv(width, 2, K=2).double()
    power = torch.linalg.matrix_power(
        GCORN(width, 2, 2).double().convs[0].operator(data.x, data.edge_index).to_dense(), 2
    ).detach()
    return data, net, power


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ball", BALLS)
def test_the_mean_square_on_a_linear_network_is_its_closed_form(ball, place):
    r"""E |Delta f_u|^2 = s^2 |W|_F^2 sum_v (P^2)_uv^2, with s^2 the variance of an entry."""
    data, net, power = linear()
    width, total, radius = 3, data.x.numel(), 0.7
    inside = place == "ball"
    variance = {
        "nodes": 1 / (width + 2 * inside),
        "entries": 1 / 3 if inside else 1.0,
        "whole": 1 / (total + 2 * inside),
    }[ball] * radius**2
    expected = variance * net.lin.weight.square().sum() * power.square().sum(1)
    weight, shift = net.lin.weight.detach(), net.lin.bias.detach()
    assert_close(net(data.x, data.edge_index), power @ data.x @ weight.T + shift)
    found = expected_robustness(
        lambda x: power @ x @ weight.T,
        data.x,
        radius,
        sigma=1.0,
        ball=ball,
        place=place,
        samples=1500,
        generator=torch.Generator().manual_seed(0),
    )
    error = (found.squared / expected - 1).abs()
    assert error.mean() < 0.05
    assert error.max() < 0.15


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ball", BALLS)
def test_probabilities_and_means_stay_below_their_bounds(ball, place):
    data = graph_zoo(names=["erdos_renyi"], num_features=4, dtype=DOUBLE)["erdos_renyi"]
    net = GCORN(4, 6, 3).double().eval()
    bound = feature_bound(net, data.x, data.edge_index)
    mean = expected_bound(bound, 0.5, ball=ball, place=place)
    generator = torch.Generator().manual_seed(0)
    for share in (0.1, 0.4, 1.0, 20.0):
        found = expected_robustness(
            lambda x: net(x, data.edge_index),
            data.x,
            0.5,
            sigma=share * float(mean.mean()),
            ball=ball,
            place=place,
            samples=20,
            bound=bound,
            generator=generator,
        )
        assert (found.exceeded <= found.bound).all()
        assert (found.distance <= mean).all()
        assert 0 <= found.vulnerability <= 1
    assert not found.bound.any()  # farther than any point of the ball can move it


def test_the_bound_of_the_mean_is_met_where_all_nodes_move_alike():
    """One node with a loop, one output, one feature: the mean is that of |delta|."""
    net = SGConv(1, 1, K=1, bias=False).double()
    x, none = torch.zeros(1, 1, dtype=DOUBLE), torch.empty(2, 0, dtype=torch.long)
    bound = feature_bound(net, x, none)
    found = expected_robustness(
        lambda z: z @ net.lin.weight.T,
        x,
        2.0,
        sigma=1.0,
        samples=1000,
        bound=bound,
        generator=torch.Generator().manual_seed(0),
    )
    assert float(found.distance) == pytest.approx(float(expected_bound(bound, 2.0)), rel=0.06)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ball", BALLS)
def test_mean_lengths(ball, place):
    generator, x = torch.Generator().manual_seed(0), torch.zeros(6, 4, dtype=DOUBLE)
    rows = [
        random_perturbation(x, 1.5, ball=ball, place=place, generator=generator).norm(dim=1).mean()
        for _ in range(400)
    ]
    mean, stated = (
        float(torch.stack(rows).mean()),
        expected_length(6, 4, 1.5, ball=ball, place=place),
    )
    if ball == "nodes" or (ball, place) == ("entries", "sphere"):
        assert mean == pytest.approx(stated, rel=0.03)
    else:  # the root of a mean square
        assert 0.9 * stated < mean < stated


def test_bad_arguments_are_named():
    x = torch.zeros(2, 2)
    with pytest.raises(ValueError, match="samples: got 0"):
        expected_robustness(lambda z: z, x, 1.0, sigma=1.0, samples=0)
    with pytest.raises(ValueError, match="sigma: got 0"):
        expected_robustness(lambda z: z, x, 1.0, sigma=0)
    with pytest.raises(ValueError, match="unknown ball"):
        expected_length(2, 2, 1.0, ball="cube")
    with pytest.raises(ValueError, match="unknown place"):
        expected_length(2, 2, 1.0, place="cube")
