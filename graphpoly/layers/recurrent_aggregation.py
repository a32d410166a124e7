"""An LSTM over the elements of each group, none of them padded."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch_geometric.nn import Aggregation

from graphpoly.layers.arguments import NamedArguments, check_size, check_sizes
from graphpoly.layers.groups import groups_of, packed, run_lstm
from graphpoly.registry import register

__all__ = ["RecurrentAggregation"]

_ORDER = "the elements of a group are a sequence: their order is what the LSTM reads"
_STEPS = "the number of steps is the size of the largest group, which the values of the index say"


@register(
    "aggregation",
    paper="Xu, Veličković. Recurrent Aggregators in Neural Algorithmic Reasoning. 2024",
    arxiv="2409.07154",
    example=lambda: RecurrentAggregation(8, 4),
    tags={
        "expressivity": "not permutation-equivariant",
        "complexity": "O(|E| C^2) time in as many steps as the largest degree, O(|E| C) memory",
    },
)
class RecurrentAggregation(NamedArguments, Aggregation):
    r"""The last state of an LSTM that reads the elements of a group one after another.

    .. math::
        (h_t, c_t) = \mathrm{LSTM}\big(x_{e_t}, (h_{t-1}, c_{t-1})\big), \qquad
        y_i = h_{n_i}, \qquad h_0 = c_0 = 0

    where :math:`e_1 < e_2 < \dots < e_{n_i}` are the elements of group i by their position in the
    input: in a layer, the edges into a node in the order of ``edge_index``. Edges sorted by source
    (:func:`torch_geometric.utils.sort_edge_index`) are read in the order of the numbers of the
    nodes, as in the paper. A group without elements is 0.

    Step t is one matrix product over all groups that have a t-th element. Groups are laid side by
    side from the largest to the smallest (:class:`~torch.nn.utils.rnn.PackedSequence`), so that
    nothing is padded: PyG's :class:`~torch_geometric.nn.aggr.LSTMAggregation` fills every group up
    to the largest, :math:`G \max_i n_i` elements, and wants the index sorted. What it returns is
    the state after the padding, so that it equals this one on groups of one size only.

    Args:
        in_channels: Size of each element.
        out_channels: Size C of the state.
        num_layers: LSTMs, each reading the states of the one before it.

    Shapes:
        - **input:** :math:`(*, N, C_{in})` with ``index`` :math:`(N)` in any order or ``ptr``
          :math:`(G + 1)`; any axis ``dim`` but the last can be that of N
        - **output:** :math:`(*, G, C)`

    Complexity: O(N C^2) time in :math:`\max_i n_i` steps that wait for each other, O(N C) memory.

    Example:
        >>> import torch
        >>> from graphpoly.layers import RecurrentAggregation
        >>> aggregation = RecurrentAggregation(16, 7)
        >>> aggregation(torch.randn(4, 16), torch.tensor([2, 0, 2, 2]), dim_size=3).shape
        torch.Size([3, 7])

    Differences from the paper: the aggregation alone, for any layer; the paper's processor puts it
    in place of the maximum of a network on triplets.
    """

    printed: ClassVar[dict[str, object]] = {"num_layers": 1}
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "edge_order": _ORDER,
        "node_permutation": "the edges into a node have another order where nodes are renumbered",
        "device": _STEPS,
        "compile": _STEPS,
    }

    def __init__(self, in_channels: int, out_channels: int, *, num_layers: int = 1) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, out_channels=out_channels)
        check_size("num_layers", num_layers)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.lstm = nn.LSTM(in_channels, out_channels, num_layers)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        self.lstm.reset_parameters()

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """Read each group.

        Args:
            x: ``[..., N, in_channels]``, floating-point.
            index: Group of each element, ``[N]``, in any order.
            ptr: Where each group begins, ``[G+1]``, in place of ``index``.
            dim_size: Number of groups; default one more than the largest index.
            dim: Axis of the elements.

        Raises:
            TypeError: If ``x`` has no floating-point numbers.
            ValueError: If ``x`` has other than ``in_channels`` columns, or groups do not fit.
        """
        self._check(x, dim)
        rows = x.movedim(dim, 0)
        groups = groups_of(rows, index, ptr, dim_size)
        shape = (groups.num_rows, *rows.shape[1:-1], self.out_channels)
        if not rows.numel():  # the sum of nothing is 0, and knows where it came from
            return (x.new_zeros(shape) + rows.sum()).movedim(0, dim)
        entry, sizes, longest = packed(groups)
        # further axes are groups of the same sizes, side by side
        data = rows.index_select(0, entry).reshape(-1, self.in_channels)
        sizes = sizes * (data.size(0) // rows.size(0))
        along, behind = run_lstm(self.lstm, PackedSequence(data, sizes))
        state = behind[0] if isinstance(behind, tuple) else behind  # a GRU has no cells
        directions = along.data.size(-1) // state.size(-1)  # 2 where another LSTM reads both ways
        last = state[-directions:].transpose(0, 1).flatten(1)
        read = last.reshape(-1, *shape[1:-1], last.size(-1))
        out = read.new_zeros(shape[0], *read.shape[1:])
        return out.index_copy(0, longest[: read.size(0)], read).movedim(0, dim)

    def _check(self, x: Tensor, dim: int) -> None:
        if not x.is_floating_point():
            raise TypeError(f"x: got dtype {x.dtype}, a floating-point dtype is accepted")
        if x.dim() < 2 or x.size(-1) != self.in_channels:
            raise ValueError(
                f"x: got shape {tuple(x.shape)}, expected [..., N, {self.in_channels}]"
            )
        if dim % x.dim() == x.dim() - 1:
            raise ValueError(f"dim: got {dim}, the last axis is that of the channels")

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), *self.options()]
        return f"{type(self).__name__}({', '.join(arguments)})"
