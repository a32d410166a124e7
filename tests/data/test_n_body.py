import math

import pytest
import torch

from graphpoly.data import n_body, simulate_charges
from graphpoly.testing import assert_close


def system(pos, vel, charge):
    return (torch.tensor([each], dtype=torch.float64) for each in (pos, vel, charge))


def energy(pos, vel, charge):
    """Kinetic energy and that of each pair."""
    first, second = torch.triu_indices(pos.size(1), pos.size(1), 1)
    distance = (pos[:, first] - pos[:, second]).norm(dim=-1)
    pairs = charge[:, first] * charge[:, second] / distance
    return vel.square().sum((1, 2)) / 2 + pairs.sum(1)


def test_a_free_particle_goes_straight_on():
    pos, vel = torch.randn(2, 3, 1, 3, dtype=torch.float64)
    charge = torch.ones(3, 1, dtype=torch.float64)
    moved, left = simulate_charges(pos, vel, charge, 700)
    assert_close(moved, pos + 0.7 * vel)
    assert torch.equal(left, vel)


def test_opposite_charges_circle_one_another():
    """At distance r the speed of each is sqrt(1 / 2r), and a turn takes 2 pi r sqrt(r / 2)."""
    r = 1.3
    speed = math.sqrt(1 / (2 * r))
    pos, vel, charge = system(
        [[r / 2, 0, 0], [-r / 2, 0, 0]], [[0, speed, 0], [0, -speed, 0]], [1.0, -1.0]
    )
    turn = 2 * math.pi * r * math.sqrt(r / 2)
    for part in (0.25, 0.5, 1.0):
        steps = round(part * turn / 1e-4)
        moved, _ = simulate_charges(pos, vel, charge, steps, dt=part * turn / steps)
        angle = torch.tensor(2 * math.pi * part)
        expected = torch.stack([angle.cos(), angle.sin(), torch.tensor(0.0)]).double() * r / 2
        assert (moved[0] - torch.stack([expected, -expected])).abs().max() < 1e-3


def test_equal_charges_fly_apart_with_the_energy_of_their_distance():
    """From rest at distance a, (v / 2)^2 = 1 / a - 1 / r for the relative speed v."""
    pos, vel, charge = system([[0.5, 0, 0], [-0.5, 0, 0]], [[0.0] * 3] * 2, [1.0, 1.0])
    moved, left = simulate_charges(pos, vel, charge, 20_000, dt=1e-4)
    distance, speed = (float((each[0, 0] - each[0, 1]).norm()) for each in (moved, left))
    assert abs((speed / 2) ** 2 - (1 - 1 / distance)) < 1e-3
    assert distance > 2
    # and the time that this takes, by the same energy
    a = 1.0
    root = math.sqrt(distance * (distance - a))
    taken = (
        math.sqrt(a)
        / 2
        * (root + a * math.log((math.sqrt(distance) + math.sqrt(distance - a)) / math.sqrt(a)))
    )
    assert abs(taken - 2.0) < 1e-3


def test_energy_and_momentum_are_kept():
    generator = torch.manual_seed(0)
    # a lattice of charges of one sign: nothing comes near enough for the bound of the force
    pos = torch.randn(50, 5, 3, generator=generator, dtype=torch.float64)
    vel = torch.randn(50, 5, 3, generator=generator, dtype=torch.float64)
    charge = torch.ones(50, 5, dtype=torch.float64)
    moved, left = simulate_charges(pos, vel, charge, 2000)
    assert_close(left.sum(1), vel.sum(1))
    drift = energy(moved, left, charge) / energy(pos, vel, charge) - 1
    assert drift.abs().max() < 1e-2
    assert drift.abs().median() < 1e-3


def test_the_force_is_bounded_component_by_component():
    pos, vel, charge = system([[0.01, 0, 0], [-0.01, 0, 0]], [[0.0] * 3] * 2, [1.0, 1.0])
    _, left = simulate_charges(pos, vel, charge, 1)
    assert_close(left[0, :, 0], [0.1, -0.1])
    _, left = simulate_charges(pos, vel, charge, 1, max_force=1e9)
    assert_close(left[0, 0, 0], 1e-3 / 0.02**2)


def test_systems_do_not_see_one_another():
    generator = torch.manual_seed(0)
    pos, vel = torch.randn(2, 1003, 4, 2, generator=generator, dtype=torch.float64)
    charge = torch.randn(1003, 4, generator=generator, dtype=torch.float64)
    whole = simulate_charges(pos, vel, charge, 5)
    some = simulate_charges(pos[998:1002], vel[998:1002], charge[998:1002], 5)
    for one, other in zip(whole, some, strict=True):
        assert_close(one[998:1002], other)


def test_what_a_system_holds():
    systems = n_body(20, 4, first=1, last=2, seed=3)
    for data in systems:
        source, target = data.edge_index
        assert sorted(map(tuple, data.edge_index.T.tolist())) == [
            (i, j) for i in range(4) for j in range(4) if i != j
        ]
        assert_close(data.edge_attr[:, 0], (data.charge[source] * data.charge[target])[:, 0])
        assert_close(data.edge_attr[:, 1], (data.pos[source] - data.pos[target]).square().sum(1))
        assert_close(data.x[:, 0], data.vel.norm(dim=1))
        state = (each.double().unsqueeze(0) for each in (data.pos, data.vel, data.charge[:, 0]))
        later, _ = simulate_charges(*state, 100)
        # what is given is rounded to float32
        assert (later[0] - data.y).abs().max() < 1e-4 * data.y.abs().max()
    charges = torch.cat([data.charge for data in systems])
    assert set(charges.flatten().tolist()) == {1.0, -1.0}


def test_what_is_drawn_follows_the_seed():
    start = n_body(500, first=0, last=0)
    pos, speed = (torch.cat([data[key] for data in start]) for key in ("pos", "x"))
    assert_close(speed, torch.full_like(speed, 0.5))
    assert abs(float(pos.std()) - 1) < 0.05
    assert abs(float(pos.mean())) < 0.05
    assert torch.equal(
        n_body(2, first=0, last=0, seed=4)[1].pos, n_body(2, last=0, first=0, seed=4)[1].pos
    )
    assert not torch.equal(start[0].pos, n_body(1, first=0, last=0, seed=4)[0].pos)


def test_what_does_not_fit_is_refused_by_name():
    for words, run in {
        "num_systems: got 0": lambda: n_body(0),
        "num_particles: got 0": lambda: n_body(1, 0),
        "dim: got 0": lambda: n_body(1, dim=0),
        "first, last: got 3 and 2": lambda: n_body(1, first=3, last=2),
        "pos, vel, charge: got shapes": lambda: simulate_charges(*torch.zeros(3, 1, 2, 3), 1),
        "num_steps: got -1": lambda: simulate_charges(
            *torch.zeros(2, 1, 2, 3), torch.ones(1, 2), -1
        ),
    }.items():
        with pytest.raises(ValueError, match=words):
            run()
