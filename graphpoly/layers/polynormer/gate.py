"""The learned vector of Polynormer's layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter

__all__ = ["Gate"]


class Gate(nn.Module):
    r"""The vector :math:`\beta`, a number for each channel.

    Args:
        channels: Its size.
        start: None for the logistic function of a parameter that starts at 0, or the value at
            which the parameter itself starts.
    """

    def __init__(self, channels: int, start: float | None = None) -> None:
        super().__init__()
        self.start = start
        self.weight = Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Return to the start."""
        nn.init.constant_(self.weight, 0.0 if self.start is None else self.start)

    def forward(self) -> Tensor:
        """Return the vector, ``[channels]``."""
        return self.weight.sigmoid() if self.start is None else self.weight

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"{self.weight.size(0)}, start={self.start}"
