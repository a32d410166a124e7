"""What tells a tensor that was edited from one that was not, for whatever is remembered of it."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

__all__ = ["Memory", "edits", "memory_allowed", "stamp", "state"]

_VERSION = attrgetter("_version")


class Memory:
    """What was made of tensors, kept as long as they live.

    It does without the wrapper that torch's ``WeakTensorKeyDictionary`` makes for each question.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[weakref.ref[Tensor], dict[Hashable, Any]]] = {}

    def recall(self, tensor: Tensor, key: Hashable) -> Any:
        """Return what was kept of a tensor under a name, or None."""
        held = self._held.get(id(tensor))
        return held[1].get(key) if held is not None and held[0]() is tensor else None

    def keep(self, tensor: Tensor, key: Hashable, made: Any) -> None:
        """Keep something under a name."""
        place = id(tensor)
        held = self._held.get(place)
        if held is None or held[0]() is not tensor:
            forget = self._held.pop
            held = weakref.ref(tensor, lambda _: forget(place, None)), {}
            self._held[place] = held
        held[1][key] = made

    def drop(self, tensor: Tensor, key: Hashable) -> None:
        """Keep no longer what was kept under a name, if anything was."""
        held = self._held.get(id(tensor))
        if held is not None and held[0]() is tensor:
            held[1].pop(key, None)

    def __len__(self) -> int:
        return len(self._held)


def stamp(*tensors: Tensor | None) -> Hashable:
    """Return a value that changes when one of the tensors is edited in place or given other data.

    PyTorch counts the edits that it makes itself, through views, too; ``tensor.data = other`` shows
    in the address. Edits through NumPy, through ``tensor.data`` or by another process that shares
    the memory leave no trace, and to look for them would cost a pass over the tensor.

    Cost: the look at five attributes of each tensor.

    >>> import torch
    >>> edges = torch.zeros(2, 3)
    >>> before = stamp(edges)
    >>> edges[0, 0] = 1
    >>> stamp(edges) == before
    False
    """
    return tuple([None if tensor is None else state(tensor) for tensor in tensors])


def edits(*tensors: Tensor) -> Hashable:
    """Return what changes when one of these, held by us and handed to others, is edited in place.

    Cost: the look at one attribute of each.
    """
    return tuple(map(_VERSION, tensors))


def state(tensor: Tensor) -> Hashable:
    """Return the :func:`stamp` of one tensor."""
    if type(tensor) is Tensor and tensor.layout is torch.strided:
        return tensor._version, _address(tensor), tensor.shape, tensor.stride(), tensor.dtype
    if isinstance(tensor, EdgeIndex):  # the wrapper counts some edits, what it wraps the others
        return tensor._version, state(tensor.as_tensor())
    if tensor.layout != torch.strided:
        return (tensor.layout, *[state(part) for part in _parts(tensor)])
    return tensor._version, _address(tensor), tensor.shape, tensor.stride(), tensor.dtype


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    if tensor.layout == torch.sparse_coo:
        return tensor._indices(), tensor._values()
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
    return tensor.crow_indices(), tensor.col_indices(), tensor.values()


def _address(tensor: Tensor) -> int:
    try:
        return tensor.data_ptr()
    except RuntimeError:  # a tensor of a transform or of a trace, which has none
        return 0


def memory_allowed(*tensors: Tensor) -> bool:
    """Whether something may be remembered of these tensors, or recalled.

    Never in a compiled or recorded program, which would hold it as a constant, nor of tensors of
    inference mode, whose edits nobody counts.
    """
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    for tensor in tensors:  # noqa: SIM110 - a generator costs as much as all the rest
        if tensor.is_inference():
            return False
    return True
