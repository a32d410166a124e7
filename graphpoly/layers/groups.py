"""The groups that an aggregation is given, by index or by pointers, as an operator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from graphpoly.ops import CSR
from graphpoly.ops.entry import check_offsets
from graphpoly.ops.pool import ranges, segments

__all__ = ["groups_of", "packed", "read_groups", "run_lstm"]

# an LSTM of oneDNN has half precisions on processors with instructions for them alone
_HALVES = {
    torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported(),
}


def groups_of(rows: Tensor, index: Tensor | None, ptr: Tensor | None, dim_size: int | None) -> CSR:
    """Return the operator whose row i lists the elements of group i, in their order.

    Args:
        rows: The elements, ``[N, ...]``; only their number is read.
        index: Group of each element, ``[N]``, in any order.
        ptr: Where each group begins, ``[G+1]``; read in place of ``index``.
        dim_size: Number of groups; default one more than the largest index.

    Raises:
        ValueError: If the groups do not fit the elements, or there are none.
    """
    size = rows.size(0)
    if ptr is not None:
        _check_ptr(ptr, size)
        return ranges(ptr, size)
    if index is None:
        raise ValueError("index: got None, and no ptr either")
    if index.dim() != 1 or index.size(0) != size:
        raise ValueError(f"index: got shape {tuple(index.shape)}, expected [{size}]")
    return segments(index, dim_size)


def packed(groups: CSR) -> tuple[Tensor, Tensor, Tensor]:
    """Return the layout of a packed sequence, groups from the largest to the smallest.

    Returns:
        The element at each place, ``[N]``: the first of each group, the largest group first, then
        the second of each that has one; how many have a t-th, on the CPU; the groups by size.
    """
    length = groups.rowptr.diff().long()
    longest = length.argsort(descending=True, stable=True)
    rank = torch.empty_like(longest).index_copy(
        0, longest, torch.arange(longest.size(0), device=longest.device)
    )
    group = groups.rows().long()
    step = torch.arange(group.size(0), device=group.device) - groups.rowptr[group]
    sizes = torch.bincount(step)
    place = (sizes.cumsum(0) - sizes)[step] + rank[group]
    element = torch.empty_like(place).index_copy(0, place, groups.col.long())
    return element, sizes.cpu(), longest


def run_lstm(lstm: nn.LSTM, *inputs: Any) -> Any:
    """Call an LSTM, in evaluation too where a gradient is wanted, under autocast on any processor.

    cuDNN keeps what a backward pass reads only in training; without it PyTorch has a gradient in
    both modes. On a processor that has no half precision for it, autocast leaves an LSTM as it is.
    """
    halved = not inputs[0].is_cuda and torch.is_autocast_enabled("cpu")
    if halved and not _HALVES.get(torch.get_autocast_dtype("cpu"), True):
        dtype = lstm.weight_ih_l0.dtype
        data, *before = inputs
        states = [tuple(part.to(dtype) for part in pair) for pair in before]
        with torch.autocast("cpu", enabled=False):
            return lstm(data.to(dtype), *states)
    if lstm.training or not inputs[0].is_cuda or not torch.is_grad_enabled():
        return lstm(*inputs)
    with torch.backends.cudnn.flags(enabled=False):
        return lstm(*inputs)


def read_groups(
    lstm: nn.LSTM, rows: Tensor, groups: CSR, start: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM along each group, nothing padded.

    Args:
        lstm: What reads; C is its size, L its number of layers.
        rows: The elements, ``[N, F]``.
        groups: Row i lists the elements of group i, in their order.
        start: Hidden states and cells before the first element, ``[2, L, G, C]``; default 0.

    Returns:
        The last layer's state at each element ``[N, C]``, and hidden states and cells behind the
        last one of each group, ``[L, G, C]`` each. A group without elements keeps its start.
    """
    if start is None:
        start = rows.new_zeros(2, lstm.num_layers, groups.num_rows, lstm.hidden_size)
    if not rows.size(0):
        return rows.new_zeros(0, lstm.hidden_size), start[0], start[1]
    element, sizes, longest = packed(groups)
    read = longest[: int(sizes[0])]
    before = start.index_select(2, read).unbind()
    out, behind = run_lstm(lstm, PackedSequence(rows.index_select(0, element), sizes), before)
    states = torch.empty_like(out.data).index_copy(0, element, out.data)
    end = start.index_copy(2, read, torch.stack(behind))
    return states, end[0], end[1]


def _check_ptr(ptr: Tensor, size: int) -> None:
    check_offsets("ptr", ptr, size)
    if ptr.dim() != 1 or not ptr.numel():
        raise ValueError(f"ptr: got shape {tuple(ptr.shape)}, expected [G+1]")
    if not torch.compiler.is_compiling():
        first, last = int(ptr[0]), int(ptr[-1])
        if (first, last) != (0, size):
            raise ValueError(f"ptr: got {first} to {last}, expected 0 to {size}")
