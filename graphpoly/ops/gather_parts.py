"""Parts of one tensor side by side: how a batch is taken from many graphs in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.entry import affordable, as_size
from graphpoly.ops.library import call, implement

__all__ = ["Columns", "Parts", "gather_columns", "gather_parts"]


class Parts(NamedTuple):
    """What :func:`gather_parts` gives.

    Attributes:
        value: The parts that were asked for, joined.
        offsets: Where each begins there, ``[B+1]``.
        raised: By how much each was raised, ``[B]``.
    """

    value: Tensor
    offsets: Tensor
    raised: Tensor


def gather_parts(
    value: Tensor, bounds: Tensor, chosen: Tensor, *, dim: int = 0, step: Tensor | None = None
) -> Parts:
    """Join some of the parts that a tensor is divided into, in any order and more than once.

    With ``step`` each part but the first is raised by the steps of those that come before it among
    the chosen: so the node numbers of graphs become those of a batch.

    Args:
        value: ``[..., S, ...]``, of any type.
        bounds: Where each part begins, ``[G+1]``, int64, ascending within ``[0, S]``.
        chosen: Numbers of parts, ``[B]``, int64.
        dim: The divided dimension.
        step: How much each part makes room for, ``[G]``, int64; for an int64 ``value``.

    Raises:
        TypeError: If a type is another.
        ValueError: If shapes, bounds or numbers do not fit.

    Complexity: one copy of what is chosen. There is no gradient.

    >>> edges, bounds = torch.tensor([[0, 1, 0], [1, 0, 0]]), torch.tensor([0, 2, 3])
    >>> found = gather_parts(edges, bounds, torch.tensor([1, 0]), dim=1, step=torch.tensor([2, 1]))
    >>> found.value.tolist(), found.offsets.tolist(), found.raised.tolist()
    ([[0, 1, 2], [0, 2, 1]], [0, 1, 3], [0, 1])
    """
    for name, tensor in {"bounds": bounds, "chosen": chosen, "step": step}.items():
        if tensor is not None and tensor.dtype != torch.int64:
            raise TypeError(f"{name}: got {tensor.dtype}, int64 is accepted")
    if step is not None and value.dtype != torch.int64:
        raise TypeError(f"step: value is of {value.dtype}, only int64 is raised")
    if value.dim() == 0:
        raise ValueError("value: got a number, expected at least one dimension")
    dim = as_size("dim", dim, -value.dim(), value.dim() - 1)
    for name, tensor in {"bounds": bounds, "chosen": chosen, "step": step}.items():
        if tensor is not None and tensor.dim() != 1:
            raise ValueError(f"{name}: got {tensor.dim()} dimensions, expected 1")
    if bounds.numel() == 0:
        raise ValueError("bounds: got none, expected [G+1]")
    if step is not None and step.numel() != bounds.numel() - 1:
        expected = bounds.numel() - 1
        raise ValueError(f"step: got {step.numel()} numbers, there are {expected} parts")
    operator, axis = torch.ops.graphpoly.gather_parts, dim % value.dim()
    try:
        what = "chosen: the parts"
        return Parts(*affordable(what, call, operator, value, bounds, step, chosen, axis))
    except RuntimeError as error:
        line = str(error).partition("\n")[0]
        if not line.startswith(("bounds: ", "chosen: ")):
            raise
        raise ValueError(line) from None


def gather_parts_reference(
    value: Tensor, bounds: Tensor, step: Tensor | None, chosen: Tensor, dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition: an index of every place."""
    parts = bounds.numel() - 1
    if bool(((chosen < 0) | (chosen >= parts)).any()):
        raise RuntimeError(f"chosen: got a number outside [0, {parts})")
    begin, end = bounds[chosen], bounds[chosen + 1]
    if bool(((begin < 0) | (begin > end) | (end > value.size(dim))).any()):
        raise RuntimeError(f"bounds: expected ascending ones in [0, {value.size(dim)}]")
    offsets, raised = (chosen.new_zeros(chosen.numel() + more) for more in (1, 0))
    offsets[1:] = (end - begin).cumsum(0)
    size = int(offsets[-1])

    def spread(of_parts: Tensor) -> Tensor:
        return torch.repeat_interleave(of_parts, end - begin, output_size=size)

    places = spread(begin - offsets[:-1]) + torch.arange(size, device=value.device)
    out = value.index_select(dim, places)
    if step is not None:
        raised[1:] = step[chosen[:-1]].cumsum(0)
        out += spread(raised).view([-1 if d == dim else 1 for d in range(value.dim())])
    return out, offsets, raised


