"""A layer that is one of PyG's by its name, and sends no message by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch_geometric.nn import MessagePassing

from graphpoly.layers.arguments import NamedArguments

__all__ = ["FusedLayer"]

_HOOKS = tuple(
    name
    for name in dir(MessagePassing)
    if name.startswith("register_") and name.endswith("_hook") and not hasattr(nn.Module, name)
)


class FusedLayer(NamedArguments, MessagePassing):
    """A :class:`~torch_geometric.nn.MessagePassing` whose messages are never there one by one.

    Hooks of messages, which PyG would never call, are refused. ``to_hetero_with_bases`` weighs the
    types of edges by one; ``to_hetero`` asks for none.
    """


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(layer: FusedLayer, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            f"{type(layer).__name__}: {name} would see nothing, since messages are not sent one by "
            "one; of PyG's heterogeneous wrappers to_hetero and HeteroConv ask for no such hook"
        )

    refuse.__name__ = name
    return refuse


for _name in _HOOKS:
    setattr(FusedLayer, _name, _refusing(_name))
