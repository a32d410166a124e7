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

__all__ = [
    "INT32_MAX",
    "INT64_MAX",
    "INT64_MIN",
    "MOST_NODES",
    "affordable",
    "as_array",
    "as_size",
    "check_ascending",
    "check_batch",
    "check_device",
    "check_held",
    "check_index",
    "check_offsets",
    "check_square",
    "check_unmapped",
    "check_values",
    "check_weighted",
    "named",
    "narrowed",
    "out_of_memory",
    "readable",
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
    if not readable(index) or not index.numel():
        return index
    least, most = (int(bound) for bound in torch.aminmax(index))
    if least < 0 or most >= size:
        raise ValueError(f"{name}: got {least} to {most}, expected indices in [0, {size})")
    return index


def check_ascending(batch: Tensor | None) -> None:
    """Refuse a batch whose nodes do not stand graph by graph. Traces believe that they do."""
    if batch is None or torch.compiler.is_compiling() or batch.is_meta:
        return
    if bool((batch.diff() < 0).any()):
        raise ValueError("batch: got graphs in another order, expected an ascending one")


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
    if not readable(offsets) or not offsets.numel():
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


def readable(tensor: Tensor) -> bool:
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
