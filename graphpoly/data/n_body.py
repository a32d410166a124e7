"""Charged particles in free space, and where they will be."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu

__all__ = ["draw_charges", "n_body", "simulate_charges"]

_DT = 1e-3
_MAX_FORCE = 100.0  # 0.1 / ΔT
_FRAME = 100  # steps
_SPEED = 0.5
_SAVED = 49  # frames that the published program adds noise to, of strength zero, but drawn
_TOGETHER = 1000  # systems that are simulated at once, so that what a step reads stays in the cache


def simulate_charges(
    pos: Tensor,
    vel: Tensor,
    charge: Tensor,
    num_steps: int,
    *,
    dt: float = _DT,
    max_force: float = _MAX_FORCE,
) -> tuple[Tensor, Tensor]:
    r"""Move particles of mass one by the forces between their charges.

    .. math::
        F_i = \sum_{j \ne i} q_i q_j \frac{x_i - x_j}{\|x_i - x_j\|^3}, \qquad
        v \leftarrow v + \Delta t\, F(x), \qquad x \leftarrow x + \Delta t\, v

    Args:
        pos: ``[S, P, D]``, S systems of P particles.
        vel: ``[S, P, D]``.
        charge: ``[S, P]``.
        num_steps: Number of steps.
        dt: Length of a step.
        max_force: Bound of each component of the force on a particle, as published; where it is
            reached, the motion depends on the axes.

    Returns:
        Positions and velocities after the last step.

    Raises:
        ValueError: If shapes do not fit, or ``num_steps`` is negative.

    Complexity: O(T S P^2 D) time.

    >>> import torch
    >>> still = torch.zeros(1, 1, 3)
    >>> moved, _ = simulate_charges(still, still + 1, torch.ones(1, 1), 1000)
    >>> [round(x, 3) for x in moved.flatten().tolist()]
    [1.0, 1.0, 1.0]
    """
    if pos.dim() != 3 or vel.shape != pos.shape or charge.shape != pos.shape[:2]:
        raise ValueError(
            f"pos, vel, charge: got shapes {list(pos.shape)}, {list(vel.shape)} and "
            f"{list(charge.shape)}, expected [S, P, D] twice and [S, P]"
        )
    if num_steps < 0:
        raise ValueError(f"num_steps: got {num_steps}, expected at least 0")
    first, second = torch.triu_indices(pos.size(1), pos.size(1), 1, device=pos.device)
    parts = []
    for x, v, q in zip(*(each.split(_TOGETHER) for each in (pos, vel, charge)), strict=True):
        # systems last: the sums over pairs and axes then run along rows that lie together
        x, v, q = x.permute(2, 1, 0).contiguous(), v.permute(2, 1, 0).contiguous(), q.T
        product = q[first] * q[second]
        for _ in range(num_steps):
            difference = x[:, first] - x[:, second]
            square = difference.square().sum(0)
            pull = difference * (product / (square * square.sqrt()))
            force = torch.zeros_like(x).index_add_(1, first, pull)
            force.index_add_(1, second, pull, alpha=-1).clamp_(-max_force, max_force)
            v = v + dt * force
            x = x + dt * v
        parts.append((x.permute(2, 1, 0), v.permute(2, 1, 0)))
    return torch.cat([x for x, _ in parts]), torch.cat([v for _, v in parts])


def draw_charges(
    num_systems: int, num_particles: int = 5, *, dim: int = 3, seed: int = 43, skip: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw charged particles where they start, as the published program does.

    Charges are 1 or -1. Positions are normal with the standard deviation (P / 5)^(1/3), which keeps
    the density; velocities have length 0.5 and any direction. With NumPy's ``RandomState`` and
    the same seed they are those of the published program, whose training systems are the first
    10,000 of seed 43, and the next 2,000 and 2,000 validate and test.

    Args:
        num_systems: Number of systems S.
        num_particles: Particles P of each.
        dim: Number of dimensions D.
        seed: Of all that is drawn.
        skip: Systems that are drawn before and left out.

    Returns:
        Positions and velocities ``[S, P, D]`` and charges ``[S, P]``, in float64.

    Raises:
        ValueError: If a number is too small.

    >>> pos, vel, charge = draw_charges(2)
    >>> pos.shape, charge.shape
    (torch.Size([2, 5, 3]), torch.Size([2, 5]))
    """
    for name, value in (("num_systems", num_systems), ("num_particles", num_particles)):
        if value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    if dim < 1:
        raise ValueError(f"dim: got {dim}, expected at least 1")
    if skip < 0:
        raise ValueError(f"skip: got {skip}, expected at least 0")
    random = np.random.RandomState(seed)
    each = dim * num_particles
    charge = np.empty((num_systems, num_particles))
    start = np.empty((num_systems, 2, dim, num_particles))
    for system in range(-skip, num_systems):
        uniform = random.random_sample(num_particles)
        normal = random.standard_normal(2 * each * (1 + _SAVED))
        if system >= 0:
            charge[system] = np.where(uniform < 0.5, -1.0, 1.0)
            start[system] = normal[: 2 * each].reshape(2, dim, num_particles)
    pos, vel = torch.from_numpy(start).transpose(2, 3).unbind(1)
    vel = _SPEED * vel / vel.norm(dim=-1, keepdim=True)
    return pos * (num_particles / 5) ** (1 / 3), vel, torch.from_numpy(charge)


