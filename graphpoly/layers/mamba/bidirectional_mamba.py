"""Mamba both ways: what no order of a graph's parts can do without."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.nn.inits import reset

from graphpoly.layers.mamba.selective_state_space import SelectiveStateSpace
from graphpoly.ops import dropout

__all__ = ["BidirectionalMamba"]


class BidirectionalMamba(nn.Module):
    r"""Two selective state-space models, one from each end, and a residual.

    .. math::
        Z = \mathrm{LN}(X), \qquad
        X' = X + \big(\mathrm{SSM}_f(Z; A) + \mathrm{SSM}_b(Z; A)\big) W

    The two (:class:`SelectiveStateSpace`) have weights of their own but for the rates
    :math:`A = -\exp(\cdot)`, which begin at :math:`-1, \dots, -S` in each channel.

    Args:
        channels: Size of the input and the output.
        expand, states, kernel_size: Of :class:`SelectiveStateSpace`.
        dropout: Probability on what is added.

    Shapes:
        - **input:** steps :math:`(L, C)`, ``ptr`` :math:`(G + 1)`, where each sequence begins;
          ``last``: whether only the last step of each is read, of which each has one
        - **output:** :math:`(L, C)`, or :math:`(G, C)`

    Behrouz and Hashemi, "Graph Mamba: Towards Learning on Graphs with State Space Models",
    KDD 2024, algorithm 2; the residual is that of Mamba.
    """

    def __init__(
        self,
        channels: int,
        *,
        expand: int = 2,
        states: int = 16,
        kernel_size: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.states = states
        self.dropout = dropout
        self.norm = nn.LayerNorm(channels)
        self.log_rate = Parameter(torch.empty(expand * channels, states))
        self.onward, self.homeward = (
            SelectiveStateSpace(
                channels, expand=expand, states=states, kernel_size=kernel_size, reverse=reverse
            )
            for reverse in (False, True)
        )
        self.lin = nn.Linear(channels, channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in self.children():
            reset(module)
        with torch.no_grad():
            rate = torch.arange(1.0, self.states + 1, device=self.log_rate.device)
            self.log_rate.copy_(rate.log().expand_as(self.log_rate))

    def forward(self, x: Tensor, ptr: Tensor, *, last: bool = False) -> Tensor:
        """Return ``[L, channels]``, or ``[G, channels]``."""
        z, rate = self.norm(x), -self.log_rate.exp()
        if last:
            end = ptr[1:] - 1
            x, onward = x.index_select(0, end), self.onward(z, rate, ptr, end)
            # the way home begins there
            z, ptr = z.index_select(0, end), torch.arange(ptr.numel(), device=ptr.device)
        else:
            onward = self.onward(z, rate, ptr)
        both = onward + self.homeward(z, rate, ptr)
        return x + dropout(self.lin(both), self.dropout, self.training)
