"""Linear maps of whatever ``F.linear`` takes, each by the kernel that serves it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.ops.dropout import dropout as drop
from graphpoly.ops.linear import computes, is_whole, linear, serves
from graphpoly.ops.sparse_input import sparse_input

__all__ = ["affine"]

_PLAIN = (Tensor, nn.Parameter)


def affine(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    y: Tensor | None = None,
    other: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Return what :func:`~graphpoly.ops.linear.linear` does, with the rules of ``F.linear``.

    Args:
        x: ``[..., F]``, multiplied as it is sparse where it is data and mostly 0: see
            :func:`~graphpoly.ops.sparse_input.sparse_input`.
        weight, bias: As for :func:`~graphpoly.ops.linear.linear`.
        y, other: Likewise; y has the shape of x but for its last size.
        dropout: Probability that a number of x is dropped.

    What the kernel does not serve is left to ``F.linear``: other types and devices, large matrices,
    autocast, transforms of functions, compilation.

    >>> import torch
    >>> affine(torch.ones(2, 3, 4), torch.eye(4)).shape
    torch.Size([2, 3, 4])
    """
    entries = sparse_input(x, weight) if computes(x) else None
    if entries is not None and is_whole(bias, weight):
        out = entries.linear(weight, bias, dropout)
        return out if y is None or other is None else out + affine(y, other)
    x = drop(x, dropout)
    given = [tensor for tensor in (x, weight, bias, y, other) if tensor is not None]
    if not is_whole(bias, weight) or not _all_alike(given):
        out = F.linear(x, weight, bias)
        return out if y is None or other is None else out + F.linear(y, other)
    shape = x.shape
    x, y = x.reshape(-1, shape[-1]), None if y is None else y.reshape(-1, y.size(-1))
    return linear(x, weight, bias, y=y, other=other).view(*shape[:-1], weight.size(0))


def _all_alike(given: list[Tensor]) -> bool:
    x, weight = given[:2]
    return (
        x.dim() > 1
        and x.numel() > 0
        and serves(x, weight)
        and all(type(t) in _PLAIN and t.dtype is x.dtype for t in given)
        and all(t.device.type == "cpu" for t in given)
    )
