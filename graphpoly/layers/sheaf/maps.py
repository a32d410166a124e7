"""Families of restriction maps: how many numbers each takes, and what it makes of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops import householder

__all__ = ["MAPS", "ORTHOGONAL", "check_maps", "num_params", "restriction_maps"]

ORTHOGONAL = ("householder", "cayley", "exponential", "euler")
MAPS = ("identity", "diagonal", *ORTHOGONAL, "general")


def check_maps(maps: str, stalk_dim: int) -> None:
    """Raise a ValueError unless the family exists in this dimension."""
    if maps not in MAPS:
        raise unknown("maps", maps, MAPS)
    if stalk_dim < 1:
        raise ValueError(f"stalk_dim: got {stalk_dim}, expected at least 1")
    if maps in ORTHOGONAL and stalk_dim < 2:
        raise ValueError(f"stalk_dim: got {stalk_dim}, orthogonal maps need at least 2")
    if maps == "euler" and stalk_dim > 3:
        raise ValueError(f"stalk_dim: got {stalk_dim}, Euler angles exist for 2 and 3")


def num_params(maps: str, stalk_dim: int) -> int:
    """Return how many numbers make one map; each of them counts.

    >>> [num_params(maps, 3) for maps in ("identity", "diagonal", "cayley", "general")]
    [0, 3, 3, 9]
    """
    if maps == "identity":
        return 0
    if maps == "diagonal":
        return stalk_dim
    if maps == "general":
        return stalk_dim**2
    return stalk_dim * (stalk_dim - 1) // 2


def restriction_maps(params: Tensor, maps: str, stalk_dim: int) -> Tensor:
    r"""Return a map for each row of numbers.

    - ``"diagonal"``: the numbers themselves.
    - ``"general"``: a matrix, row by row.
    - ``"householder"``: a product of d - 1 reflections, :func:`graphpoly.ops.householder`.
    - ``"cayley"``: :math:`(I + A/2)(I - A/2)^{-1}`, A skew-symmetric; no half-turn.
    - ``"exponential"``: :math:`\exp A`.
    - ``"euler"``: the rotation by the angles :math:`2 \pi p`; in three dimensions about z, then y,
      then x, which at zero turn about different axes: all directions can be learned from there.

    Args:
        params: ``[E, P]`` with P of :func:`num_params`.
        maps: Name of the family.
        stalk_dim: d.

    Returns:
        ``[E, d]`` for ``"diagonal"``, otherwise ``[E, d, d]``.
    """
    if maps == "diagonal":
        return params
    if maps == "general":
        return params.view(-1, stalk_dim, stalk_dim)
    if maps == "householder":
        return householder(params, stalk_dim)
    if maps == "euler":
        return _euler(2 * math.pi * params, stalk_dim)
    skew = _skew(params, stalk_dim)
    if maps == "exponential":
        # by squaring, which lets an error of float32 grow beyond what orthogonality should show
        return torch.linalg.matrix_exp(skew.double()).to(params.dtype)
    one = torch.eye(stalk_dim, dtype=params.dtype, device=params.device)
    # the two factors commute
    return torch.linalg.solve(one - skew / 2, one + skew / 2)


def _skew(params: Tensor, size: int) -> Tensor:
    row, col = torch.tril_indices(size, size, -1, device=params.device)
    lower = params.new_zeros(params.size(0), size * size)
    lower = lower.index_copy(1, row * size + col, params).view(-1, size, size)
    return lower - lower.mT


def _euler(angle: Tensor, size: int) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    if size == 2:
        rows = [cos, -sin, sin, cos]
        return torch.cat(rows, 1).view(-1, 2, 2)
    one, zero = torch.ones_like(cos[:, 0]), torch.zeros_like(cos[:, 0])

    def about(k: int, axis: str) -> Tensor:
        c, s = cos[:, k], sin[:, k]
        entries = {
            "z": [c, -s, zero, s, c, zero, zero, zero, one],
            "y": [c, zero, s, zero, one, zero, -s, zero, c],
            "x": [one, zero, zero, zero, c, -s, zero, s, c],
        }[axis]
        return torch.stack(entries, 1).view(-1, 3, 3)

    return about(0, "z") @ about(1, "y") @ about(2, "x")
