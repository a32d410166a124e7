"""An attribute of many graphs in one piece, and how the share of some of them is gathered."""

from __future__ import annotations

import dataclasses
import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data.storage import EdgeStorage
from torch_geometric.utils import cumsum, is_sparse

from graphpoly.ops import gather_parts

__all__ = ["Column", "Listed", "Numbers", "Rows", "Shared", "column_of", "read", "written"]

Gathered: TypeAlias = tuple[Any, Any, Any]  # value, slices, increments, as PyG's collate has them


Shared: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rows:
    """Tensors side by side.

    Attributes:
        value: All of them.
        dim: Along which they are joined.
        bounds: Where each begins, ``[G+1]``.
        step: By how much each raises the numbers of those behind it, ``[G]`` or ``[G, ...]``.
        moves: Whether any raises them.
    """

    value: Tensor
    dim: int
    bounds: Tensor
    step: Tensor
    moves: bool

    @property
    def is_plain(self) -> bool:
        """Whether numbers are raised as :func:`~graphpoly.ops.gather_parts` raises them."""
        plain = self.step.dim() == 1 and self.step.dtype == torch.int64
        return plain and (not self.moves or self.value.dtype == torch.int64)

    def gather(self, graphs: Tensor) -> Gathered:
        """Return the share of some graphs, its slices and its increments."""
        if self.is_plain:
            step = self.step if self.moves else None
            return gather_parts(self.value, self.bounds, graphs, dim=self.dim, step=step)
        value, slices, _ = gather_parts(self.value, self.bounds, graphs, dim=self.dim)
        raised = cumsum(self.step[graphs[:-1]])
        return self._raised(value, raised, slices.diff()), slices, raised

    def _raised(self, value: Tensor, raised: Tensor, counts: Tensor) -> Tensor:
        if raised.dim() > 1:
            parts = value.split(counts.tolist(), dim=self.dim)
            return torch.cat([a + b for a, b in zip(parts, raised, strict=True)], dim=self.dim)
        if not int(raised[-1]):
            return value
        # of two integer types PyG's sum has that of the tensor
        kind = torch.result_type(value, raised[-1])
        shape = [1] * value.dim()
        shape[self.dim] = -1
        spread = torch.repeat_interleave(raised, counts, output_size=value.size(self.dim))
        return value.to(kind) + spread.to(kind).view(shape)


@dataclass(frozen=True)
class Numbers:
    """A number of each graph."""

    values: list[Any]
    step: Tensor

    def gather(self, graphs: Tensor) -> Gathered:
        """Return the numbers of some graphs."""
        value = torch.tensor([self.values[i] for i in graphs.tolist()], device="cpu")
        raised = cumsum(self.step[graphs[:-1]])
        if int(raised[-1]):
            value.add_(raised)
        return value, torch.arange(graphs.numel() + 1, device="cpu"), raised


@dataclass(frozen=True)
class Listed:
    """Anything else: what each graph has, in a list."""

    values: list[Any]

    def gather(self, graphs: Tensor) -> Gathered:
        """Return what some graphs have."""
        ends = torch.arange(graphs.numel() + 1, device="cpu")
        return [self.values[i] for i in graphs.tolist()], ends, None


@dataclass(frozen=True)
class _Named:
    parts: dict[Any, Column]

    def gather(self, graphs: Tensor) -> Gathered:
        """Return what :meth:`Rows.gather` does, part by part."""
        found = {name: part.gather(graphs) for name, part in self.parts.items()}
        value, slices, raised = ({name: each[i] for name, each in found.items()} for i in range(3))
        return value, slices, raised


@dataclass(frozen=True)
class _InTurn:
    parts: list[Column]

    def gather(self, graphs: Tensor) -> Gathered:
        """Return what :meth:`Rows.gather` does, part by part."""
        found = [part.gather(graphs) for part in self.parts]
        value, slices, raised = ([each[i] for each in found] for i in range(3))
        return value, slices, raised


Column: TypeAlias = Rows | Numbers | Listed | _Named | _InTurn


_FORMS = {form.__name__: form for form in (Rows, Numbers, Listed, _Named, _InTurn)}


def written(name: Any, column: Column) -> tuple[Any, ...]:
    """Return a column as tensors and plain values.

    Raises:
        TypeError: If it holds objects of other kinds.
    """
    form = type(column).__name__
    if isinstance(column, _Named):
        return form, {key: written(key, part) for key, part in column.parts.items()}
    if isinstance(column, _InTurn):
        return form, [written(name, part) for part in column.parts]
    if isinstance(column, Listed):
        held = io.BytesIO()
        try:
            torch.save(column.values, held)
            held.seek(0)
            torch.load(held, weights_only=True)
        except (pickle.PickleError, AttributeError, TypeError) as error:
            kind = type(column.values[0]).__name__
            raise TypeError(f"{name}: got {kind}; tensors and plain values are written") from error
    return form, *(getattr(column, field.name) for field in dataclasses.fields(column))


def read(form: str, *values: Any) -> Column:
    """Return the column of which :func:`written` made this."""
    kind: Any = _FORMS[form]
    if kind is _Named:
        return _Named({name: read(*part) for name, part in values[0].items()})
    if kind is _InTurn:
        return _InTurn([read(*part) for part in values[0]])
    return kind(*values)


