"""What is asked of an index, an offset, a size or a device, once, where it enters.

Indices are checked in the dtype in which they come: one that is narrowed first may wrap around to a
node that exists. Behind the entry the operators believe what they read.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from graphpoly.ops.library import implement, interruptible

__all__ = [
    "INT32_MAX",
    "INT64_MAX",
    "INT64_MIN",
    "MOST_NODES",
    "affordable",
    "as_array",
    "as_size",
    "check_batch",
    "check_csr",
    "check_device",
    "check_graphs",
    "check_held",
    "check_index",
    "check_offsets",
    "check_square",
    "check_unmapped",
    "check_values",
    "check_weighted",
    "named",
    "narrowed",
    "on_graphs",
    "out_of_memory",
]

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
# numbers of nodes beyond which no row pointers fit into any memory
MOST_NODES = 2**40 - 1


def as_size(name: str, value: Any, least: int = 0, most: int = INT64_MAX) -> int:
    """Return a size or a count that an argument gives.

    Args:
        name: Of the argument.
        value: An integer, or what stands for one.
        least: Smallest number that is accepted.
        most: Largest number that is accepted.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is out of range.

    >>> as_size("K", 3)
    3
    """
    if torch.compiler.is_compiling():
        return value  # sizes of traces are not to be looked at
    if type(value) is int and least <= value <= most:
        return value
    if isinstance(value, torch.SymInt):
        return cast(int, value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: got {value!r}, expected an integer")
    value = operator.index(value)
    if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise ValueError(f"{name}: got {value}, expected {bound}")
    return value


def narrowed(index: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an index in another integer dtype; what does not fit stays outside of every size.

    >>> narrowed(torch.tensor([1, 2**32 + 1, -(2**32)]), torch.int32).tolist()
    [1, 2147483647, -2147483648]
    """
    if index.dtype == dtype:
        return index
    if torch.iinfo(dtype).max < torch.iinfo(index.dtype).max:
        index = index.clamp(torch.iinfo(dtype).min, torch.iinfo(dtype).max)
    return index.to(dtype)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short, on any device."""
    text = str(error)
    return isinstance(error, MemoryError) or any(
        said in text
        for said in (
            "can't allocate memory",
            "out of memory",
            "Storage size calculation overflow",
            "bad_alloc",
            "aten::new_empty",  # what a kernel's own outputs fail with
            "cannot create std::vector",
            "vector::",
            "numel: integer multiplication overflow",
            "cannot be represented as a SymInt",
        )
    )


def affordable(what: str | Callable[[], str], run: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``run``; that there is no memory for the result is the user's error.

    Args:
        what: The arguments that its size depends on, and what they are, or a function that says
            so: a text with sizes in it would tie a traced program to them.
        run: An operator.
        *arguments: Its own.

    Raises:
        ValueError: In place of what PyTorch says of its allocator.
    """
    if torch.compiler.is_compiling():
        return run(*arguments)
    try:
        return run(*arguments)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        told = what if isinstance(what, str) else what()
        raise ValueError(f"{told}: no memory for so large a result") from None


def named(name: str, run: Callable[..., Any], *arguments: Any) -> Any:
    """Call ``run``; what it says of an index outside or of offsets that fall is the user's error.

    Args:
        name: Of the argument that is wrong then.
        run: An operator.
        *arguments: Its own.

    Raises:
        ValueError: In its place.
    """
    if torch.compiler.is_compiling():
        return run(*arguments)
    try:
        return run(*arguments)
    except (RuntimeError, ValueError) as error:
        text = str(error).splitlines()[0]
        if "outside" not in text and "expected" not in text:
            raise
        raise ValueError(f"{name}: {text}") from None


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
    if not _readable(rowptr):
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
    if not _readable(rowptr):
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


def check_index(name: str, index: Tensor, size: int, length: int | None = None) -> Tensor:
    """Return an index into ``size`` things, once it is known to be one.

    A trace cannot look: there the operators that read the index check it.

    Args:
        name: Of the argument.
        index: int32 or int64, ``[L]``.
        size: Number of things.
        length: L, where it is known.

    Raises:
        TypeError: If the dtype is another.
        ValueError: If the shape is another, or an index lies outside [0, ``size``).
    """
    if not isinstance(index, Tensor):
        raise TypeError(f"{name}: got {type(index).__name__}, expected a tensor")
    if index.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name}: got dtype {index.dtype}, expected int64 or int32")
    if index.dim() != 1 or (length is not None and index.size(0) != length):
        wanted = "L" if length is None else length
        raise ValueError(f"{name}: got shape {tuple(index.shape)}, expected [{wanted}]")
    if not _readable(index) or not index.numel():
        return index
    least, most = (int(bound) for bound in torch.aminmax(index))
    if least < 0 or most >= size:
        raise ValueError(f"{name}: got {least} to {most}, expected indices in [0, {size})")
    return index