def _fake(
    value: Tensor, bounds: Tensor, step: Tensor | None, chosen: Tensor, dim: int
) -> tuple[Tensor, Tensor, Tensor]:
    shape: list[Any] = list(value.shape)
    shape[dim] = torch.library.get_ctx().new_dynamic_size()
    return value.new_empty(shape), chosen.new_empty(chosen.size(0) + 1), torch.empty_like(chosen)


implement("gather_parts", reference=gather_parts_reference, fake=_fake)


class Columns(NamedTuple):
    """Attributes of many parts, each in a tensor, as :func:`gather_columns` takes them.

    Attributes:
        value: The tensors.
        bounds: Of each, where each part begins, ``[G+1]``.
        step: Of each, how much a part makes room for, ``[G]``, or None.
        dim: Of each, the divided dimension, from 0.
    """

    value: list[Tensor]
    bounds: list[Tensor]
    step: list[Tensor | None]
    dim: list[int]


def gather_columns(columns: Columns, nodes: Tensor | None, chosen: Tensor) -> list[Tensor]:
    """Return what :func:`gather_parts` gives of each column, in one call of an operator.

    Args:
        columns: Such as :func:`gather_parts` takes; nothing of them is checked but the bounds.
        nodes: How many nodes each part has, ``[G]``.
        chosen: Numbers of parts, ``[B]``.

    Returns:
        Three tensors for each column; and where ``nodes`` are given, the place among the chosen
        parts of each node of them, and where the nodes of each begin, ``[B+1]``.

    Raises:
        RuntimeError: If bounds or numbers do not fit.
    """
    return list(torch.ops.graphpoly.gather_columns.default(chosen, *columns, nodes))


def gather_columns_reference(
    chosen: Tensor,
    value: Sequence[Tensor],
    bounds: Sequence[Tensor],
    step: Sequence[Tensor | None],
    dim: Sequence[int],
    nodes: Tensor | None,
) -> list[Tensor]:
    """The definition: one column after another."""
    found: list[Tensor] = []
    for each, begin, raising, axis in zip(value, bounds, step, dim, strict=True):
        found += gather_parts_reference(each, begin, raising, chosen, axis)
    if nodes is not None:
        if bool(((chosen < 0) | (chosen >= nodes.numel())).any()):
            raise RuntimeError(f"chosen: got a number outside [0, {nodes.numel()})")
        counts = nodes[chosen]
        if bool((counts < 0).any()):
            raise RuntimeError("nodes: got a negative number")
        numbers = torch.arange(chosen.numel(), device=chosen.device)
        found.append(numbers.repeat_interleave(counts))
        found.append(torch.cat([counts.new_zeros(1), counts.cumsum(0)]))
    return found


def _columns_fake(
    chosen: Tensor,
    value: Sequence[Tensor],
    bounds: Sequence[Tensor],
    step: Sequence[Tensor | None],
    dim: Sequence[int],
    nodes: Tensor | None,
) -> list[Tensor]:
    found: list[Tensor] = []
    for each, begin, raising, axis in zip(value, bounds, step, dim, strict=True):
        found += _fake(each, begin, raising, chosen, axis)
    if nodes is not None:
        size: Any = torch.library.get_ctx().new_dynamic_size()
        found += [chosen.new_empty(size), chosen.new_empty(chosen.size(0) + 1)]
    return found


implement("gather_columns", reference=gather_columns_reference, fake=_columns_fake)
