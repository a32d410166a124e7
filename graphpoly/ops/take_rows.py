"""Rows of a tensor, in any order and more than once, whose gradient is the same each time."""

from __future__ import annotations

from torch import Tensor

__all__ = ["take_rows"]


def take_rows(x: Tensor, index: Tensor) -> Tensor:
    """Return ``x[index]``, with a gradient that adds what comes back to a row in one order.

    PyTorch's gradient of ``x[index]`` does so on a GPU; with several threads of a CPU whoever comes
    first adds first, so that two runs of one seed part. There it is ``index_select`` that keeps to
    the order of the index, and it is no slower.

    Args:
        x: ``[N, ...]``.
        index: Integers from 0, of any shape.

    >>> import torch
    >>> take_rows(torch.tensor([1.0, 2.0]), torch.tensor([[1, 0], [1, 1]])).tolist()
    [[2.0, 1.0], [2.0, 2.0]]
    """
    if x.device.type != "cpu":
        return x[index]
    if index.dim() == 1:
        return x.index_select(0, index)
    return x.index_select(0, index.reshape(-1)).view(index.shape + x.shape[1:])
