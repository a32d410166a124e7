"""Batch normalisation that takes batches of any size, down to none."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BatchNorm"]


class BatchNorm(nn.BatchNorm1d):
    """One row alone has no variance, and none at all no mean: they are read as in eval()."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, C]``."""
        if self.training and x.size(0) <= 1:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        out: Tensor = super().forward(x)
        return out
