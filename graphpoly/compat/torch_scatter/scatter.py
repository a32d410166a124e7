"""Reductions of groups in any order."""

import torch
from torch import Tensor

from graphpoly.compat.torch_scatter.groups import (
    count_of,
    divide,
    extreme_of,
    find_groups,
    row_of_value,
    total_of,
)
from graphpoly.errors import unknown

__all__ = [
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_mean",
    "scatter_min",
    "scatter_mul",
    "scatter_sum",
]

REDUCTIONS = ("sum", "add", "mul", "mean", "min", "max")


def scatter_sum(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    """Add up the values of each group, on top of what ``out`` holds if it is there.

    Args:
        src: Values.
        index: Group of each value along ``dim``: of the shape of ``src``, or broadcast to it.
        dim: The axis.
        out: Changed in place and returned.
        dim_size: Number of groups where there is no ``out``; default one more than the largest of
            ``index``.

    >>> import torch
    >>> scatter_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]))
    tensor([5., 0., 2.])
    """
    return _scatter_sum(src, index, dim, out, dim_size)


@torch.jit.ignore
def _scatter_sum(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    groups = find_groups(src, index, dim, out, dim_size)
    total = total_of(groups, src)
    return total if out is None else out.add_(total)


def scatter_add(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    """Call :func:`scatter_sum`."""
    return scatter_sum(src, index, dim, out, dim_size)


def scatter_mul(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    """Multiply the values of each group, and what ``out`` holds; empty groups are 1."""
    return _scatter_mul(src, index, dim, out, dim_size)


@torch.jit.ignore
def _scatter_mul(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    groups = find_groups(src, index, dim, out, dim_size)
    flat = groups.values(src)
    rows = row_of_value(groups).unsqueeze(-1).expand_as(flat)
    ones = flat.new_ones(groups.adj.num_rows, flat.size(1))
    product = groups.result(ones.scatter_reduce(0, rows, flat, "prod"))
    return product if out is None else out.mul_(product)


def scatter_mean(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    """Average the values of each group; ``out`` is added to their sum before the division."""
    return _scatter_mean(src, index, dim, out, dim_size)


@torch.jit.ignore
def _scatter_mean(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> Tensor:
    groups = find_groups(src, index, dim, out, dim_size)
    total = total_of(groups, src)
    return divide(total if out is None else out.add_(total), count_of(groups, total))


def scatter_min(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the least value of each group and its place along ``dim``.

    The first of equals wins, and what ``out`` holds wins over equals. Where no value won, the place
    is ``src.size(dim)``, and the result 0 if there is no ``out``.
    """
    return _scatter_min(src, index, dim, out, dim_size)


@torch.jit.ignore
def _scatter_min(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    return extreme_of(find_groups(src, index, dim, out, dim_size), src, out, largest=False)


def scatter_max(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the largest value of each group and its place; see :func:`scatter_min`."""
    return _scatter_max(src, index, dim, out, dim_size)


@torch.jit.ignore
def _scatter_max(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    return extreme_of(find_groups(src, index, dim, out, dim_size), src, out, largest=True)


def scatter(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> Tensor:
    """Reduce the values of each group; arguments as for :func:`scatter_sum`.

    Raises:
        ValueError: If ``reduce`` is none of sum, add, mul, mean, min and max.
    """
    return _scatter(src, index, dim, out, dim_size, reduce)


@torch.jit.ignore
def _scatter(
    src: Tensor,
    index: Tensor,
    dim: int = -1,
    out: Tensor | None = None,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> Tensor:
    if reduce not in REDUCTIONS:
        raise unknown("reduce", reduce, REDUCTIONS)
    if reduce in ("min", "max"):
        extreme = scatter_min if reduce == "min" else scatter_max
        return extreme(src, index, dim, out, dim_size)[0]
    functions = {"mul": scatter_mul, "mean": scatter_mean}
    return functions.get(reduce, scatter_sum)(src, index, dim, out, dim_size)