def column_of(
    key: Any, values: list[Any], graphs: Sequence[Any], stores: Sequence[Any], shared: Shared
) -> Column:
    """Return the column of one attribute.

    Args:
        key: Its name.
        values: What each graph has.
        graphs: The graphs, who know by how much they raise the numbers of the next.
        stores: Their stores.
        shared: From where each share begins, ``[G+1]``, to the tensor that columns which are
            divided alike have in common.

    Raises:
        TypeError: If the values are such that only PyG's own loader can join them: sparse or nested
            tensors, tensors of classes of their own, tensors that want a gradient, or values of
            different types.
        ValueError: If they have shapes that cannot be joined, or number nodes of which nobody knows
            how many there are, or a graph's ``__inc__`` or ``__cat_dim__`` fails.
    """
    first = values[0]
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"{key}: got {names} in different graphs, expected one type")
    if isinstance(first, Tensor):
        return _rows(str(key), values, graphs, stores, shared)
    if is_sparse(first) or type(first).__name__ == "TensorFrame":
        raise TypeError(f"{key}: got {type(first).__name__}; PyG's DataLoader takes it")
    if isinstance(first, int | float):
        step = _steps(key, values, graphs, stores)
        if step.dim() > 1:
            got = type(first).__name__
            raise TypeError(f"{key}: got {got}, which two types of nodes would have to raise")
        return Numbers(values, step)
    if isinstance(first, Mapping):
        if any(list(value) != list(first) for value in values):
            raise TypeError(f"{key}: got mappings with different keys")
        return _Named(
            {
                name: column_of(name, [value[name] for value in values], graphs, stores, shared)
                for name in first
            }
        )
    if isinstance(first, list | tuple) and len(first) and isinstance(first[0], Tensor):
        if any(len(value) != len(first) for value in values):
            raise TypeError(f"{key}: got lists of different lengths")
        return _InTurn(
            [
                column_of(key, [value[i] for value in values], graphs, stores, shared)
                for i in range(len(first))
            ]
        )
    return Listed(values)


def _rows(
    key: str, values: list[Tensor], graphs: Sequence[Any], stores: Sequence[Any], shared: Shared
) -> Rows:
    first = values[0]
    if (what := _unpacked(first, any(value.requires_grad for value in values))) is not None:
        raise TypeError(
            f"{key}: got {what}; dense tensors that want no gradient are packed, PyG's DataLoader "
            "takes the rest"
        )
    if any(value.device.type != "cpu" for value in values):
        raise TypeError(f"{key}: got a tensor on {first.device}; graphs are packed on the CPU")
    if any(value.dtype != first.dtype or value.dim() != first.dim() for value in values):
        raise ValueError(f"{key}: got different types or numbers of dimensions in the graphs")
    step = _steps(key, values, graphs, stores)
    dim: Any = _asked("__cat_dim__", key, [first], graphs, stores)[0]
    if not isinstance(dim, int | None):
        raise TypeError(f"{key}: is joined along {dim}; PyG's DataLoader takes it")
    if dim is None or first.dim() == 0:
        values, dim = [value.unsqueeze(0) for value in values], dim or 0
    if step.dim() > 1:  # PyG adds numbers of several kinds to one row, which becomes several
        values = [_spread(key, value, step[0]) for value in values]
    dim %= values[0].dim()
    sizes = torch.tensor([value.size(dim) for value in values], device="cpu")
    try:
        joined = torch.cat(values, dim=dim).contiguous()
    except RuntimeError as error:
        line = str(error).partition("\n")[0]
        raise ValueError(f"{key}: cannot be joined over the graphs: {line}") from error
    return Rows(joined, dim, shared(cumsum(sizes)), step, bool(step.any()))


def _unpacked(first: Tensor, wants_gradient: bool) -> str | None:
    """Return what tensors are that are not packed, nothing of others."""
    if type(first) is not Tensor:
        return type(first).__name__
    if first.is_nested:
        return "a nested tensor"
    if first.layout != torch.strided:
        return str(first.layout)
    return "a tensor that wants a gradient" if wants_gradient else None


def _spread(key: str, value: Tensor, step: Tensor) -> Tensor:
    try:
        return value.expand(torch.broadcast_shapes(value.shape, step.shape))
    except RuntimeError as error:
        got, shape = tuple(step.shape), tuple(value.shape)
        raise ValueError(f"{key}: __inc__: got numbers of shape {got} for {shape}") from error


def _steps(key: Any, values: list[Any], graphs: Sequence[Any], stores: Sequence[Any]) -> Tensor:
    each = _asked("__inc__", key, values, graphs, stores)
    try:
        if isinstance(each[0], Tensor):
            return torch.stack(each)
        return torch.tensor(each, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{key}: __inc__: {_line(error)}") from error


def _asked(
    what: str, key: Any, values: list[Any], graphs: Sequence[Any], stores: Sequence[Any]
) -> list[Any]:
    """What graphs say of their values: a user's code, or PyG's, which may fail in any way."""
    found: list[Any] = []
    for number, value in enumerate(values):
        store = stores[number]
        try:
            found.append(getattr(graphs[number], what)(key, value, store))
        except Exception as error:
            if store._key is None or not isinstance(store, EdgeStorage) or None not in store.size():
                raise ValueError(f"graph {number}, {key}: {what}: {_line(error)}") from error
            kind = store._key[0 if store.size(0) is None else -1]
            raise ValueError(
                f"{store._key}, {key}: nodes of the type {kind!r} have no number; set num_nodes"
            ) from error
    return found


def _line(error: Exception) -> str:
    first, _, _ = str(error).partition("\n")
    return f"{type(error).__name__}: {first}"
