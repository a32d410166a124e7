import math

import pytest
import torch

from graphpoly.layers.sheaf import MAPS, restriction_maps
from graphpoly.layers.sheaf.maps import ORTHOGONAL, check_maps, num_params
from graphpoly.testing import assert_close


def params(maps, size, count=7):
    return torch.randn(count, num_params(maps, size), dtype=torch.float64)


@pytest.mark.parametrize("maps", ORTHOGONAL)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_orthogonal_maps_are_orthogonal(maps, size):
    if maps == "euler" and size > 3:
        pytest.skip("Euler angles exist in two and three dimensions")
    made = restriction_maps(params(maps, size), maps, size)
    one = torch.eye(size, dtype=torch.float64)
    assert_close(made.mT @ made, one.expand_as(made))
    sign = (-1.0) ** (size - 1) if maps == "householder" else 1.0
    assert_close(torch.linalg.det(made), torch.full((7,), sign).double())


@pytest.mark.parametrize("maps", [*ORTHOGONAL, "diagonal", "general"])
@pytest.mark.parametrize("size", [2, 3])
def test_every_number_counts(maps, size):
    """No parameter is dead: the Jacobian at a random place has full rank."""
    (row,) = params(maps, size, 1)
    jacobian = torch.autograd.functional.jacobian(
        lambda p: restriction_maps(p.unsqueeze(0), maps, size).flatten(), row
    )
    assert torch.linalg.matrix_rank(jacobian) == num_params(maps, size)


def test_closed_forms_in_the_plane():
    angle = torch.tensor([[0.3]], dtype=torch.float64)
    cos, sin = math.cos(0.3), math.sin(0.3)
    turn = torch.tensor([[[cos, -sin], [sin, cos]]], dtype=torch.float64)
    assert_close(restriction_maps(angle, "exponential", 2), turn)
    assert_close(restriction_maps(angle / (2 * math.pi), "euler", 2), turn)
    assert_close(restriction_maps(2 * (angle / 2).tan(), "cayley", 2), turn)


def test_euler_angles_turn_about_z_then_y_then_x():
    turn = torch.rand(3, dtype=torch.float64)
    (found,) = restriction_maps(turn.view(1, 3), "euler", 3)
    generators = torch.zeros(3, 3, 3, dtype=torch.float64)
    for axis, (i, j) in enumerate(((0, 1), (2, 0), (1, 2))):  # about z, y, x
        generators[axis, i, j], generators[axis, j, i] = -1, 1
    z, y, x = (
        torch.linalg.matrix_exp(2 * math.pi * t * g) for t, g in zip(turn, generators, strict=True)
    )
    assert_close(found, z @ y @ x)


@pytest.mark.parametrize("maps", ORTHOGONAL)
def test_every_family_can_leave_its_start_in_all_directions(maps):
    """Training starts near zero: a family whose derivative there loses rank cannot turn."""
    size = 3
    count = num_params(maps, size)
    start = torch.full((1, count), 1e-3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda p: restriction_maps(p, maps, size).flatten(), start
    ).reshape(size * size, count)
    values = torch.linalg.svdvals(jacobian)
    assert int((values > 1e-2 * values[0]).sum()) == size * (size - 1) // 2


@pytest.mark.parametrize(
    ("maps", "size", "message"),
    [
        ("househodler", 2, "householder"),
        ("cayley", 1, "orthogonal maps need at least 2"),
        ("euler", 4, "Euler angles exist for 2 and 3"),
        ("diagonal", 0, "stalk_dim: got 0"),
    ],
)
def test_families_are_checked(maps, size, message):
    with pytest.raises(ValueError, match=message):
        check_maps(maps, size)


def test_the_families_are_the_documented_ones():
    assert set(MAPS) == {"identity", "diagonal", "general", *ORTHOGONAL}
