"""Power series of an operator."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.acceleration.accelerated import aggregate, promoted
from graphpoly.ops import CSR, LinearOperator, polynomial

__all__ = ["power_series"]


def power_series(adj: CSR | LinearOperator, x: Tensor, theta: list[float]) -> Tensor:
    """Return ``sum_k theta_k A^k x``, ``[..., N, F]``: one call, one block of memory."""
    order = len(theta) - 1
    if order == 0:
        return x if theta == [1.0] else theta[0] * x
    if order == 1 and theta == [0.0, 1.0]:
        return aggregate(adj, x)
    if x.dim() > 2:
        flat = x.movedim(-2, 0)
        out = power_series(adj, flat.flatten(1), theta)
        return out.view(flat.shape).movedim(0, -2)
    x = promoted(adj, x)
    dtype = torch.promote_types(x.dtype, torch.float32)
    coefficients = torch.tensor(theta, dtype=dtype, device=x.device).unsqueeze(-1)
    recurrence = torch.zeros(3, order, 1, dtype=dtype, device=x.device)
    recurrence[0] = 1  # A p_{k-1} = p_k
    return polynomial(adj, x, coefficients, recurrence)