def check_batch(
    batch: Tensor | None, num_nodes: int, batch_size: int | None = None, *, name: str = "batch"
) -> None:
    """Refuse what does not say the graph of each node. Traces leave that to the operators.

    Args:
        batch: ``[N]`` or None for one graph.
        num_nodes: N.
        batch_size: Number of graphs, if known.
        name: Of the argument.

    Raises:
        TypeError: If ``batch`` is no index.
        ValueError: If ``batch`` is too short or too long, or a graph lies outside ``batch_size``.
    """
    if torch.compiler.is_compiling():
        return
    if batch_size is not None:
        as_size("batch_size", batch_size, most=MOST_NODES)
    if batch is not None:
        # without a size the largest number is bounded by nothing but memory
        check_index(name, batch, MOST_NODES if batch_size is None else batch_size, num_nodes)


def check_offsets(name: str, offsets: Tensor, size: int) -> Tensor:
    """Return ``[..., G+1]`` offsets of groups among ``size`` values: ascending, none outside.

    Raises:
        TypeError: If they are no int32 or int64 tensor.
        ValueError: If they fall, or lie outside [0, ``size``].
    """
    if not isinstance(offsets, Tensor):
        raise TypeError(f"{name}: got {type(offsets).__name__}, expected a tensor")
    if offsets.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{name}: got dtype {offsets.dtype}, expected int64 or int32")
    if offsets.dim() == 0:
        raise ValueError(f"{name}: got a scalar, expected [..., G+1] offsets")
    check_held(name, offsets)
    check_unmapped(name, offsets)
    if not _readable(offsets) or not offsets.numel():
        return offsets
    least, most = (int(bound) for bound in torch.aminmax(offsets))
    if least < 0 or most > size:
        raise ValueError(f"{name}: got {least} to {most}, expected offsets in [0, {size}]")
    if bool((offsets[..., 1:] < offsets[..., :-1]).any()):
        raise ValueError(f"{name}: got offsets that fall, expected ascending ones")
    return offsets


def check_device(name: str, tensor: Tensor, device: torch.device) -> None:
    """Refuse what lies on another device than the operator.

    Raises:
        ValueError: If it does.
    """
    if tensor.device != device:
        raise ValueError(f"{name}: got a tensor on {tensor.device}, the operator is on {device}")


def check_held(name: str, tensor: Tensor) -> None:
    """Refuse a tensor on the meta device, where its values are needed. Traces have none, either.

    Raises:
        ValueError: If it is on that device.
    """
    if tensor.is_meta and _plain(tensor):
        raise ValueError(f"{name}: got a tensor on the meta device, which holds no values")


def check_unmapped(name: str, tensor: Tensor) -> None:
    """Refuse a tensor that ``torch.func.vmap`` maps over, where sizes depend on its values.

    Raises:
        ValueError: If it does.
    """
    if torch.compiler.is_compiling():
        return
    transforms, inner = torch._C._functorch, tensor
    while transforms.is_functorch_wrapped_tensor(inner):
        if transforms.is_batchedtensor(inner):
            raise ValueError(
                f"{name}: torch.func.vmap maps over it, and sizes depend on its values; lay the "
                "graphs side by side in one batch instead"
            )
        inner = transforms.get_unwrapped(inner)


def check_values(name: str, tensor: Tensor, *shape: int | None, device: Any = None) -> None:
    """Refuse what is not floating-point, of another shape or on another device.

    Args:
        name: Of the argument.
        tensor: The argument.
        *shape: Its sizes, None where any will do.
        device: That of the operator, if there is one.

    Raises:
        TypeError: If the dtype is another.
        ValueError: If the shape or the device is another.
    """
    if not tensor.is_floating_point():
        raise TypeError(f"{name}: got dtype {tensor.dtype}, a floating-point dtype is accepted")
    fits = tensor.dim() == len(shape) and all(
        wanted is None or wanted == got for wanted, got in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("*" if size is None else str(size) for size in shape)
        raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected [{wanted}]")
    if device is not None:
        check_device(name, tensor, device)


def check_square(adj: Any) -> None:
    """Refuse an operator with other targets than sources.

    Raises:
        ValueError: If it is one.
    """
    if adj.num_rows != adj.num_cols:
        raise ValueError(f"adj: got {adj.num_rows} x {adj.num_cols}, a square operator is needed")


def check_weighted(adj: Any) -> None:
    """Refuse an operator without values.

    Raises:
        ValueError: If it has none.
    """
    if adj.weight is None:
        raise ValueError("adj: got an operator without values, some are needed")
    if not adj.weight.is_floating_point():
        raise TypeError(
            f"adj: got values of dtype {adj.weight.dtype}, expected floating-point ones"
        )


def _plain(tensor: Tensor) -> bool:
    return not torch.compiler.is_compiling() and not isinstance(
        tensor, torch._subclasses.FakeTensor
    )


def _readable(tensor: Tensor) -> bool:
    """Whether the values are there to be looked at."""
    return not (
        tensor.is_meta
        or torch.compiler.is_compiling()
        or torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        or isinstance(tensor, torch._subclasses.FakeTensor)
    )


def as_array(index: Tensor) -> np.ndarray:
    """Return the values of an index on the CPU, within a transform of torch.func, too."""
    if torch._C._are_functorch_transforms_active():  # .numpy() has no storage there
        return np.array(index.tolist(), dtype=np.int64)
    found: np.ndarray = index.numpy()
    return found


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
