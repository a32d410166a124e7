"""Settings of a model that the user brings along, read from its signature."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from graphpoly.models.model_factory import imported
from graphpoly.models.settings.base import Inputs, ModelSettings

__all__ = ["own_settings"]

_SIZES = ("in_channels", "out_channels")
_EDGE_DIM = "edge_dim"
_KINDS = (int, float, bool, str)


@dataclass(frozen=True, kw_only=True)
class _OwnSettings(ModelSettings):
    """Hyperparameters of a model of the user's own.

    Attributes:
        lr: Learning rate of Adam.
        weight_decay: L2 penalty.
    """

    levels: ClassVar[tuple[str, ...]] = ("nodes",)
    reads_types = True  # if its forward names edge_type
    sizes: ClassVar[tuple[str, ...]] = ()
    factory: ClassVar[Any]

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network: if its forward names edge_attr."""
        return True

    def network(self, inputs: Inputs) -> nn.Module:
        """Return what the factory makes.

        Raises:
            ValueError: If that is no module.
        """
        values = {
            name: value
            for name, value in self.arguments(inputs).items()
            if name not in _SIZES or name in self.sizes
        }
        if self.told_edge_channels:
            values[_EDGE_DIM] = inputs.edge_channels
        made = type(self).factory(**values)
        if not isinstance(made, nn.Module):
            kind = type(made).__name__
            raise ValueError(f"model: the factory returned {kind}, expected a torch.nn.Module")
        if any(isinstance(each, nn.UninitializedParameter) for each in made.parameters()):
            raise ValueError("model: lazy sizes are not supported here; take in_channels")
        return made


def own_settings(name: str) -> ModelSettings:
    """Return the settings of ``"module:factory"``: its arguments that have a plain default.

    The factory is a class or function. It is told ``in_channels`` and ``out_channels`` where it
    names them, and ``edge_dim``, the columns of ``edge_attr`` or None, where that has no default
    but None. Its other arguments need defaults, and those that are numbers, words or truth values
    can be set. What it makes is given what its ``forward`` names of ``edge_weight``, ``edge_attr``,
    ``edge_type`` and ``batch``; links are scored without ``edge_attr``. An attribute ``levels =
    ("graphs",)`` says that its rows belong to graphs; by default they belong to nodes, and are
    pooled where a dataset has many graphs.

    Raises:
        ValueError: If there is no such factory, or an argument has no default.
    """
    factory = imported(name)
    fields: list[tuple[str, Any, Any]] = []
    parameters = inspect.signature(factory).parameters.values()
    sizes = tuple(each.name for each in parameters if each.name in _SIZES)
    told = any(each.name == _EDGE_DIM and each.default in (each.empty, None) for each in parameters)
    for each in parameters:
        if each.name in _SIZES or each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        if each.name == _EDGE_DIM and told:
            continue
        if each.default is each.empty:
            raise ValueError(
                f"model: {name} needs {each.name!r}; only in_channels, out_channels and edge_dim "
                "are given, other arguments need a default"
            )
        if type(each.default) in _KINDS:
            default = dataclasses.field(default=each.default)
            fields.append((each.name, type(each.default), default))
    made = dataclasses.make_dataclass(
        "OwnSettings",
        fields,
        bases=(_OwnSettings,),
        frozen=True,
        kw_only=True,
        namespace={
            "factory": staticmethod(factory),
            "levels": tuple(getattr(factory, "levels", ("nodes",))),
            "sizes": sizes,
            "told_edge_channels": told,
            "__doc__": f"Hyperparameters of {name}.",
        },
    )
    settings = made()
    assert isinstance(settings, ModelSettings)
    return settings
