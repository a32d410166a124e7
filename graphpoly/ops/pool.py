"""From nodes to graphs: the aggregation whose neighbourhoods are the graphs of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR, _index_dtype, _recall, _remember, trusted_csr
from graphpoly.ops.coo_to_csr import entry_rows
from graphpoly.ops.dtypes import EXACT
from graphpoly.ops.entry import as_size, check_unmapped, out_of_memory
from graphpoly.ops.library import call, implement
from graphpoly.ops.multi_aggregate import multi_aggregate
from graphpoly.ops.spmm import spmm

__all__ = ["pool", "ranges", "segments"]

_SUM = torch.ops.graphpoly.pool_sum.default
_INTEGERS = (torch.int64, torch.int32)


def pool(
    x: Tensor,
    batch: Tensor,
    reduce: str | Sequence[str] = "sum",
    *,
    batch_size: int | None = None,
) -> Tensor:
    """Aggregate the nodes of each graph.

    Args:
        x: Node features, ``[N]`` or ``[N, ...]``; half precisions are computed in float32. A sum or
            mean of bfloat16 is read and written as it is.
        batch: Graph of each node, ``[N]``, in any order.
        reduce: One of ``"sum"``, ``"mean"``, ``"max"``, ``"min"``, or a list of those that
            :func:`~graphpoly.ops.multi_aggregate` knows, which adds an axis.
        batch_size: Number of graphs B; default one more than the largest of ``batch``.

    Returns:
        ``[B, ...]``, or ``[B, A, ...]`` for a list of A; graphs without nodes are 0.

    Raises:
        ValueError: If shapes do not fit, or a graph lies outside ``batch_size``.

    Complexity: O(N F) time. The grouping is remembered for as long as ``batch`` lives.

    >>> import torch
    >>> from graphpoly.ops import pool
    >>> pool(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1, 0, 1]), "mean").tolist()
    [2.0, 3.0]
    """
    if x.dim() == 0 or batch.dim() != 1 or x.size(0) != batch.size(0):
        raise ValueError(
            f"x, batch: got shapes {tuple(x.shape)} and {tuple(batch.shape)}, expected [N, ...] "
            "and [N]"
        )
    if batch_size is not None:
        batch_size = as_size("batch_size", batch_size)
    if _at_once(x, batch, reduce):
        return _summed(x, batch, reduce == "mean", batch_size)
    groups = segments(batch, batch_size, name="batch")
    if isinstance(reduce, str):
        return spmm(groups, x, reduce)
    return multi_aggregate(groups, x, reduce)


def _at_once(x: Tensor, batch: Tensor, reduce: str | Sequence[str]) -> bool:
    """Whether sums are made without a grouping of the nodes, which takes longer than they do."""
    return (
        reduce in ("sum", "mean")
        and x.dim() == 2
        and x.dtype in (*EXACT, torch.bfloat16)
        and x.device.type == "cpu" == batch.device.type
        and batch.dtype in _INTEGERS
        and not torch.compiler.is_compiling()
    )


def _summed(x: Tensor, batch: Tensor, mean: bool, batch_size: int | None) -> Tensor:
    if batch_size is None:
        check_unmapped("batch", batch)
        batch_size = max(int(batch.max()) + 1, 0) if batch.size(0) else 0
    try:
        out: Tensor = call(_SUM, x, batch, batch_size, mean)
    except (RuntimeError, ValueError) as error:
        raise _worded(error, "batch", batch_size) from None
    return out


def _worded(error: Exception, name: str, num_segments: int) -> Exception:
    """What is wrong with an index, in the words of the caller."""
    if out_of_memory(error):
        return ValueError(f"{name}: no memory for {num_segments} groups")
    if "outside" not in str(error):
        return error
    return ValueError(f"{name}: one lies outside [0, {num_segments}) ({error})")


def pool_sum_reference(x: Tensor, index: Tensor, size: int, mean: bool) -> Tensor:
    """The definition of ``graphpoly::pool_sum`` in plain PyTorch; x is ``[N, F]``.

    A bfloat16 x is summed in float32 and rounded once.
    """
    if x.dtype == torch.bfloat16:
        return pool_sum_reference(x.float(), index, size, mean).to(x.dtype)
    out = x.new_zeros(size, x.size(1)).index_add(0, index, x)
    return out / _count(index, size, x) if mean else out


def _count(index: Tensor, size: int, like: Tensor) -> Tensor:
    ones = like.new_ones(index.size(0))
    return like.new_zeros(size).index_add(0, index, ones).clamp(min=1).unsqueeze(-1)


def _fake(x: Tensor, index: Tensor, size: int, mean: bool) -> Tensor:
    torch._check(x.dim() == 2)
    return x.new_empty(size, x.size(1))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, index, ctx.size, ctx.mean = inputs
    ctx.save_for_backward(index)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    (index,) = ctx.saved_tensors
    if ctx.mean:
        wide = grad.float() if grad.dtype == torch.bfloat16 else grad
        grad = (wide / _count(index, ctx.size, wide)).to(grad.dtype)
    return grad.index_select(0, index), None, None, None


implement(
    "pool_sum", reference=pool_sum_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def segments(index: Tensor, num_segments: int | None = None, *, name: str = "index") -> CSR:
    """Return the operator that gathers what belongs together: row i lists where ``index`` is i.

    Args:
        index: ``[N]``, int32 or int64, in any order.
        num_segments: Number of rows; default one more than the largest index.
        name: What errors call the index.

    Returns:
        An operator of N columns with one entry in each, and its transpose.

    Raises:
        ValueError: If an index is negative or too large.
    """
    if index.dtype not in _INTEGERS:
        raise TypeError(f"{name}: got dtype {index.dtype}, expected int64 or int32")
    size = index.size(0)
    key = "segments", num_segments
    held = _recall(index, key, num_segments, size, True)
    if num_segments is None and held is None:
        if index.is_meta:
            raise ValueError(f"{name}: got a tensor on the meta device, which holds no groups")
        check_unmapped(name, index)
        num_segments = max(int(index.max()) + 1, 0) if size else 0
        held = _recall(index, ("segments", num_segments), num_segments, size, True)
    if held is not None:
        return held
    assert num_segments is not None
    made = _grouped(index, num_segments, name)
    return _remember(index, made, ("segments", num_segments), key)


def _grouped(index: Tensor, num_segments: int, name: str) -> CSR:
    size = index.size(0)
    dtype = _index_dtype(size, num_segments)
    place = torch.arange(size + 1, dtype=dtype, device=index.device)
    line = index.contiguous() if dtype == torch.int32 else index.to(dtype).contiguous()
    sizes = (num_segments, size, dtype == torch.int32)
    try:
        rowptr, col, perm = torch.ops.graphpoly.coo_to_csr(line, place[:-1], *sizes)
    except (RuntimeError, ValueError) as error:
        raise _worded(error, name, num_segments) from None
    row, back = line.to(dtype), place[:-1]
    # groups in order, as loaders give them, are turned back by nothing
    known = index.device.type == "cpu" and not torch.compiler.is_compiling()
    known = known and not torch._C._functorch.is_functorch_wrapped_tensor(perm)
    if not (known and torch.equal(perm, back)):
        back = torch.empty_like(perm).index_copy(0, perm.long(), back)
    return trusted_csr(rowptr, col, None, perm, size, (place, row, back))


def ranges(ptr: Tensor, size: int) -> CSR:
    """Return the operator that gathers ranges: row i lists ``ptr[i]`` to ``ptr[i + 1] - 1``.

    Args:
        ptr: ``[G+1]``, int32 or int64, ascending from 0 to ``size``, which nobody checks here; see
            :func:`graphpoly.ops.entry.check_offsets`.
        size: Number of columns.

    Returns:
        An operator with one entry in each column, and its transpose.
    """
    place = torch.arange(size + 1, dtype=ptr.dtype, device=ptr.device)
    back = (place, entry_rows(ptr, size), place[:-1])
    return trusted_csr(ptr.contiguous(), place[:-1], None, None, size, back)
