"""What goes into a layer: its arguments by their names, sizes that are sizes, features that fit."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor, fx
from torch_geometric.nn import MessagePassing
from typing_extensions import Self

from graphpoly.errors import nearest
from graphpoly.ops import CSR

__all__ = [
    "NamedArguments",
    "check_batch",
    "check_edge_attr",
    "check_features",
    "check_points",
    "check_size",
    "check_sizes",
    "chosen_normalization",
    "entry_attr",
]


class NamedArguments:
    """Answers an argument that the constructor does not take with the nearest one that it does.

    Classes whose constructor passes on ``**kwargs`` leave the answer to what receives them.

    Attributes:
        printed: Defaults of the arguments that ``repr`` names where they are others.
    """

    printed: ClassVar[dict[str, object]] = {}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Look at the names before the constructor does."""
        if kwargs:
            taken = inspect.signature(cls.__init__).parameters
            if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
                _check_names(cls.__name__, kwargs, list(taken)[1:])
        return super().__new__(cls)

    def options(self) -> list[str]:
        """Return the arguments that differ from their defaults, as ``name=value``."""
        return [
            f"{name}={getattr(self, name)!r}"
            for name, default in self.printed.items()
            if getattr(self, name) != default
        ]


def _check_names(layer: str, given: Iterable[str], taken: list[str]) -> None:
    for name in given:
        if name in taken:
            continue
        if name in inspect.signature(MessagePassing.__init__).parameters:
            raise TypeError(
                f"{layer}: {name} is an argument of MessagePassing that this layer does not take: "
                "what it computes is fixed, along edges from source to target"
            )
        match = nearest(name, taken)
        hint = f"it takes {', '.join(taken)}" if match is None else f"did you mean {match!r}?"
        raise TypeError(f"{layer}: unknown argument {name!r}; {hint}")


def check_size(name: str, size: object, *, least: int = 1, lazy: bool = False) -> None:
    """Raise unless ``size`` is a whole number of at least ``least``, or -1 where ``lazy``.

    Raises:
        TypeError: If it is no whole number; a pair is told that the layer has one size of input.
        ValueError: If it is too small.
    """
    expected = f"a whole number of at least {least}" + (", or -1" if lazy else "")
    if isinstance(size, tuple | list):
        raise TypeError(
            f"{name}: got {size}, expected {expected}: bipartite graphs, with features of two "
            "sizes, are not supported"
        )
    if not isinstance(size, Integral):
        raise TypeError(f"{name}: got {size!r}, expected {expected}")
    if size < least and not (lazy and size == -1):
        raise ValueError(f"{name}: got {size}, expected {expected}")


def check_sizes(*, lazy: bool = False, **sizes: object) -> None:
    """As :func:`check_size` for several names, of which in_channels may be -1 where ``lazy``."""
    for name, size in sizes.items():
        check_size(name, size, lazy=lazy and name == "in_channels")


def check_features(layer: str, x: Any, width: int = -1) -> None:
    """Raise unless ``x`` is a floating-point matrix with a row for each node.

    Args:
        layer: Name of the layer, for the message.
        x: What came in.
        width: Columns that the layer was made for, or -1 where any number is right.

    Raises:
        ValueError: If it is a pair, of another shape or of another width.
        TypeError: If it is no tensor, or not of floating-point numbers.
    """
    if isinstance(x, fx.Proxy):  # symbolic tracing, as in to_hetero: there are no values to look at
        return
    if isinstance(x, tuple | list):
        raise ValueError(
            f"{layer} needs a square operator: got a tuple of node features; message passing on "
            "bipartite graphs is not supported"
        )
    if not isinstance(x, Tensor):
        raise TypeError(f"x: got {type(x).__name__}, expected a tensor [N, F]")
    if x.dim() == 3:
        raise ValueError(
            f"x: got shape {list(x.shape)}, expected [N, F]: {layer} takes one signal on the graph "
            "at a time; for several, call it for each, or join copies of the graph in a Batch"
        )
    columns = "F" if width < 0 else str(width)
    if x.dim() != 2 or (width >= 0 and x.size(1) != width):
        raise ValueError(f"x: got shape {list(x.shape)}, expected [N, {columns}]")
    if not x.is_floating_point():
        raise TypeError(f"x: got {x.dtype}, expected floating-point features [N, {columns}]")


