from __future__ import annotations

import math

import pytest
import torch

from graphpoly.features import procrustes, procrustes_distance
from graphpoly.testing import assert_close


def points(size: int, dim: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, dim, generator=generator, dtype=torch.float64)


def rotation(dim: int, seed: int = 0) -> torch.Tensor:
    return torch.linalg.qr(points(dim, dim, seed))[0]


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_rigid_motions_and_mirrors_cost_nothing(dim: int) -> None:
    z, shift = points(30, dim), points(1, dim, 1)
    mirror = torch.ones(dim, dtype=torch.float64)
    mirror[0] = -1
    for turn in (rotation(dim), rotation(dim) * mirror):
        moved = z @ turn + shift
        motion = procrustes(moved, z)
        assert float(procrustes_distance(moved, z)) < 1e-28
        assert_close(motion(moved), z)
        assert_close(motion.rotation, turn.T)
        assert float(motion.scale) == 1
        wide = procrustes(5 * moved, z, scale=True)
        assert float(wide.scale) == pytest.approx(0.2, rel=1e-12)
        assert_close(wide(5 * moved), z)


@pytest.mark.parametrize("scale", [False, True])
def test_no_angle_does_better(scale: bool) -> None:
    found, true = points(20, 2), points(20, 2, 1)
    centred, goal = found - found.mean(0), true - true.mean(0)
    angle = torch.linspace(0, 2 * math.pi, 20001, dtype=torch.float64)
    turns = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
    turns = torch.cat([turns, turns * torch.tensor([1.0, -1.0])])
    moved = centred @ turns
    if scale:
        unit = (moved * goal).sum((1, 2)) / centred.square().sum()
        moved = unit.clamp(min=0)[:, None, None] * moved
    left = (moved - goal).square().sum(2).mean(1)
    assert float(procrustes_distance(found, true, scale=scale)) == pytest.approx(
        float(left.min()), rel=1e-6
    )


def test_invariance_symmetry_and_the_line_in_closed_form() -> None:
    found, true = points(25, 3), points(25, 3, 1)
    distance = procrustes_distance(found, true)
    assert_close(procrustes_distance(true, found), distance)
    moved = true @ rotation(3, 4) - 3
    assert_close(procrustes_distance(found, moved), distance)
    a, b = points(9, 1), points(9, 1, 1)
    var = (a.var(correction=0), b.var(correction=0))
    product = ((a - a.mean()) * (b - b.mean())).mean()
    assert_close(procrustes_distance(a, b), sum(var) - 2 * product.abs())
    assert_close(procrustes_distance(a, b, scale=True), var[1] - product.square() / var[0])


@pytest.mark.parametrize("scale", [False, True])
def test_gradient_is_that_of_the_minimum(scale: bool) -> None:
    found = points(6, 3).requires_grad_()
    true = points(6, 3, 1).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: procrustes_distance(a, b, scale=scale), (found, true)
    )


def test_equal_singular_values_and_single_points() -> None:
    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]]).requires_grad_()
    loss = procrustes_distance(square, 2 * square.detach())
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2)  # each corner is sqrt(2) short
    assert_close(square.grad, -square.detach() / 2)
    same = torch.ones(3, 2)
    for scale in (False, True):
        assert float(procrustes_distance(same, torch.zeros(3, 2), scale=scale)) == 0
        other = points(3, 2).float()
        spread = other.var(0, correction=0).sum()
        assert_close(procrustes_distance(same, other, scale=scale), spread)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"found, true: got shapes \[2, 1\] and \[3, 1\]"):
        procrustes(torch.zeros(2, 1), torch.zeros(3, 1))
    with pytest.raises(ValueError, match="with N at least 1"):
        procrustes(torch.zeros(0, 2), torch.zeros(0, 2))
    with pytest.raises(TypeError, match=r"true: got dtype torch.int64"):
        procrustes(torch.zeros(2, 1), torch.zeros(2, 1, dtype=torch.int64))
