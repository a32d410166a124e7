"""What a network is told of its data, and the settings that make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from graphpoly.acceleration.optimizer import AcceleratedAdam
from graphpoly.errors import unknown
from graphpoly.settings import Settings, bounded
from graphpoly.training import Task, parameter_groups

__all__ = [
    "LEVELS",
    "Inputs",
    "ModelSettings",
    "aliases",
    "configure",
    "model_names",
    "settings_of",
]

# what a row of a network's output belongs to, or is
LEVELS = ("nodes", "graphs", "positions", "pairs of nodes", "sequences", "traces")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a network is told of the data that it is made for.

    Attributes:
        in_channels: Columns of ``x``.
        out_channels: Numbers wanted for each node or graph.
        level: What a row of the output belongs to, one of :data:`LEVELS`.
        data: The graph, where there is one, or one of the traces.
        split: The division of this run, where there is one; only its training part may decide
            anything.
        num_relations: Number of types of edges.
        edge_channels: Columns of ``edge_attr`` as the network gets them, where it does.
    """

    in_channels: int
    out_channels: int
    level: str = "nodes"
    data: Data | None = None
    split: Any = None
    num_relations: int = 1
    edge_channels: int | None = None


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Settings):
    """Hyperparameters of a network and of its optimiser, Adam.

    A subclass names the network in :attr:`cls`. Its fields are passed to it by name, but for those
    that begin with ``lr`` or ``weight_decay`` and those in :attr:`withheld`. :attr:`levels` says
    what a row of the output can belong to, and :attr:`pools_by` names the argument that decides
    between the two. A network that embeds categories itself sets :attr:`reads_categories`, one
    that tells types of edges apart :attr:`reads_types`, and one whose training keeps what it made
    of the features :attr:`reads_once`. One that reads ``edge_attr`` as it is, whatever its columns,
    sets :attr:`told_edge_channels` to False. One that is published with whole batches of links
    alone sets :attr:`whole_batches`.

    Attributes:
        lr: Learning rate.
        weight_decay: L2 penalty.
    """

    cls: ClassVar[Callable[..., nn.Module]]
    levels: ClassVar[tuple[str, ...]] = ("nodes",)
    pools_by: ClassVar[str | None] = None
    withheld: ClassVar[tuple[str, ...]] = ()
    reads_categories: ClassVar[bool] = False
    reads_types: ClassVar[bool] = False
    reads_once: ClassVar[bool] = False
    told_edge_channels: ClassVar[bool] = True
    whole_batches: ClassVar[bool] = False

    lr: float = bounded(0.01, low=0)
    weight_decay: float = bounded(5e-4, low=0)

    @property
    def reads_edges(self) -> bool:
        """Whether features of edges are given to the network."""
        return self.reads_categories

    @property
    def embedding_channels(self) -> int | None:
        """Width of the categories that are embedded for the network; None for its own width."""
        return None

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Return what the network is made with."""
        values = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if not field.name.startswith(("lr", "weight_decay")) and field.name not in self.withheld
        }
        if self.pools_by is not None and inputs.level == "nodes":
            values[self.pools_by] = None
        sizes = {"in_channels": inputs.in_channels, "out_channels": inputs.out_channels}
        return {**{k: v for k, v in sizes.items() if k not in self.withheld}, **values}

    def network(self, inputs: Inputs) -> nn.Module:
        """Return the network, with fresh weights."""
        return self.cls(**self.arguments(inputs))

    def groups(self) -> dict[str, dict[str, float]]:
        """Return the optimiser's options for each role of parameters.

        The role of ``lr_ROLE`` and ``weight_decay_ROLE`` is ROLE; the rest is ``"linear"``.
        """
        groups = {"linear": {"lr": self.lr, "weight_decay": self.weight_decay}}
        for field in fields(self):
            for option in ("lr", "weight_decay"):
                if field.name.startswith(f"{option}_"):
                    role = field.name.removeprefix(f"{option}_")
                    value = getattr(self, field.name)
                    groups.setdefault(role, dict(groups["linear"]))[option] = value
        return groups

    def score(self) -> dict[str, Any]:
        """Return what else scores pairs of nodes, whose network gives rows of nodes alone."""
        return {}

    def optimizer(self, model: nn.Module) -> Optimizer:
        """Return the optimiser of a network that :meth:`network` made."""
        return AcceleratedAdam(parameter_groups(model, self.groups()), fused=True)

    def prepare(self, data: Data) -> Data:
        """Return a graph as the network reads it, made once for all runs."""
        return data

    @property
    def prepares(self) -> bool:
        """Whether :meth:`prepare` does anything."""
        return type(self).prepare is not ModelSettings.prepare

    def prepare_graph(self, data: Data) -> Data:
        """Return one of many graphs as the network reads it; default as any other."""
        return self.prepare(data)

    def augmentation(self) -> BaseTransform | None:
        """Return what is done to each batch of graphs that is trained on; default nothing."""
        return None

    def rows(self, model: nn.Module, data: Data) -> Tensor | None:
        """Return what stands for each node in place of the graph, where a network can do so."""
        return None

    def from_rows(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return the output for some of the :meth:`rows`."""
        out: Tensor = model(rows)
        return out

    def wrap(self, task: Task) -> Task:
        """Return the task as this network is trained on it, such as in two stages."""
        return task


_SETTINGS: dict[str, type[ModelSettings]] = {}
_ALIASES: dict[str, str] = {}


def configure(name: str, *aliases: str) -> Callable[[type[ModelSettings]], type[ModelSettings]]:
    """Enter the decorated settings as those of a registered model or baseline.

    Args:
        name: The model's registered name.
        *aliases: Further names for the command line; case never matters.
    """

    def decorate(cls: type[ModelSettings]) -> type[ModelSettings]:
        _SETTINGS[name] = cls
        for alias in (name, *aliases):
            key = alias.lower()
            if _ALIASES.setdefault(key, name) != name:
                raise ValueError(f"{alias!r} names {_ALIASES[key]} and {name}")
        return cls

    return decorate


def model_names() -> list[str]:
    """Return the names of all models that have settings."""
    return sorted(_SETTINGS)


def aliases() -> list[str]:
    """Return every name that :func:`settings_of` takes, in one of its spellings."""
    return sorted({*_SETTINGS, *_ALIASES})


def settings_of(name: str) -> tuple[str, type[ModelSettings]]:
    """Return a model's registered name and its settings' class.

    Args:
        name: The registered name or an alias such as ``"favard"``, in any case.

    Raises:
        ValueError: If there is no such model; the message names the nearest one.
    """
    found = _ALIASES.get(name.lower())
    if found is None:
        raise unknown("model", name, [*_SETTINGS, *_ALIASES])
    return found, _SETTINGS[found]
