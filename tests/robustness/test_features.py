import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.robustness import BALLS, PLACES, pgd, project, random_perturbation
from graphpoly.testing import assert_close

DOUBLE = torch.float64
SHAPES = [(1, 1), (4, 3), (3, 1), (7, 5), (0, 3), (2, 0)]


def size(delta, ball):
    """The number that a ball bounds."""
    if ball == "entries":
        return delta.abs().flatten()
    return delta.norm(dim=1) if ball == "nodes" else delta.norm().view(1)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(BALLS),
    st.sampled_from(SHAPES),
    st.sampled_from([0.0, 1e-3, 1.0, 250.0]),
    st.sampled_from([torch.float32, DOUBLE]),
    st.integers(0, 2**31),
)
def test_nothing_leaves_its_ball(ball, shape, radius, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=dtype)
    most = radius * (1 + 4 * torch.finfo(dtype).eps)
    far = 10 * torch.randn(shape, generator=generator, dtype=dtype)
    assert (size(project(far, radius, ball=ball), ball) <= most).all()
    rounding = 4 * torch.finfo(dtype).eps * (x.abs().max() + radius if x.numel() else 1)
    for place in PLACES:
        moved = random_perturbation(x, radius, ball=ball, place=place, generator=generator)
        assert (moved.dtype, moved.shape) == (dtype, shape)
        far = size(moved - x, ball)
        assert (far <= most + rounding * math.sqrt(max(1, x.numel()))).all()
        if place == "sphere" and x.numel():
            assert_close(far, torch.full_like(far, radius), kind="accumulated")
    attacked = pgd(lambda z: (z**3).sum(), x, radius, ball=ball, steps=3, generator=generator)
    far = size(attacked - x, ball)
    assert (far <= most + rounding * math.sqrt(max(1, x.numel()))).all()


def test_projection_gives_the_nearest_point():
    """Of a ball around 0 the nearest point p to q has <q - p, z - p> <= 0 for all z in the ball."""
    for ball in BALLS:
        far = 3 * torch.randn(5, 4, dtype=DOUBLE)
        near = project(far, 1.0, ball=ball)
        for _ in range(50):
            other = random_perturbation(torch.zeros_like(far), 1.0, ball=ball, place="sphere")
            assert ((far - near) * (other - near)).sum() <= 1e-12
        inside = 1e-3 * far
        assert torch.equal(project(inside, 1.0, ball=ball), inside)


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("start", [None, 0])
def test_pgd_on_a_linear_loss_is_its_closed_form(steps, start):
    x, slope = torch.randn(2, 6, 4, dtype=DOUBLE)
    slope[2] = 0  # a node that does not matter stays
    expected = {
        "nodes": slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-300),
        "entries": slope.sign(),
        "whole": slope / slope.norm(),
    }
    for ball, direction in expected.items():
        generator = None if start is None else torch.Generator().manual_seed(start)
        options = {"steps": steps, "generator": generator}
        if start is not None:
            options["step_size"] = 1e3  # so that the first step forgets where it began
        found = pgd(lambda z: (z * slope).sum(), x, 0.3, ball=ball, **options)
        assert ((found - x) * slope).sum().item() == pytest.approx(
            0.3 * (direction * slope).sum().item(), rel=1e-5
        )
        if start is None:
            assert_close(found, x + 0.3 * direction)


def test_pgd_keeps_the_best_point_of_its_way():
    x = torch.zeros(1, 1, dtype=DOUBLE)
    seen = []

    def loss(z):
        seen.append(z.item())
        return -((z - 0.1) ** 2).sum()

    found = pgd(loss, x, 1.0, steps=4, step_size=0.25)
    assert abs(float(found) - 0.1) == min(abs(each - 0.1) for each in seen)
    with torch.no_grad():
        assert torch.equal(pgd(lambda z: z.sum(), x, 1.0), torch.ones_like(x))


def test_perturbations_are_uniform():
    """Mean length and second moments of a ball in d dimensions."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.zeros(20_000, 3, dtype=DOUBLE)
    for place, length, square in (("ball", 3 / 4, 1 / 5), ("sphere", 1, 1 / 3)):
        moved = random_perturbation(rows, 2.0, place=place, generator=generator)
        assert moved.norm(dim=1).mean().item() == pytest.approx(2 * length, rel=5e-3)
        second = moved.T @ moved / rows.size(0)
        assert_close((second - 4 * square * torch.eye(3)).abs() < 0.04, torch.ones(3, 3).bool())
    cube = random_perturbation(rows, 2.0, ball="entries", generator=generator)
    assert cube.square().mean().item() == pytest.approx(4 / 3, rel=1e-2)
    corners = random_perturbation(rows, 2.0, ball="entries", place="sphere", generator=generator)
    assert (corners.abs() == 2).all()
    small = torch.zeros(2, 2, dtype=DOUBLE)
    whole = [
        random_perturbation(small, 1.0, ball="whole", generator=generator).norm().item()
        for _ in range(800)
    ]
    assert sum(whole) / 800 == pytest.approx(4 / 5, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ball": "node"}, "unknown ball 'node'; did you mean 'nodes'"),
        ({"radius": -1.0}, "radius: got -1.0"),
        ({"radius": math.nan}, "radius: got nan"),
        ({"steps": 0}, "steps: got 0"),
        ({"step_size": 0.0}, "step_size: got 0.0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pgd(lambda z: z.sum(), torch.zeros(2, 2), **{"radius": 1.0, **arguments})
    with pytest.raises(ValueError, match="unknown place 'inside'"):
        random_perturbation(torch.zeros(2, 2), 1.0, place="inside")
