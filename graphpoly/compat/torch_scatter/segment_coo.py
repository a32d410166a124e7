"""Reductions of groups that follow one another."""

import torch
from torch import Tensor

from graphpoly.compat.torch_scatter.groups import (
    Groups,
    count_of,
    divide,
    extreme_of,
    find_groups,
    total_of,
)
from graphpoly.errors import unknown
from graphpoly.ops.entry import check_device, check_index

__all__ = [
    "along",
    "gather_coo",
    "segment_add_coo",
    "segment_coo",
    "segment_max_coo",
    "segment_mean_coo",
    "segment_min_coo",
    "segment_sum_coo",
]

REDUCTIONS = ("sum", "add", "mean", "min", "max")


def along(src: Tensor, compressed: Tensor) -> Tensor:
    """``index`` or ``indptr``, expanded over the leading axes that it shares with ``src``."""
    last = compressed.dim() - 1
    if compressed.dim() > src.dim():
        raise ValueError(
            f"index: got {compressed.dim()} axes, src has {src.dim()}; expected no more"
        )
    try:
        return compressed.expand(*src.shape[:last], compressed.size(last))
    except RuntimeError:
        raise ValueError(
            f"index: got shape {tuple(compressed.shape)}, which does not fit the leading axes of "
            f"src's, {tuple(src.shape)}"
        ) from None


def _coo_groups(src: Tensor, index: Tensor, out: Tensor | None, dim_size: int | None) -> Groups:
    dim = index.dim() - 1
    if not 0 <= dim < src.dim():
        raise ValueError(f"index: got {index.dim()} axes, src has {src.dim()}; expected 1 to that")
    if index.is_meta:
        raise ValueError("index: got a tensor on the meta device, which holds no groups")
    if dim_size is None and out is None:
        dim_size = max(int(index[..., -1].max()) + 1, 0) if index.numel() else 0
    if index.numel() == index.size(dim):
        index = index.reshape(-1)
    else:
        index = along(src, index)
    return find_groups(src, index, dim, out, dim_size)


def segment_sum_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """Add up the values of each group along the last axis of ``index``, which is sorted."""
    return _segment_sum_coo(src, index, out, dim_size)


@torch.jit.ignore
def _segment_sum_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    total = total_of(_coo_groups(src, index, out, dim_size), src)
    return total if out is None else out.add_(total)


def segment_add_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """Call :func:`segment_sum_coo`."""
    return segment_sum_coo(src, index, out, dim_size)


def segment_mean_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    """Average the values of each group of a sorted ``index``; groups with values replace ``out``'s.

    As there, what ``out`` holds at a group with values is added to their sum before the division.
    Of integers the average is rounded towards 0 (that of :func:`scatter_mean` downwards).
    """
    return _segment_mean_coo(src, index, out, dim_size)


@torch.jit.ignore
def _segment_mean_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> Tensor:
    groups = _coo_groups(src, index, out, dim_size)
    total = total_of(groups, src)
    total = total if out is None else out.add_(total)
    return divide(total, count_of(groups, total), integers="trunc")


def segment_min_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return the least value of each group of a sorted ``index``, as :func:`scatter_min` does."""
    return _segment_min_coo(src, index, out, dim_size)


@torch.jit.ignore
def _segment_min_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    return extreme_of(_coo_groups(src, index, out, dim_size), src, out, largest=False)


def segment_max_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return the largest value of each group of a sorted ``index``; see :func:`scatter_min`."""
    return _segment_max_coo(src, index, out, dim_size)


@torch.jit.ignore
def _segment_max_coo(
    src: Tensor, index: Tensor, out: Tensor | None = None, dim_size: int | None = None
) -> tuple[Tensor, Tensor]:
    return extreme_of(_coo_groups(src, index, out, dim_size), src, out, largest=True)


def segment_coo(
    src: Tensor,
    index: Tensor,
    out: Tensor | None = None,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> Tensor:
    """Reduce the values of each group of an ``index`` that is sorted along its last axis.

    Raises:
        ValueError: If ``reduce`` is none of sum, add, mean, min and max.
    """
    return _segment_coo(src, index, out, dim_size, reduce)


@torch.jit.ignore
def _segment_coo(
    src: Tensor,
    index: Tensor,
    out: Tensor | None = None,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> Tensor:
    if reduce not in REDUCTIONS:
        raise unknown("reduce", reduce, REDUCTIONS)
    if reduce in ("min", "max"):
        extreme = segment_min_coo if reduce == "min" else segment_max_coo
        return extreme(src, index, out, dim_size)[0]
    function = segment_mean_coo if reduce == "mean" else segment_sum_coo
    return function(src, index, out, dim_size)


def gather_coo(src: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    """Read the value of each group back: ``out[..., e] = src[..., index[..., e]]``."""
    return _gather_coo(src, index, out)


@torch.jit.ignore
def _gather_coo(src: Tensor, index: Tensor, out: Tensor | None = None) -> Tensor:
    dim, kept = index.dim() - 1, src.dtype
    if not 0 <= dim < src.dim():
        raise ValueError(f"index: got {index.dim()} axes, src has {src.dim()}; expected 1 to that")
    check_index("index", index.reshape(-1), src.size(dim))
    check_device("index", index, src.device)
    if src.requires_grad and kept in (torch.float16, torch.bfloat16):
        src = src.float()  # so that the backward pass adds in float32
    if index.numel() == index.size(dim):
        value = src.index_select(dim, index.reshape(-1))
    else:
        full = along(src, index).reshape(*src.shape[:dim], -1, *(1,) * (src.dim() - dim - 1))
        value = src.gather(dim, full.expand(*src.shape[:dim], -1, *src.shape[dim + 1 :]))
    value = value.to(kept)
    return value if out is None else out.copy_(value)