def check_points(name: str, points: Any, num_nodes: int) -> None:
    """Raise unless ``points``, such as positions, has a row of floating-point numbers a node.

    Raises:
        TypeError: If it is no tensor, or not of floating-point numbers.
        ValueError: If it is of another shape.
    """
    if not isinstance(points, Tensor):
        raise TypeError(f"{name}: got {type(points).__name__}, expected a tensor [N, D]")
    if points.dim() != 2 or points.size(0) != num_nodes:
        raise ValueError(f"{name}: got shape {list(points.shape)}, expected [{num_nodes}, D]")
    if not points.is_floating_point():
        raise TypeError(f"{name}: got {points.dtype}, expected floating-point numbers [N, D]")


def check_batch(batch: Any) -> None:
    """Raise unless ``batch`` is None or the number of the graph of each node.

    Edge weights are passed to layers of PyG as the third argument, and would be taken for it.

    Raises:
        TypeError: If it holds no whole numbers.
        ValueError: If it is no vector.
    """
    if batch is None or isinstance(batch, fx.Proxy):
        return
    if not isinstance(batch, Tensor):
        raise TypeError(f"batch: got {type(batch).__name__}, expected the graph of each node [N]")
    if batch.is_floating_point() or batch.is_complex() or batch.dtype == torch.bool:
        raise TypeError(
            f"batch: got {batch.dtype}, expected the graph of each node, whole numbers [N]; "
            "edge weights are passed as edge_weight=, where they are taken"
        )
    if batch.dim() != 1:
        raise ValueError(f"batch: got shape {list(batch.shape)}, expected [N]")


def check_edge_attr(edge_attr: Any, edge_dim: int, num_edges: int | None = None) -> None:
    """Raise unless ``edge_attr`` is a floating-point matrix of so many columns, -1 for any.

    Args:
        edge_attr: What came in.
        edge_dim: Columns that the layer was made for, or -1.
        num_edges: How many rows there have to be, where that is known.

    Raises:
        TypeError: If it is no tensor, or not of floating-point numbers.
        ValueError: If it is of another shape.
    """
    if isinstance(edge_attr, fx.Proxy):
        return
    wanted = f"[E, {'D' if edge_dim < 0 else edge_dim}]"
    if not isinstance(edge_attr, Tensor):
        raise TypeError(f"edge_attr: got {type(edge_attr).__name__}, expected a tensor {wanted}")
    if edge_attr.dim() != 2 or (edge_dim >= 0 and edge_attr.size(1) != edge_dim):
        raise ValueError(f"edge_attr: got shape {list(edge_attr.shape)}, expected {wanted}")
    if not edge_attr.is_floating_point():
        raise TypeError(
            f"edge_attr: got {edge_attr.dtype}, expected floating-point features {wanted}"
        )
    if num_edges is not None and edge_attr.size(0) != num_edges:
        raise ValueError(f"edge_attr: got {edge_attr.size(0)} rows, expected {num_edges}")


def entry_attr(adj: CSR, edge_attr: Tensor | None, edge_dim: int | None) -> Tensor | None:
    """Return the features of edges in the order of the entries, or None where there are none.

    Args:
        adj: The operator of the edges.
        edge_attr: What came in, ``[E, edge_dim]`` in the order of the edges.
        edge_dim: Columns that the layer was made for, or None for a layer without any.

    Raises:
        TypeError: If they are not of floating-point numbers.
        ValueError: If there are some and the layer reads none, or none and it reads some, or
            if they do not fit.
    """
    if edge_attr is None:
        if edge_dim is not None:
            raise ValueError(f"edge_attr: got None, edge_dim is {edge_dim}")
        return None
    if edge_dim is None:
        raise ValueError("edge_attr: given to a layer without edge_dim")
    check_edge_attr(edge_attr, edge_dim, adj.num_entries)
    return edge_attr if adj.perm is None else edge_attr.index_select(0, adj.perm)


def chosen_normalization(
    normalization: str | None, normalize: bool | None, usual: str = "sym"
) -> str | None:
    """Return the normalisation that ``normalize``, as PyG's layers have it, makes of another.

    Args:
        normalization: What was named.
        normalize: None to leave it so; False for none; True for the one that was named, or the
            usual one where none was.
        usual: The usual one.

    >>> chosen_normalization("rw", None), chosen_normalization("rw", False)
    ('rw', None)
    >>> chosen_normalization("rw", True), chosen_normalization(None, True)
    ('rw', 'sym')
    """
    if normalize is None:
        return normalization
    if not isinstance(normalize, bool):
        raise TypeError(f"normalize: got {normalize!r}, expected True, False or None")
    if not normalize:
        return None
    return usual if normalization is None else normalization
