"""What a recipe is: dataset, model, protocol, settings and the number it stands against."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphpoly import registry
from graphpoly.errors import unknown
from graphpoly.settings import Settings, bounded, replace_settings

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn
    from torch_geometric.data import Data

    from graphpoly.recipes.run import Outcome, RunOptions

    Rebuild = Callable[["Recipe", Path | None, str, int], tuple[nn.Module, Data]]

__all__ = ["Protocol", "Published", "Recipe", "publish"]


@dataclass(frozen=True, kw_only=True)
class Protocol(Settings):
    """How a model is trained, chosen and measured.

    Attributes:
        split: Name of the split, one of the recipe's ``splits``.
        num_splits: How many runs the number is a mean of: run i has split i (where there are
            several) and seed i.
        epochs: At most this many.
        patience: Stop after this many epochs without a better validation value; None for never.
        monitor: What chooses the epoch: the validation ``"metric"`` or ``"loss"``.
    """

    split: str
    num_splits: int = bounded(low=1)
    epochs: int = bounded(low=1)
    patience: int | None = bounded(None, low=1)
    monitor: str = bounded("metric", choices=("metric", "loss"))


@dataclass(frozen=True)
class Published:
    """A figure from a paper or a leaderboard.

    Attributes:
        mean: The figure, in the unit of :attr:`unit`.
        interval: What stands after its ±, or None where nothing does.
        interval_kind: What that is, such as ``"95 % bootstrap confidence interval"``.
        runs: Number of runs behind it.
        source: Where it stands.
        unit: ``"%"`` or an empty string.
    """

    mean: float
    interval: float | None
    interval_kind: str
    runs: int
    source: str
    unit: str = "%"


@dataclass(frozen=True)
class Recipe:
    """One reproducible experiment.

    Attributes:
        name: What users type, such as ``"optbasis/chameleon"``.
        title: One line for lists.
        dataset: Name of the dataset.
        models: Names of the models that it trains.
        metric: What is measured, such as ``"accuracy"``.
        protocol: Splits, epochs, patience.
        settings: Hyperparameters.
        paper: Where the model and the figure come from.
        execute: Function that runs it.
        rebuild: Function from the recipe, the root of the datasets, a model's name and a seed to
            the untrained model and its graph, where the recipe has one graph.
        arxiv: arXiv number of the paper.
        published: The figure to compare with.
        notes: What differs from the published experiment.
        splits: Names that the protocol's split may have.
        overridden: Keys whose values are not the registered ones any more.
    """

    name: str
    title: str
    dataset: str
    models: tuple[str, ...]
    metric: str
    protocol: Protocol
    settings: Settings
    paper: str
    execute: Callable[[Recipe, RunOptions], Outcome] = dataclasses.field(repr=False, compare=False)
    rebuild: Rebuild | None = dataclasses.field(default=None, repr=False, compare=False)
    arxiv: str | None = None
    published: Published | None = None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("dense", "sparse", "stratified", "public", "geom-gcn")
    overridden: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shared = _keys(self.protocol) & _keys(self.settings)
        assert not shared, f"{self.name}: {shared} are settings and protocol at once"
        if self.protocol.split not in self.splits:
            raise unknown("split", self.protocol.split, self.splits)

    @property
    def keys(self) -> list[str]:
        """What can be overridden."""
        return sorted(_keys(self.protocol) | _keys(self.settings))

    def override(self, changes: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some settings or parts of the protocol replaced.

        Args:
            changes: Values by key; text is converted to the type of the key.

        Raises:
            ValueError: If a key is unknown (the message names the nearest one), or a value has
                the wrong type or is out of bounds.
        """
        for key in changes:
            if key not in self.keys:
                raise unknown(f"key of {self.name}", key, self.keys)
        parts = {
            part: replace_settings(
                getattr(self, part),
                {key: value for key, value in changes.items() if key in _keys(getattr(self, part))},
            )
            for part in ("protocol", "settings")
        }
        changed = {
            key
            for part, replaced in parts.items()
            for key, value in dataclasses.asdict(getattr(self, part)).items()
            if getattr(replaced, key) != value
        }
        overridden = tuple(sorted(changed.union(self.overridden)))
        return dataclasses.replace(self, **parts, overridden=overridden)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the code as plain values, for results and configurations."""
        named = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("execute", "rebuild")
        }
        for part in ("protocol", "settings", "published"):
            named[part] = None if named[part] is None else dataclasses.asdict(named[part])
        del named["splits"]
        for tuples in ("models", "notes", "overridden"):
            named[tuples] = list(named[tuples])
        return named


def publish(recipe: Recipe) -> Recipe:
    """Enter ``recipe`` in the registry."""
    registry.add(
        "recipe",
        recipe.name,
        recipe,
        paper=recipe.paper,
        arxiv=recipe.arxiv,
        tags={"dataset": recipe.dataset, "models": ", ".join(recipe.models)},
    )
    return recipe


def _keys(settings: Settings) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}
