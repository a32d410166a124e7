"""Dropout of modules in one pass."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graphpoly.ops import dropout

__all__ = ["AcceleratedDropout"]


class AcceleratedDropout(nn.Dropout):
    """:class:`torch.nn.Dropout` on :func:`~graphpoly.ops.dropout`."""

    original: Any = nn.Dropout

    def forward(self, input: Tensor) -> Tensor:
        """Drop numbers in training."""
        if self.inplace or not input.is_floating_point():
            return super().forward(input)
        return dropout(input, self.p, self.training)

    def _get_name(self) -> str:
        return str(self.original.__name__)
