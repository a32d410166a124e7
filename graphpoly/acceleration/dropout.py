"""Dropout of modules in one pass."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphpoly.acceleration.drops import dropped

__all__ = ["AcceleratedDropout"]


class AcceleratedDropout(nn.Dropout):
    """:class:`torch.nn.Dropout` on :func:`~graphpoly.ops.dropout`."""

    original: Any = nn.Dropout

    def forward(self, input: Tensor) -> Tensor:
        """Drop numbers in training."""
        return dropped(input, self.p, self.training, self.inplace)

    def _get_name(self) -> str:
        return str(self.original.__name__)
