"""Calling a model with the attributes of a graph that its ``forward`` asks for by name."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

__all__ = ["call_by_name", "call_on_nodes", "names"]

_WHOLE = ("data", "batch")


def call_by_name(model: nn.Module, batch: Any) -> Tensor:
    """Call a model on a batch of graphs, by the names of its ``forward`` parameters.

    A ``forward`` that takes one argument called ``data`` or ``batch`` gets the batch itself. Any
    other gets the attributes that it names and the batch has, such as ``x``, ``edge_index``,
    ``edge_weight``, ``edge_attr`` and ``batch``.

    Raises:
        ValueError: If a required argument is no attribute of the batch, if the graphs have
            ``edge_weight`` and ``forward`` takes none, if it has no named arguments to go by, or if
            it gives anything but a tensor.
    """
    name = type(model).__name__
    parameters = _forward_parameters(model)
    required = [p.name for p in parameters if p.default is p.empty]
    if len(parameters) == 1 and required and required[0] in _WHOLE:
        return _one_tensor(model, model(batch))
    if not parameters:
        raise ValueError(
            f"{name}.forward names no arguments; pass forward=, a function of (model, batch)"
        )
    values = {}
    for parameter in parameters:
        value = getattr(batch, parameter.name, None)
        if value is not None and not callable(value):  # Data has methods such as size()
            values[parameter.name] = value
        elif parameter.name in required:
            raise ValueError(
                f"{name}.forward needs {parameter.name!r}, which the batch does not have; "
                "pass forward=, a function of (model, batch)"
            )
    if "edge_weight" not in values and (weight := getattr(batch, "edge_weight", None)) is not None:
        if not _takes(model, "edge_weight"):
            raise ValueError(f"{name}.forward takes no edge_weight, which the graphs have")
        values["edge_weight"] = weight
    return _one_tensor(model, model(**values))


def call_on_nodes(model: nn.Module, data: Any) -> Tensor:
    """Call ``model(x, edge_index)``, with ``edge_weight=`` where the graph has one.

    ``edge_attr=`` and ``edge_type=`` go to models that name them. A graph without ``edge_index``
    gives its ``adj_t`` instead.

    Raises:
        ValueError: If the graph has ``edge_weight`` and the model takes none, or what comes back is
            no tensor with a row for each node.
    """
    edges = data.edge_index if getattr(data, "edge_index", None) is not None else data.adj_t
    given = {}
    for name in ("edge_weight", "edge_attr", "edge_type"):
        value = getattr(data, name, None)
        if value is not None and name == "edge_weight" and not _takes(model, name):
            raise ValueError(
                f"{type(model).__name__}.forward takes no edge_weight, which the graph has"
            )
        if value is not None and (name == "edge_weight" or names(model, name)):
            given[name] = value
    out = _one_tensor(model, model(data.x, edges, **given))
    if out.dim() == 0 or out.size(0) != data.x.size(0):
        raise ValueError(
            f"{type(model).__name__}.forward gave {list(out.shape)}, "
            f"expected {data.x.size(0)} rows, one a node"
        )
    return out


def names(model: nn.Module, argument: str) -> bool:
    """Return whether a model's ``forward`` names an argument."""
    return any(parameter.name == argument for parameter in _forward_parameters(model))


def _takes(model: nn.Module, argument: str) -> bool:
    """Return whether a model's ``forward`` can be given an argument, named or not."""
    kinds = {p.kind for p in inspect.signature(_held(model).forward).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds or names(model, argument)


def _one_tensor(model: nn.Module, out: Any) -> Tensor:
    if not isinstance(out, Tensor):
        got = type(out).__name__
        raise ValueError(f"{type(model).__name__}.forward gave {got}, expected one tensor")
    return out


def _forward_parameters(model: nn.Module) -> list[inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    every = inspect.signature(_held(model).forward).parameters.values()
    return [p for p in every if p.kind in named]


def _held(model: nn.Module) -> Any:
    # Compiled and data-parallel modules hide the signature of the module that they hold.
    inner = getattr(model, "_orig_mod", model)
    if isinstance(inner, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = inner.module
    return inner
