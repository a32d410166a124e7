"""Reductions of ranges of values."""

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
from graphpoly.compat.torch_scatter.segment_coo import REDUCTIONS, along, gather_coo
from graphpoly.errors import unknown
from graphpoly.ops.entry import INT64_MAX, affordable, check_device, check_offsets
from graphpoly.ops.pool import ranges

__all__ = [
    "gather_csr",
    "segment_add_csr",
    "segment_csr",
    "segment_max_csr",
    "segment_mean_csr",
    "segment_min_csr",
    "segment_sum_csr",
]


def _csr_index(src_size: int, indptr: Tensor) -> tuple[Tensor, Tensor]:
    """Group of each value that some group of ``indptr`` holds, and where those values stand."""
    begin, end = indptr[..., :1], indptr[..., -1:]
    place = torch.arange(src_size, device=indptr.device).expand(*indptr.shape[:-1], -1)
    held = (place >= begin) & (place < end)
    group = torch.searchsorted(indptr.contiguous(), place.contiguous(), right=True) - 1
    return group, held


def _csr_groups(src: Tensor, indptr: Tensor) -> Groups:
    """Groups along the last axis of ``indptr``; what belongs nowhere makes one more at the end."""
    dim = indptr.dim() - 1
    if not 0 <= dim < src.dim():
        raise ValueError(
            f"indptr: got {indptr.dim()} axes, src has {src.dim()}; expected 1 to that"
        )
    if src.is_complex():
        raise TypeError(f"src: got dtype {src.dtype}, real ones are accepted")
    check_device("indptr", indptr, src.device)
    size, num_groups = src.size(dim), max(indptr.size(-1) - 1, 0)
    indptr = check_offsets("indptr", indptr, size)
    if not indptr.size(-1):  # no offsets at all: no groups
        indptr = indptr.new_zeros(*indptr.shape[:-1], 1)
    if indptr.numel() == indptr.size(-1):
        indptr = indptr.reshape(-1)
        if indptr.numel() and int(indptr[0]) == 0 and int(indptr[-1]) == size:
            return Groups(ranges(indptr, size), dim, tuple(src.shape), num_groups, True)
    else:
        indptr = along(src, indptr)
    group, held = _csr_index(size, indptr)
    nowhere = 0 if bool(held.all()) else 1
    group = torch.where(held, group, num_groups)
    return find_groups(src, group, dim, None, num_groups + nowhere)


def segment_sum_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    """Add up ``src[indptr[i]:indptr[i + 1]]`` for each i, along the last axis of ``indptr``.

    ``out`` is overwritten, unlike that of :func:`scatter_sum`.

    >>> import torch
    >>> segment_sum_csr(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 1, 3]))
    tensor([1., 0., 6.])
    """
    return _segment_sum_csr(src, indptr, out)


@torch.jit.ignore
def _segment_sum_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    groups = _csr_groups(src, indptr)
    return _first(total_of(groups, src), indptr, out)


def _first(value: Tensor, indptr: Tensor, out: Tensor | None) -> Tensor:
    """Without the group of what belongs nowhere."""
    dim = indptr.dim() - 1
    value = value.narrow(dim, 0, max(indptr.size(dim) - 1, 0))
    return value if out is None else out.copy_(value)


def segment_add_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    """Call :func:`segment_sum_csr`."""
    return segment_sum_csr(src, indptr, out)


def segment_mean_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    """Average ``src[indptr[i]:indptr[i + 1]]`` for each i; see :func:`segment_sum_csr`."""
    return _segment_mean_csr(src, indptr, out)


@torch.jit.ignore
def _segment_mean_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    groups = _csr_groups(src, indptr)
    total = total_of(groups, src)
    mean = divide(total, count_of(groups, total), integers="trunc")
    return _first(mean, indptr, out)


def segment_min_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the least of ``src[indptr[i]:indptr[i + 1]]`` and its place, for each i."""
    return _segment_min_csr(src, indptr, out)


@torch.jit.ignore
def _segment_min_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    return _csr_extreme(src, indptr, out, largest=False)


def segment_max_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the largest of ``src[indptr[i]:indptr[i + 1]]`` and its place, for each i."""
    return _segment_max_csr(src, indptr, out)


@torch.jit.ignore
def _segment_max_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    return _csr_extreme(src, indptr, out, largest=True)


def _csr_extreme(
    src: Tensor, indptr: Tensor, out: Tensor | None, *, largest: bool
) -> tuple[Tensor, Tensor]:
    groups = _csr_groups(src, indptr)
    value, place = extreme_of(groups, src, None, largest=largest)
    return _first(value, indptr, out), _first(place, indptr, None)


def segment_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None, reduce: str = "sum"
) -> Tensor:
    """Reduce ``src[indptr[i]:indptr[i + 1]]`` for each i, along the last axis of ``indptr``.

    Raises:
        ValueError: If ``reduce`` is none of sum, add, mean, min and max.
    """
    return _segment_csr(src, indptr, out, reduce)


@torch.jit.ignore
def _segment_csr(
    src: Tensor, indptr: Tensor, out: Tensor | None = None, reduce: str = "sum"
) -> Tensor:
    if reduce not in REDUCTIONS:
        raise unknown("reduce", reduce, REDUCTIONS)
    if reduce in ("min", "max"):
        extreme = segment_min_csr if reduce == "min" else segment_max_csr
        return extreme(src, indptr, out)[0]
    function = segment_mean_csr if reduce == "mean" else segment_sum_csr
    return function(src, indptr, out)


def gather_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    """Repeat the value of each group as often as it has members.

    >>> import torch
    >>> gather_csr(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 1, 3]))
    tensor([1., 3., 3.])
    """
    return _gather_csr(src, indptr, out)


@torch.jit.ignore
def _gather_csr(src: Tensor, indptr: Tensor, out: Tensor | None = None) -> Tensor:
    dim = indptr.dim() - 1
    if not 0 <= dim < src.dim():
        raise ValueError(
            f"indptr: got {indptr.dim()} axes, src has {src.dim()}; expected 1 to that"
        )
    indptr = check_offsets("indptr", indptr, INT64_MAX)
    if out is not None:
        size = out.size(dim) if out.dim() == src.dim() else -1
    else:
        size = int(indptr.reshape(-1)[-1]) if indptr.numel() else 0
    num_groups = max(indptr.size(dim) - 1, 0)  # no offsets at all: no groups
    if num_groups != src.size(dim):
        raise ValueError(
            f"indptr: got {num_groups} groups, src has {src.size(dim)} along axis {dim}"
        )
    if indptr.numel() and not bool((indptr[..., 0] == 0).all() & (indptr[..., -1] == size).all()):
        raise ValueError(f"indptr: expected offsets from 0 to {size}, the number of values")
    check_device("indptr", indptr, src.device)
    if src.numel() == 0 and size == 0:
        return src.narrow(dim, 0, 0).clone() if out is None else out
    if not indptr.numel():
        raise ValueError(f"indptr: got shape {tuple(indptr.shape)}, src has {tuple(src.shape)}")
    line = indptr.reshape(-1) if indptr.numel() == indptr.size(-1) else along(src, indptr)
    group, _ = affordable(f"indptr: got {size} values", _csr_index, size, line)
    return gather_coo(src, group if line.dim() > 1 else group.reshape(*(1,) * dim, -1), out)
