"""A linear map of the channels of pairs, which may lie in several tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import Parameter

__all__ = ["PairLinear"]


class PairLinear(nn.Module):
    r"""A convolution with kernels of size one, on channels that lie in several tensors.

    .. math::
        Y = b + \sum_k W_k X_k

    is what concatenating the channels of all :math:`X_k` and one map would give, and nothing is
    concatenated. Weights start Glorot-uniform over all of them, the bias at zero.

    Args:
        in_channels: Number of channels of each tensor.
        out_channels: Number of channels of the result.

    Shapes:
        - **input:** as many tensors :math:`(C_k, P)` as there are sizes
        - **output:** :math:`(C_{out}, P)`

    >>> lin = PairLinear((2, 3), 4)
    >>> lin(torch.ones(2, 9), torch.ones(3, 9)).shape
    torch.Size([4, 9])
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.in_channels = tuple(in_channels)
        self.out_channels = out_channels
        self.weight = Parameter(torch.empty(out_channels, sum(self.in_channels)))
        self.bias = Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, *parts: Tensor) -> Tensor:
        """Return ``[out_channels, P]``."""
        out = self.bias.unsqueeze(1)
        weights = self.weight.split(self.in_channels, dim=1)
        for weight, part in zip(weights, parts, strict=True):
            out = torch.addmm(out, weight, part)
        return out

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"{self.in_channels}, {self.out_channels}"
