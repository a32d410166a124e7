"""What every function here does: find the groups, lay out the values, reduce them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.entry import MOST_NODES, as_size, check_device
from graphpoly.ops.pool import segments
from graphpoly.ops.spmm import spmm, spmm_max_reference

__all__ = ["Groups", "count_of", "divide", "extreme_of", "find_groups", "row_of_value", "total_of"]


class Groups(NamedTuple):
    """Which values belong together: rows of ``adj`` are groups, columns are values.

    Values and results are matrices here, ``[E, F]`` and ``[G, F]``. Where every slice of ``src``
    along ``dim`` is grouped alike, ``dim`` comes first and the other axes are F channels. Where
    not, every scalar is a value of its own, F is 1, and slices have groups of their own.
    """

    adj: CSR
    dim: int
    shape: tuple[int, ...]  # of src
    dim_size: int
    alike: bool

    @property
    def out_shape(self) -> tuple[int, ...]:
        return (*self.shape[: self.dim], self.dim_size, *self.shape[self.dim + 1 :])

    def values(self, src: Tensor) -> Tensor:
        """``src`` as a matrix of values."""
        if not self.alike:
            return src.reshape(-1, 1)
        return src.movedim(self.dim, 0).reshape(src.size(self.dim), _rest(src.shape, self.dim))

    def values_back(self, flat: Tensor) -> Tensor:
        """A matrix of values in the shape of ``src``."""
        return self._back(flat, self.shape)

    def result(self, flat: Tensor) -> Tensor:
        """A matrix of groups in the shape of the output."""
        return self._back(flat, self.out_shape)

    def _back(self, flat: Tensor, shape: tuple[int, ...]) -> Tensor:
        if not self.alike:
            return flat.reshape(shape)
        first = (shape[self.dim], *shape[: self.dim], *shape[self.dim + 1 :])
        return flat.reshape(first).movedim(0, self.dim).contiguous()


def _rest(shape: torch.Size, dim: int) -> int:
    rest = 1
    for axis, size in enumerate(shape):
        rest *= size if axis != dim else 1
    return rest


def _broadcast(index: Tensor, src: Tensor, dim: int) -> Tensor:
    if index.dim() == 1:
        index = index.reshape(*(1,) * dim, -1)
    index = index.reshape(*index.shape, *(1,) * (src.dim() - index.dim()))
    return index.expand(src.shape)


def find_groups(
    src: Tensor, index: Tensor, dim: int, out: Tensor | None, dim_size: int | None
) -> Groups:
    if index.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"index: got dtype {index.dtype}, expected int64 or int32")
    if index.dim() == 0:
        raise ValueError("index: got a scalar, expected [..., E]")
    if src.is_complex():
        raise TypeError(f"src: got dtype {src.dtype}, real ones are accepted")
    check_device("index", index, src.device)
    if index.is_meta:
        raise ValueError("index: got a tensor on the meta device, which holds no groups")
    if dim_size is not None:
        dim_size = as_size("dim_size", dim_size, most=MOST_NODES)
    dim = as_size("dim", dim, least=-(2**31))
    dim = dim + src.dim() if dim < 0 else dim
    if not 0 <= dim < src.dim():
        raise ValueError(f"dim: got {dim} for {src.dim()} axes")
    if out is not None:
        if out.dim() != src.dim():
            raise ValueError(f"out: got {out.dim()} axes, expected {src.dim()}, as of src")
        dim_size = out.size(dim)
    if dim_size is None:
        dim_size = max(int(index.max()) + 1, 0) if index.numel() else 0
    alike = index.dim() == 1 or index.numel() == index.size(min(dim, index.dim() - 1))
    if alike:
        line = index if index.dim() == 1 else index.reshape(-1)
        if line.size(0) != src.size(dim):
            if line.size(0) != 1:
                raise ValueError(
                    f"index: got shape {tuple(index.shape)}, expected {src.size(dim)} along axis "
                    f"{dim} of src"
                )
            line = line.expand(src.size(dim))
        return Groups(segments(line, dim_size), dim, tuple(src.shape), dim_size, True)
    try:
        full = _broadcast(index, src, dim)
    except RuntimeError:
        raise ValueError(
            f"index: got shape {tuple(index.shape)}, which does not fit src's, {tuple(src.shape)}"
        ) from None
    if full.numel() and not 0 <= int(full.min()) <= int(full.max()) < dim_size:
        raise ValueError(f"index: one lies outside [0, {dim_size})")
    before = src.shape[:dim].numel()
    after = src.shape[dim + 1 :].numel()
    group = torch.arange(before, device=src.device).reshape(-1, 1, 1) * dim_size
    group = (group + full.reshape(before, src.size(dim), after)) * after
    group = (group + torch.arange(after, device=src.device)).reshape(-1)
    adj = segments(group, before * dim_size * after)
    return Groups(adj, dim, tuple(src.shape), dim_size, False)


def total_of(groups: Groups, src: Tensor) -> Tensor:
    flat = groups.values(src)
    if flat.is_floating_point():
        return groups.result(spmm(groups.adj, flat))
    rows = row_of_value(groups)
    return groups.result(flat.new_zeros(groups.adj.num_rows, flat.size(1)).index_add(0, rows, flat))


def row_of_value(groups: Groups) -> Tensor:
    assert groups.adj.transposed is not None
    return groups.adj.transposed[1].long()


def count_of(groups: Groups, total: Tensor) -> Tensor:
    count = groups.adj.rowptr.diff().clamp(min=1).to(total.dtype).unsqueeze(-1)
    channels = _rest(torch.Size(groups.shape), groups.dim) if groups.alike else 1
    return groups.result(count.expand(-1, channels))


def divide(total: Tensor, count: Tensor, *, integers: str = "floor") -> Tensor:
    if total.is_floating_point():
        return total.div_(count)
    if total.dtype == torch.bool:
        raise TypeError("src: got dtype torch.bool, of which there is no mean; give src.float()")
    return total.div_(count, rounding_mode=integers)


def extreme_of(
    groups: Groups, src: Tensor, out: Tensor | None, *, largest: bool
) -> tuple[Tensor, Tensor]:
    flat, adj = groups.values(src), groups.adj
    if flat.is_floating_point():
        wide = flat.to(torch.promote_types(flat.dtype, torch.float32))
        turn = adj.transposed or (None, None, None)
        best, entry = torch.ops.graphpoly.spmm_max(adj.rowptr, adj.col, None, wide, *turn, largest)
        best = best.to(flat.dtype)
    else:
        best, entry = spmm_max_reference(adj.rowptr, adj.col, None, flat, largest=largest)
    nothing = src.size(groups.dim)
    if adj.num_entries:
        place = adj.col[entry.clamp(max=adj.num_entries - 1).long()].long()
        if not groups.alike:  # the place of a scalar is that along the axis
            place = place // _after(groups) % max(nothing, 1)
        place = torch.where(entry == adj.num_entries, nothing, place)
    else:
        place = torch.full_like(entry, nothing, dtype=torch.long)
    value, where = groups.result(best), groups.result(place)
    if out is None:
        return value, where
    wins = ((value > out) if largest else (value < out)) & (where < nothing)
    out.copy_(torch.where(wins, value, out))
    return out, torch.where(wins, where, nothing)


def _after(groups: Groups) -> int:
    return torch.Size(groups.shape[groups.dim + 1 :]).numel()