@on_cpu()
def n_body(
    num_systems: int,
    num_particles: int = 5,
    *,
    first: int = 30,
    last: int = 40,
    dim: int = 3,
    seed: int = 43,
    skip: int = 0,
) -> list[Data]:
    """Return systems of charged particles at one time, and their positions at a later one.

    They start as :func:`draw_charges` says. Frame f is what 100 (f + 1) steps of
    :func:`simulate_charges` in float64 lead to, which is how the published program counts.

    Args:
        num_systems: Number of systems.
        num_particles: Particles of each.
        first: Frame that is given.
        last: Frame that is asked for.
        dim: Number of dimensions.
        seed: Of all that is drawn.
        skip: Systems that are drawn before and left out.

    Returns:
        Complete graphs in float32 with the speed as feature ``x`` [P, 1], ``pos``, ``vel`` and
        ``y`` [P, D], ``charge`` [P, 1], and ``edge_attr`` [E, 2], the product of the charges and
        the squared distance.

    Raises:
        ValueError: If a number is too small, or ``last`` is before ``first``.

    References:
        Satorras, Hoogeboom, Welling, E(n) Equivariant Graph Neural Networks, ICML 2021,
        arXiv:2102.09844; the simulation after Kipf et al., Neural Relational Inference, ICML 2018.

    >>> (system,) = n_body(1, first=0, last=1)
    >>> system.num_nodes, system.num_edges, system.y.shape
    (5, 20, torch.Size([5, 3]))
    """
    if not 0 <= first <= last:
        raise ValueError(f"first, last: got {first} and {last}, expected 0 <= first <= last")
    drawn = draw_charges(num_systems, num_particles, dim=dim, seed=seed, skip=skip)
    charge = drawn[2]
    pos, vel = simulate_charges(*drawn, (first + 1) * _FRAME)
    later, _ = simulate_charges(pos, vel, charge, (last - first) * _FRAME)
    pairs = ~torch.eye(num_particles, dtype=torch.bool)
    edge_index = pairs.nonzero().T.contiguous()
    source, target = edge_index
    square = (pos[:, source] - pos[:, target]).square().sum(-1)
    attr = torch.stack([charge[:, source] * charge[:, target], square], dim=-1)
    speed = vel.norm(dim=-1, keepdim=True)
    return [
        Data(
            x=speed[s].float(),
            edge_index=edge_index,
            edge_attr=attr[s].float(),
            y=later[s].float(),
            pos=pos[s].float(),
            vel=vel[s].float(),
            charge=charge[s].float().unsqueeze(-1),
        )
        for s in range(num_systems)
    ]
