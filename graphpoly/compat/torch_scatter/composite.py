"""Softmax, its logarithm and the standard deviation of groups in any order."""

import torch
from torch import Tensor

from graphpoly.compat.torch_scatter.groups import (
    count_of,
    find_groups,
    row_of_value,
)
from graphpoly.ops.segment import segment_logsumexp, segment_softmax
from graphpoly.ops.spmm import spmm

__all__ = ["scatter_log_softmax", "scatter_logsumexp", "scatter_softmax", "scatter_std"]


def _only_floats(name: str, src: Tensor) -> None:
    if not src.is_floating_point():
        raise ValueError(f"{name}: src: got dtype {src.dtype}, a floating-point one is accepted")


def scatter_softmax(
    src: Tensor, index: Tensor, dim: int = -1, dim_size: int | None = None
) -> Tensor:
    """Normalise the values of each group to positive ones that add up to 1."""
    return _scatter_softmax(src, index, dim, dim_size)


@torch.jit.ignore
def _scatter_softmax(
    src: Tensor, index: Tensor, dim: int = -1, dim_size: int | None = None
) -> Tensor:
    _only_floats("scatter_softmax", src)
    groups = find_groups(src, index, dim, None, dim_size)
    return groups.values_back(segment_softmax(groups.adj, groups.values(src), input_order=True))


def scatter_log_softmax(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    eps: float = 1e-12,
    dim_size: int | None = None,
) -> Tensor:
    """Return the logarithm of :func:`scatter_softmax`; ``eps`` is not needed."""
    return _scatter_log_softmax(src, index, dim, eps, dim_size)


@torch.jit.ignore
def _scatter_log_softmax(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    eps: float = 1e-12,
    dim_size: int | None = None,
) -> Tensor:
    _only_floats("scatter_log_softmax", src)
    groups = find_groups(src, index, dim, None, dim_size)
    total = segment_logsumexp(groups.adj, groups.values(src), input_order=True)
    return src - groups.values_back(total[row_of_value(groups)])


def _without_minus_infinity(value: Tensor) -> Tensor:
    """A group of nothing but minus infinity counts as empty; other values stay what they are."""
    return value.masked_fill(value == float("-inf"), 0)


def scatter_logsumexp(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    eps: float = 1e-12,
) -> Tensor:
    """Return the logarithm of the sum of the exponentials of each group; empty groups are 0.

    ``out`` counts as one more value of each group, and takes the result; ``eps`` is not needed.
    """
    return _scatter_logsumexp(src, index, dim, out, dim_size, eps)


@torch.jit.ignore
def _scatter_logsumexp(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    eps: float = 1e-12,
) -> Tensor:
    _only_floats("scatter_logsumexp", src)
    groups = find_groups(src, index, dim, out, dim_size)
    total = segment_logsumexp(groups.adj, groups.values(src), input_order=True)
    empty = (groups.adj.rowptr.diff() == 0).unsqueeze(-1)
    if out is None:
        return _without_minus_infinity(groups.result(total))
    total = groups.result(total.masked_fill(empty, float("-inf")))
    return out.copy_(_without_minus_infinity(torch.logaddexp(out, total)))


def scatter_std(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    unbiased: bool = True,
) -> Tensor:
    """Return the standard deviation of each group.

    The sum of squares around the mean is divided by the count, less 1 where ``unbiased``, at least
    1, plus 1e-6. What ``out`` holds is added to that sum.
    """
    return _scatter_std(src, index, dim, out, dim_size, unbiased)


@torch.jit.ignore
def _scatter_std(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    unbiased: bool = True,
) -> Tensor:
    groups = find_groups(src, index, dim, out, dim_size)
    flat = groups.values(src)
    mean = spmm(groups.adj, flat, "mean")[row_of_value(groups)]
    around = groups.result(spmm(groups.adj, (flat - mean) ** 2))
    if out is not None:
        around = out.add_(around)
    count = count_of(groups, around)
    if unbiased:
        count = (count - 1).clamp(min=1)
    return (around / (count + 1e-6)).sqrt()
