"""Batch normalisation over pairs of nodes, which may have several entries or be none."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import BatchNorm

__all__ = ["PairEncoder", "PairNorm"]


class PairNorm(BatchNorm):
    r""":class:`~torch_geometric.nn.BatchNorm` in whose moments each row has a share.

    .. math::
        \mu = \frac{\sum_p s_p x_p}{\sum_p s_p}, \qquad
        \sigma^2 = \frac{\sum_p s_p (x_p - \mu)^2}{\sum_p s_p}

    Of one pair alone the running moments are taken, as PyG does of one row.

    Args:
        channels: Size of each row.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, allow_single_element=True)

    def forward(self, x: Tensor, share: Tensor | None = None) -> Tensor:
        """Normalise the channels.

        Args:
            x: ``[P, C]``.
            share: ``[P]``, adding up to the number of pairs; None for 1 each.
        """
        norm: Any = self.module
        known = type(self.module) is nn.BatchNorm1d  # what is put in its place has its own moments
        if share is None or not known or not norm.training:
            return super().forward(x)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        part = share.to(wide).unsqueeze(1)
        total = part.sum()
        mean = (part * wide).sum(0) / total.clamp(min=1)
        var = (part * (wide - mean).square()).sum(0) / total.clamp(min=1)
        several = total > 1.5
        with torch.no_grad():
            norm.num_batches_tracked.add_(several)
            step = norm.momentum * several.to(wide)
            unbiased = var * (total / (total - 1).clamp(min=1))
            norm.running_mean.add_(step * (mean - norm.running_mean))
            norm.running_var.add_(step * (unbiased - norm.running_var))
        mean = torch.where(several, mean, norm.running_mean)
        var = torch.where(several, var, norm.running_var)
        out = (wide - mean) * (var + norm.eps).rsqrt() * norm.weight + norm.bias
        return out.to(x.dtype)


class PairEncoder(nn.Sequential):
    """Layers whose norms know the share of each row."""

    def forward(self, x: Tensor, share: Tensor | None = None) -> Tensor:
        """Run the layers on ``x`` ``[P, C]``; ``share`` as :class:`PairNorm` takes it."""
        for layer in self:
            x = layer(x, share) if isinstance(layer, PairNorm) else layer(x)
        return x
