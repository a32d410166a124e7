"""Dropout as a module, in one pass."""

from __future__ import annotations

from torch import Tensor, nn

from graphpoly.ops import dropout

__all__ = ["Dropout"]


class Dropout(nn.Dropout):
    """``torch.nn.Dropout`` on :func:`graphpoly.ops.dropout`.

    >>> Dropout(0.1)
    Dropout(p=0.1, inplace=False)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop numbers in training."""
        return dropout(input, self.p, self.training)
