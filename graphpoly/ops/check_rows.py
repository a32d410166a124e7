"""What is asked of compressed rows, those of an operator or of graphs, where they enter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.entry import (
    INT32_MAX,
    affordable,
    as_size,
    check_device,
    check_held,
    check_index,
    check_offsets,
    check_unmapped,
    readable,
)
from graphpoly.ops.library import implement, interruptible

__all__ = ["check_csr", "check_graphs", "on_graphs"]


def check_csr(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    perm: Tensor | None,
    num_cols: int,
    transposed: tuple[Tensor, Tensor, Tensor] | None,
) -> None:
    """Refuse the fields of a :class:`~graphpoly.ops.CSR` that operators could not read.

    Raises:
        TypeError: If a field is of another type.
        ValueError: If lengths, offsets, indices, devices or the transpose do not fit.
    """
    if torch.compiler.is_compiling():
        return
    num_cols = as_size("num_cols", num_cols)
    for name, index in (("rowptr", rowptr), ("col", col)):
        if not isinstance(index, Tensor):
            raise TypeError(f"{name}: got {type(index).__name__}, expected a tensor")
        if index.dtype != rowptr.dtype or index.dtype not in (torch.int64, torch.int32):
            raise TypeError(
                f"{name}: got dtype {index.dtype}, expected int64 or int32, as of rowptr"
            )
        if index.dim() != 1:
            raise ValueError(f"{name}: got shape {tuple(index.shape)}, expected one dimension")
        check_device(name, index, rowptr.device)
    if not rowptr.size(0):
        raise ValueError("rowptr: got shape (0,), expected [R+1]")
    num_rows, num_entries = rowptr.size(0) - 1, col.size(0)
    if rowptr.dtype == torch.int32 and max(num_cols, num_rows, num_entries) > INT32_MAX:
        raise ValueError(f"num_cols: got {num_cols}, which takes int64 indices")
    if weight is not None:
        if not isinstance(weight, Tensor) or weight.shape != (num_entries,):
            got = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
            raise ValueError(f"weight: got {got}, expected [{num_entries}]")
        check_device("weight", weight, rowptr.device)
    if perm is not None:
        check_index("perm", perm, num_entries, num_entries)
        if perm.dtype != rowptr.dtype:
            raise TypeError(f"perm: got dtype {perm.dtype}, expected {rowptr.dtype}, as of rowptr")
        check_device("perm", perm, rowptr.device)
    if not readable(rowptr):
        return
    _rows_fit(rowptr, col, num_cols)
    if transposed is None:
        return
    if not isinstance(transposed, tuple) or len(transposed) != 3:
        raise TypeError("transposed: expected (colptr, row, tperm)")
    colptr, row, tperm = transposed
    check_csr(colptr, row, None, tperm, num_rows, None)
    if colptr.shape != (num_cols + 1,) or row.shape != col.shape or colptr.dtype != rowptr.dtype:
        raise ValueError(
            f"transposed: got {colptr.size(0) - 1} columns and {row.size(0)} entries in "
            f"{colptr.dtype}, expected {num_cols} and {num_entries} in {rowptr.dtype}"
        )
    place = check_index("transposed", tperm, num_entries, num_entries).long()
    own = torch.repeat_interleave(rowptr.diff().long().cpu())
    back = torch.repeat_interleave(colptr.diff().long().cpu())
    place = place.cpu()
    fits = (own[place] == row.cpu()).all() and (col.cpu()[place] == back).all()
    if not bool(fits) or place.unique().numel() != num_entries:
        raise ValueError("transposed: got what is not the transpose of rowptr and col")


def check_graphs(rowptr: Tensor, col: Tensor, ptr: Tensor | None = None) -> None:
    """Refuse what are not simple undirected graphs side by side, in compressed rows.

    Args:
        rowptr: ``[N+1]``, int64.
        col: Neighbours, ascending in each row, ``[E]``, int64.
        ptr: Where the nodes of each graph begin, ``[G+1]``, int64; None for one graph.

    Raises:
        TypeError: If one is no int64 tensor.
        ValueError: If shapes, offsets or devices do not fit, or a row is not an ascending list of
            other nodes of its graph that list it, too.

    Complexity: O(E log E).
    """
    if torch.compiler.is_compiling():
        return
    _graph_tensors(rowptr, col, ptr)
    if not readable(rowptr):
        return
    size = rowptr.size(0) - 1
    _rows_fit(rowptr, col, size)
    row = torch.repeat_interleave(rowptr.diff())
    if ptr is not None:
        check_offsets("ptr", ptr, size)
        if int(ptr[0]) != 0 or int(ptr[-1]) != size:
            raise ValueError(f"ptr: got {int(ptr[0])} to {int(ptr[-1])}, expected 0 to {size}")
        owner = torch.repeat_interleave(ptr.diff())
        if bool((owner[row] != owner[col]).any()):
            raise ValueError("col: got an edge between two graphs")
    key, back = row * size + col, torch.sort(col * size + row).values
    if bool((row == col).any()) or bool((key[1:] <= key[:-1]).any()):
        raise ValueError("col: got a row that is not an ascending list of other nodes")
    if not torch.equal(key, back):
        raise ValueError("col: got an edge without its reverse")


def on_graphs(operator: Any, what: str, *arguments: Any) -> Any:
    """Call an operator on ``rowptr``, ``col`` and ``ptr`` of graphs; see :func:`check_graphs`.

    The kernel looks at the values itself, in one pass, and so does the definition: what they say is
    the user's error.

    Args:
        operator: The operator.
        what: The argument that the size of the result depends on, and what it is.
        *arguments: Its own.

    Raises:
        TypeError: If a tensor of the graphs is not int64.
        ValueError: If they are no such graphs, or there is no memory for the result.
    """
    if torch.compiler.is_compiling():
        return operator(*arguments)
    _graph_tensors(*arguments[:3])
    try:
        return affordable(what, interruptible, operator, *arguments)
    except RuntimeError as error:
        said = str(error).partition("\n")[0].partition(f"{operator.__name__}: ")[2]
        if not said:
            raise
        raise ValueError(said) from None


def _graph_tensors(rowptr: Tensor, col: Tensor, ptr: Tensor | None) -> None:
    given = {"rowptr": rowptr, "col": col, "ptr": ptr}
    for name, tensor in given.items():
        if name == "ptr" and tensor is None:
            continue
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.int64:
            got = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(f"{name}: got {got}, expected an int64 tensor")
        if tensor.dim() != 1 or (name != "col" and not tensor.numel()):
            raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected one dimension")
        check_held(name, tensor)
        check_device(name, tensor, rowptr.device)


def _rows_fit(rowptr: Tensor, col: Tensor, num_cols: int) -> None:
    check_unmapped("col", col)
    try:
        torch.ops.graphpoly.checked_rows(rowptr, col, num_cols, rowptr.dtype == torch.int32)
    except (RuntimeError, ValueError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _checked_rows(
    rowptr: Tensor, col: Tensor, num_cols: int, narrow: bool
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::checked_rows``: both as they are, or in int32."""
    num_entries, dtype = col.size(0), torch.int32 if narrow else torch.int64
    first, last = int(rowptr[0]), int(rowptr[-1])
    if first != 0 or last != num_entries or bool((rowptr[1:] < rowptr[:-1]).any()):
        raise ValueError(
            f"rowptr: got {first} to {last}, expected ascending ones from 0 to {num_entries}, the "
            "length of col"
        )
    if num_entries:
        least, most = (int(bound) for bound in torch.aminmax(col))
        if least < 0 or most >= num_cols:
            raise ValueError(f"col: got {least} to {most}, expected columns in [0, {num_cols})")
    return rowptr.to(dtype, copy=True), col.to(dtype, copy=True)


implement(
    "checked_rows",
    reference=_checked_rows,
    fake=lambda rowptr, col, num_cols, narrow: (
        rowptr.new_empty(rowptr.shape, dtype=torch.int32 if narrow else torch.int64),
        col.new_empty(col.shape, dtype=torch.int32 if narrow else torch.int64),
    ),
)
