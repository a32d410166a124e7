"""A perceptron on what both ends of an edge and the edge itself say."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.linear import LazyLinear as Linear
from graphpoly.layers.linear import is_map, width_of
from graphpoly.ops import CSR, entry_sum, sum_entries
from graphpoly.ops.edge_message import edge_message
from graphpoly.ops.hooks import is_hooked, is_itself_hooked
from graphpoly.ops.linear import computes, is_like, is_small, is_whole
from graphpoly.ops.take_rows import take_rows

__all__ = ["EdgeMessage", "messages_and_sums"]


class EdgeMessage(nn.Module):
    r"""The message of each entry of an operator, as EGNN has it.

    .. math::
        m_{ij} = \sigma_a\, \mathrm{SiLU}\big(W_2\, \mathrm{SiLU}(
        W_t h_i + W_s h_j + W_e e_{ij} + b_1) + b_2\big)

    where :math:`\sigma_a` is 1, or with ``attention`` the sigmoid of a linear map of what it
    multiplies. :math:`W_t h` and :math:`W_s h` are made once for each node; the three matrices are
    columns of one, which starts as a linear map of ``[h_i, h_j, e_ij]`` does.

    Args:
        in_channels: Size of h, or -1 to take it from the first input.
        out_channels: Size of the messages.
        carried: Size of e.
        attention: Whether messages are weighed.

    Shapes:
        - **input:** an operator of E entries, h :math:`(N, F)`, e :math:`(E, D)` in the order of
          the entries
        - **output:** :math:`(E, C)`

    Complexity: O(N F C + E (D + C) C) time, O(E C) memory.
    """

    def __init__(
        self, in_channels: int, out_channels: int, carried: int, *, attention: bool = False
    ) -> None:
        super().__init__()
        self.carried = carried
        self.lin = Linear(-1 if in_channels < 0 else 2 * in_channels + carried, out_channels)
        self.after = FeedForward(nn.SiLU(), Linear(out_channels, out_channels), nn.SiLU())
        self.attention = Linear(out_channels, 1) if attention else None

    @property
    def in_channels(self) -> int:
        """Size of h; -1 where the first input has yet to say so."""
        width = width_of(self.lin)
        return -1 if width < 0 else (width - self.carried) // 2

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.lin, self.after, self.attention):
            reset(part)

    def forward(self, adj: CSR, x: Tensor, carried: Tensor) -> Tensor:
        """Return ``[E, out_channels]``.

        Args:
            adj: The entries (target, source); values are not read.
            x: ``[N, in_channels]``.
            carried: ``[E, carried]``.
        """
        found = self._at_once(adj, x, carried)
        message = self._by_parts(adj, x, carried) if found is None else found[0]
        if self.attention is not None:
            message = message * self.attention(message).sigmoid()
        return message

    def _at_once(
        self, adj: CSR, x: Tensor, carried: Tensor, *, sums: bool = False
    ) -> tuple[Tensor, Tensor] | None:
        """Return what one operator makes of it, before attention; None where it does not serve."""
        lin, after = self.lin, self.after
        if not computes(x) or not is_map(lin) or is_hooked(after):
            return None
        if type(after) is not FeedForward or [type(part) for part in after][::2] != 2 * [nn.SiLU]:
            return None
        last: Any = after[1]
        if len(after) != 3 or not is_map(last) or width_of(lin) != 2 * x.size(1) + self.carried:
            return None
        fits = width_of(last) == lin.weight.size(0) and is_like(carried, x)
        fits = fits and carried.shape == (adj.num_entries, self.carried)
        for each in (lin, last) if fits else ():
            fits = fits and is_small(each.weight, x) and is_whole(each.bias, each.weight)
            fits = fits and (each.bias is None or is_like(each.bias, x))
        if not fits:
            return None
        maps = (lin.weight, lin.bias, last.weight, last.bias)
        return edge_message(adj, x, carried, *maps, sums=sums)

    def _by_parts(self, adj: CSR, x: Tensor, carried: Tensor) -> Tensor:
        width = x.size(1)
        if isinstance(self.lin, Linear) and self.in_channels < 0:
            self.lin.initialize_parameters(None, (x.new_empty(0, 2 * width + self.carried),))
        if not is_map(self.lin):
            ends = take_rows(x, adj.rows()), take_rows(x, adj.col)
            made = self.lin(torch.cat([*ends, carried], 1))
        else:
            target, source, edge = self.lin.weight.split([width, width, self.carried], dim=1)
            both = entry_sum(adj, F.linear(x, target, self.lin.bias), F.linear(x, source))
            # laid out by rows: the gradient of a narrow matrix is several times slower by columns
            made = torch.addmm(both, carried, edge.t().contiguous())
        message: Tensor = self.after(made)
        return message


def messages_and_sums(said: Any, adj: CSR, x: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a module says for each entry, ``[E, C]``, and the sums of it, ``[N, C]``."""
    found = None
    if type(said) is EdgeMessage and said.attention is None and not is_itself_hooked(said):
        found = said._at_once(adj, x, carried, sums=True)
    if found is not None:
        return found
    message = said(adj, x, carried)
    return message, sum_entries(adj, message)
