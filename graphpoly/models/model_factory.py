"""From the name of a model to a function that makes it with fresh weights."""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch_geometric.nn import models

from graphpoly import registry
from graphpoly.errors import module_of, unknown

__all__ = ["PYG_MODELS", "imported", "model_factory"]

PYG_MODELS = ("EdgeCNN", "GAT", "GCN", "GIN", "GraphSAGE", "PNA")
# arguments of forward that graphs to be told apart have nothing for
_NOT_HERE = {
    "pos": "reads positions, which these graphs have not",
    "pairs": "scores pairs of nodes, and says nothing of a graph",
    "steps": "follows the steps of an algorithm, and says nothing of a graph",
    "pointer": "points at nodes, and says nothing of a graph",
}
# what else a baseline is made with or called with
_LACKING = {
    "edge_attr": "reads atoms and bonds, which these graphs have not",
    "num_nodes": "knows the nodes of one graph",
}
_ENDS = {"in_channels": 4, "out_channels": 16}
_SIZES = {**_ENDS, "hidden_channels": 32, "num_layers": 5}
_PNA: dict[str, Any] = {
    "aggregators": ["mean", "min", "max", "std"],
    "scalers": ["identity", "amplification", "attenuation"],
}


def model_factory(name: str, **arguments: Any) -> tuple[Callable[[], Any], str]:
    """Find what a name stands for.

    Registered models, baselines and PyG's have five layers of 32 channels (or the next multiple of
    what a registered one's example has), 4 channels at the beginning and 16 in the end, unless the
    arguments say otherwise; the rest are their defaults.

    Args:
        name: A registered model or baseline, one of :data:`PYG_MODELS`, or
            ``"package.module:factory"``.
        **arguments: Of the model or the factory. A factory is told ``in_channels`` and
            ``out_channels`` where it has no defaults for them, as one for ``graphpoly train``.

    Returns:
        The factory, and what the model says of its own strength: the registry's tag, or an
        attribute ``expressivity`` of the factory.

    Raises:
        ValueError: If there is no such model or no such argument, where the message names the
            nearest one; or, once the factory is called, if the model cannot be made with these
            arguments.

    >>> factory, declared = model_factory("GIN", hidden_channels=8)
    >>> declared, factory().num_layers, factory().hidden_channels
    ('1-WL', 5, 8)
    """
    if ":" in name:
        factory = imported(name)
        further = {key: arguments[key] for key in arguments if key not in _ENDS}
        asked = inspect.signature(factory).parameters
        for key, size in _ENDS.items():
            if key in asked and asked[key].default is inspect.Parameter.empty:
                further[key] = arguments.get(key, size)
        build = partial(_made, name, factory, further) if further else factory
        return build, str(getattr(factory, "expressivity", ""))
    known = {entry.name: entry for entry in registry.entries("model")}
    if name in known:
        entry = known[name]
        if entry.example is None:
            raise ValueError(f"model: {name} has no example; pass package.module:factory")
        return partial(_registered, entry, arguments), entry.tags.get("expressivity", "")
    if name not in PYG_MODELS:
        baselines = {entry.name: entry for entry in registry.entries("baseline")}
        if name not in baselines:
            raise unknown("model", name, [*known, *PYG_MODELS, *baselines])
        entry = baselines[name]
        return partial(_baseline, entry, arguments), entry.tags.get("expressivity", "")
    settings = {**_SIZES, **arguments}
    if name == "PNA":
        settings = {**_PNA, "deg": torch.tensor([0, 1, 2, 4, 2, 1]), **settings}
    return partial(_made, name, getattr(models, name), settings), "1-WL"


def _registered(entry: registry.Entry, arguments: dict[str, Any]) -> Any:
    """Make a registered model; what has neither a size here nor a default is as in its example."""
    assert entry.example is not None
    example, given = entry.example(), dict(arguments)
    for name, what in _NOT_HERE.items():
        if name in inspect.signature(example.forward).parameters:
            raise ValueError(f"model: {entry.name} {what}; pass package.module:factory")
    parameters = inspect.signature(entry.obj).parameters
    further = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    for name, parameter in parameters.items():
        held = getattr(example, name, None)
        if (
            name not in given
            and parameter.default is parameter.empty
            and isinstance(held, nn.Module)
        ):
            raise _unshown(entry, name)
    if "in_channels" not in parameters and getattr(example, "in_channels", None) == -1:
        given.pop("in_channels", None)  # one that reads any number of features
    for name in given:
        if name not in parameters and not further:
            raise unknown(f"argument of {entry.name}", name, list(parameters))
    for name, size in _SIZES.items():
        held = getattr(example, name, None)
        if name in given or not (name in parameters or (further and held is not None)):
            continue
        # heads, say, divide the channels of the example
        unit = held if name == "hidden_channels" and isinstance(held, int) else 1
        given[name] = unit * math.ceil(size / unit)
    for name, parameter in parameters.items():
        if name in given or parameter.default is not parameter.empty:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        held = getattr(example, name, None)
        if held is None:
            raise _unshown(entry, name)
        given[name] = held
    return _made(entry.name, entry.obj, given)


def _baseline(entry: registry.Entry, arguments: dict[str, Any]) -> Any:
    """Make a baseline, if there is all that it reads."""
    parameters = inspect.signature(entry.obj).parameters
    asked = {**inspect.signature(entry.obj.forward).parameters, **parameters}
    for name, what in _LACKING.items():
        if name in asked and asked[name].default is inspect.Parameter.empty:
            raise ValueError(f"model: {entry.name} {what}; pass package.module:factory")
    sizes = {name: size for name, size in _SIZES.items() if name in parameters}
    return _made(entry.name, entry.obj, {**sizes, **arguments})


def _unshown(entry: registry.Entry, name: str) -> ValueError:
    return ValueError(
        f"model: {entry.name} needs {name!r}, which its example does not show; "
        "pass package.module:factory"
    )


def _made(name: str, build: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return build(**arguments)
    except (TypeError, ValueError) as error:
        words = ", ".join(f"{key}={value}" for key, value in arguments.items())
        raise ValueError(
            f"model: {name} cannot be made with {words} ({error}); pass package.module:factory"
        ) from error


def imported(name: str) -> Callable[[], Any]:
    """Return the factory that ``"package.module:factory"`` names; the working folder is looked in.

    Raises:
        ValueError: If there is no such module or factory.
    """
    module, _, attribute = name.partition(":")
    module = module_of(module)
    if "" not in sys.path:  # a console script does not look where it is called
        sys.path.insert(0, "")
    try:
        held = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"model: {name!r}: {error}; expected package.module:factory") from error
    factory = getattr(held, attribute, None)
    if factory is None:
        raise unknown(f"factory of {module}", attribute, [k for k in vars(held) if k[0] != "_"])
    if not callable(factory):
        raise ValueError(f"model: {name!r} is a {type(factory).__name__}, expected a factory")
    return factory
