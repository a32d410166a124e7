"""From the name of a model to a function that makes it with fresh weights."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch_geometric.nn import models

from graphpoly import registry
from graphpoly.errors import unknown

__all__ = ["PYG_MODELS", "model_factory"]

PYG_MODELS = ("EdgeCNN", "GAT", "GCN", "GIN", "GraphSAGE", "PNA")
_PYG: dict[str, Any] = {
    "in_channels": 4,
    "hidden_channels": 32,
    "num_layers": 5,
    "out_channels": 16,
}
_PNA: dict[str, Any] = {
    "aggregators": ["mean", "min", "max", "std"],
    "scalers": ["identity", "amplification", "attenuation"],
}


def model_factory(
    name: str, *, in_channels: int | None = None, out_channels: int | None = None
) -> tuple[Callable[[], Any], str]:
    """Find what a name stands for.

    Args:
        name: A registered model, with the settings of its example; one of :data:`PYG_MODELS`, with
            five layers of 32 channels; or ``"package.module:factory"``, where ``factory()`` gives a
            model.
        in_channels: Size of the input, where it is not to be the example's. A factory has its own.
        out_channels: Size of the output likewise.

    Returns:
        The factory, and what the model says of its own strength: the registry's tag, or an
        attribute ``expressivity`` of the factory.

    Raises:
        ValueError: If there is no such model, where the message names the nearest one; or, once the
            factory is called, if the model cannot be made with these sizes.

    >>> factory, declared = model_factory("GIN")
    >>> declared, factory().num_layers
    ('1-WL', 5)
    """
    if ":" in name:
        factory = _imported(name)
        return factory, str(getattr(factory, "expressivity", ""))
    sizes = {"in_channels": in_channels, "out_channels": out_channels}
    sizes = {key: size for key, size in sizes.items() if size is not None}
    known = {entry.name: entry for entry in registry.entries("model")}
    if name in known:
        entry = known[name]
        if entry.example is None:
            raise ValueError(f"model: {name} has no example; pass package.module:factory")
        build = partial(_like_example, entry, sizes) if sizes else entry.example
        return build, entry.tags.get("expressivity", "")
    if name not in PYG_MODELS:
        raise unknown("model", name, [*known, *PYG_MODELS])
    settings = {**_PYG, **sizes}
    if name == "PNA":
        settings.update(_PNA, deg=torch.tensor([0, 1, 2, 4, 2, 1]))
    return partial(getattr(models, name), **settings), "1-WL"


def _like_example(entry: registry.Entry, sizes: dict[str, Any]) -> Any:
    """The registered model with the settings of its example, where it keeps them by name."""
    assert entry.example is not None
    example, given = entry.example(), {}
    for name, parameter in inspect.signature(entry.obj).parameters.items():
        if name in sizes:
            given[name] = sizes[name]
        elif hasattr(example, name) and not isinstance(getattr(example, name), nn.Module):
            given[name] = getattr(example, name)
        elif parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            raise ValueError(
                f"model: {entry.name} needs {name!r}, which its example does not show; "
                "pass package.module:factory"
            )
    try:
        return entry.obj(**given)
    except (TypeError, ValueError) as error:
        wanted = ", ".join(f"{key}={size}" for key, size in sizes.items())
        raise ValueError(
            f"model: {entry.name} cannot be made with {wanted} ({error}); "
            "pass package.module:factory"
        ) from error


def _imported(name: str) -> Callable[[], Any]:
    """Return the factory that ``"package.module:factory"`` names; the working folder is looked in.

    Raises:
        ValueError: If there is no such module or factory.
    """
    module, _, attribute = name.partition(":")
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
