"""The published equations, one edge and one node at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.layers import EGNNConv


def egnn(
    conv: EGNNConv,
    h: Tensor,
    edge_index: Tensor,
    x: Tensor,
    edge_attr: Tensor | None = None,
    vel: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return h', x' and v' of a layer."""
    features, positions, velocities = [], [], []
    for i in range(h.size(0)):
        heard = h.new_zeros(conv.hidden_channels)
        force, count = torch.zeros_like(x[i]), 0
        for e, (source, target) in enumerate(edge_index.T.tolist()):
            if target != i:
                continue
            j, r = source, x[i] - x[source]
            a = h.new_zeros(0) if edge_attr is None else edge_attr[e]
            phi_e = conv.phi_e
            m = phi_e.after(phi_e.lin(torch.cat([h[i], h[j], (r**2).sum().view(1), a])))
            if phi_e.attention is not None:
                m = m * phi_e.attention(m).sigmoid()
            heard = heard + m
            if j == i or conv.phi_x is None:
                continue
            scale = conv.phi_x(m)
            scale = scale.tanh() if conv.tanh else scale
            # at one place the length has no derivative, and the difference is zero anyway
            length = (r**2).sum().sqrt() if bool((r != 0).any()) else 0
            move = scale * r / (length + 1e-8) if conv.normalize else scale * r
            force = force + (move if conv.clamp is None else move.clamp(-conv.clamp, conv.clamp))
            count += 1
        if conv.coord_aggr == "mean":
            force = force / max(count, 1)
        new = conv.phi_h(torch.cat([h[i], heard]))
        features.append(h[i] + new if conv.residual and h.size(1) == new.numel() else new)
        v = force if vel is None else force + conv.phi_v(h[i]) * vel[i]
        positions.append(x[i] + v)
        velocities.append(vel[i] if vel is not None and not conv.update_velocity else v)
    return torch.stack(features), torch.stack(positions), torch.stack(velocities)
