from __future__ import annotations

import math

import pytest
import torch

from graphpoly.data import POINT_SHAPES, geometric_graph
from graphpoly.testing import assert_close


def distances(points: torch.Tensor) -> torch.Tensor:
    return (points[:, None] - points).square().sum(-1).sqrt().fill_diagonal_(torch.inf)


@pytest.mark.parametrize("shape", POINT_SHAPES)
def test_edges_by_all_distances(shape: str) -> None:
    data = geometric_graph(shape, 60, neighbors=5, seed=2, dtype=torch.float64)
    far = distances(data.pos)
    expected = torch.zeros(60, 60, dtype=torch.bool).scatter(1, far.topk(5, largest=False)[1], True)
    assert torch.equal(data.edge_index, expected.nonzero().T)
    data = geometric_graph(shape, 60, radius=0.5, seed=2, dtype=torch.float64)
    assert torch.equal(data.edge_index, (far <= 0.5).nonzero().T)


def test_uniform_shapes_have_the_moments_of_their_volume() -> None:
    for dim in (1, 3):
        cube = geometric_graph("cube", 20000, dim=dim, neighbors=1).pos
        assert cube.min() >= 0
        assert cube.max() <= 1
        assert_near(cube.mean(0), 0.5 * torch.ones(dim))
        assert_near(cube.var(0), torch.ones(dim) / 12)
        ball = geometric_graph("ball", 20000, dim=dim, neighbors=1).pos
        radius = ball.norm(dim=1)
        assert radius.max() <= 1
        assert_near(radius.mean(), torch.tensor(dim / (dim + 1)))
        assert_near(ball.mean(0), torch.zeros(dim))
        assert_near(ball.var(0), torch.ones(dim) / (dim + 2))


def test_moons_and_the_letter_s() -> None:
    moons = geometric_graph("moons", 20000, neighbors=1)
    assert moons.y.bincount().tolist() == [10000, 10000]
    upper, lower = moons.pos[moons.y == 0], moons.pos[moons.y == 1]
    assert_near(upper.mean(0), torch.tensor([0.0, 1.8 / math.pi]))
    assert_near(lower.mean(0), torch.tensor([0.9, -1.8 / math.pi]))
    # a circle with noise on both axes: r^2 + 2 sigma^2
    for points, centre in ((upper, [0.0, 0.0]), (lower, [0.9, 0.0])):
        square = (points - torch.tensor(centre)).square().sum(1).mean()
        assert_near(square, torch.tensor(0.81 + 2 * 0.0225))
    letter = geometric_graph("s", 20000, neighbors=1)
    upper, lower = letter.pos[letter.y == 0], -letter.pos[letter.y == 1]
    for arc in (upper, lower):
        out = arc - torch.tensor([0.0, 1.0])
        radius = out.norm(dim=1)
        assert radius.min() >= 0.8 - 1e-6
        assert radius.max() <= 1.2 + 1e-6
        # uniform: the mean of r^2 over an annulus, and no point in the quarter that is left open
        assert_near(radius.square().mean(), torch.tensor((0.8**2 + 1.2**2) / 2))
        assert not ((out[:, 0] > 1e-6) & (out[:, 1] < -1e-6)).any()
        assert_near(out.mean(0), torch.tensor([-1.0, 1.0]) * letter_mean())


def letter_mean() -> float:
    """Of -x and y over three quarters of the annulus."""
    mean_radius = 2 / 3 * (1.2**3 - 0.8**3) / (1.2**2 - 0.8**2)
    return mean_radius / (1.5 * math.pi)


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Of at least 10 000 draws with a spread below 0.75: four standard errors."""
    assert (found - expected).abs().max() < 0.03


def test_defaults_seeds_and_types() -> None:
    before = torch.get_rng_state()
    one, two, other = (geometric_graph(num_nodes=200, seed=s) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.edge_index, two.edge_index)
    assert torch.equal(one.pos, two.pos)
    assert not torch.equal(one.pos, other.pos)
    assert one.num_edges == 200 * int(math.sqrt(200) * math.log2(200) / 10)
    wide = geometric_graph(num_nodes=200, seed=1, dtype=torch.float64)
    assert torch.equal(wide.edge_index, one.edge_index)
    assert_close(wide.pos, one.pos)
    for neighbors in (None, 0):
        assert geometric_graph("ball", 1, neighbors=neighbors).edge_index.shape == (2, 0)
    assert geometric_graph("cube", 2).edge_index.tolist() == [[0, 1], [1, 0]]
    assert geometric_graph("cube", 9, radius=1e-9).edge_index.shape == (2, 0)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown shape 'moon'; did you mean 'moons'"):
        geometric_graph("moon")
    for name, value in (("num_nodes", 0), ("dim", 0), ("neighbors", 1000), ("neighbors", -1)):
        with pytest.raises(ValueError, match=f"{name}: got {value}"):
            geometric_graph("cube", **{name: value})
    with pytest.raises(ValueError, match="dim: got 3, expected 2 for 's'"):
        geometric_graph("s", dim=3)
    with pytest.raises(ValueError, match=r"neighbors, radius: got 3 and 0\.5"):
        geometric_graph(neighbors=3, radius=0.5)
    for radius in (0.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=f"radius: got {radius}"):
            geometric_graph(radius=radius)
