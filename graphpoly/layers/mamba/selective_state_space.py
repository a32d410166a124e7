"""One direction of a Mamba block, over sequences of any lengths."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import Parameter

from graphpoly.ops import CSR, polynomial, selective_scan
from graphpoly.ops.adjacency import trusted_csr

__all__ = ["SelectiveStateSpace"]

STEP_RANGE = (1e-3, 1e-1)  # of the steps at first


class SelectiveStateSpace(nn.Module):
    r"""A gated selective state-space model.

    .. math::
        U &= \mathrm{SiLU}(\mathrm{Conv}(Z W_{in})), \qquad
        (R, B, C) = U W_x, \qquad \delta = \mathrm{softplus}(R W_\delta + b_\delta) \\
        Y &= \big(\mathrm{scan}(U, \delta, A, B, C, D) \odot \mathrm{SiLU}(Z W_g)\big) W_o

    with :func:`graphpoly.ops.selective_scan` and a convolution of each channel with the steps
    before it. Neither crosses from one sequence into another. The steps :math:`\delta` begin
    between 0.001 and 0.1, on a logarithmic scale, and D at 1.

    Args:
        channels: Size of the input and the output.
        expand: Channels of the scan for each of them.
        states: Numbers of each channel's state.
        kernel_size: Steps that the convolution sees.
        reverse: Go through each sequence from its end.

    Shapes:
        - **input:** steps :math:`(L, C)`, the rates A :math:`(eC, S)`, ``ptr`` :math:`(G + 1)`,
          ``kept`` :math:`(K)`, the steps to be read, or None for all
        - **output:** :math:`(L, C)`, or :math:`(K, C)`

    Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023,
    arXiv:2312.00752.
    """

    def __init__(
        self,
        channels: int,
        *,
        expand: int = 2,
        states: int = 16,
        kernel_size: int = 4,
        reverse: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.inner = expand * channels
        self.states = states
        self.rank = math.ceil(channels / 16)
        self.kernel_size = kernel_size
        self.reverse = reverse
        self.lin_in = nn.Linear(channels, self.inner, bias=False)
        self.lin_gate = nn.Linear(channels, self.inner, bias=False)
        self.kernel = Parameter(torch.empty(kernel_size, self.inner))
        self.bias = Parameter(torch.empty(self.inner))
        self.lin_state = nn.Linear(self.inner, self.rank + 2 * states, bias=False)
        self.lin_step = nn.Linear(self.rank, self.inner)
        self.skip = Parameter(torch.empty(self.inner))
        self.lin_out = nn.Linear(self.inner, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for linear in (self.lin_in, self.lin_gate, self.lin_state, self.lin_out):
            linear.reset_parameters()
        bound = self.kernel_size**-0.5
        nn.init.uniform_(self.kernel, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        nn.init.uniform_(self.lin_step.weight, -(self.rank**-0.5), self.rank**-0.5)
        least, most = STEP_RANGE
        nn.init.uniform_(self.lin_step.bias, math.log(least), math.log(most))
        with torch.no_grad():  # softplus of it is the step
            self.lin_step.bias.copy_(self.lin_step.bias.exp().expm1().log())
        nn.init.ones_(self.skip)

    def forward(self, z: Tensor, rate: Tensor, ptr: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return ``[L, channels]``, or what stands at the steps that are kept."""
        u = F.silu(self.convolve(self.lin_in(z), ptr))
        step, taken, read = self.lin_state(u).split([self.rank, self.states, self.states], -1)
        delta = F.softplus(self.lin_step(step))
        y = selective_scan(u, delta, rate, taken, read, self.skip, ptr=ptr, reverse=self.reverse)
        if kept is not None:
            y, z = y.index_select(0, kept), z.index_select(0, kept)
        out: Tensor = self.lin_out(y * F.silu(self.lin_gate(z)))
        return out

    def convolve(self, x: Tensor, ptr: Tensor) -> Tensor:
        """Convolve each channel with the steps before it in its sequence, ``[L, F]``.

        It is a polynomial in the shift by one step.
        """
        powers = x.new_zeros(3, self.kernel_size - 1, 1)
        powers[0] = 1
        return self.bias + polynomial(self._shift(x, ptr), x, self.kernel, powers)

    def _shift(self, x: Tensor, ptr: Tensor) -> CSR:
        """What takes each step to the next one; the first of a sequence takes nothing of itself."""
        length = x.size(0)
        sequence = torch.repeat_interleave(ptr.diff(), output_size=length)
        rows = torch.arange(length + 1, device=x.device)
        here = rows[:length]
        first = here == (ptr[1:] - 1 if self.reverse else ptr[:-1])[sequence]
        before = torch.where(first, here, here + 1 if self.reverse else here - 1)
        return trusted_csr(rows, before, (~first).to(x.dtype), None, length, None)

    def extra_repr(self) -> str:
        """Name the arguments."""
        sizes = f"{self.channels}, inner={self.inner}, states={self.states}"
        return f"{sizes}, kernel_size={self.kernel_size}, reverse={self.reverse}"
