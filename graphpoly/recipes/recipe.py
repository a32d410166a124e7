"""What an experiment is: model, dataset, settings, protocol, and the number it stands against."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphpoly import registry
from graphpoly.data import TWINS, AsItIs, find_dataset
from graphpoly.errors import unknown
from graphpoly.features import RandomNodeInitSettings as RandomNodeInitSettings  # is offered
from graphpoly.models.settings import ModelSettings
from graphpoly.privacy import PrivacySettings
from graphpoly.rewiring import MethodSettings, method_names, method_of
from graphpoly.settings import Settings, replace_settings
from graphpoly.training.protocol import Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from graphpoly.data import Dataset

# the parts know the recipe, and are known here by what they are used for alone
Page = Callable[[Any, Any, "Path"], "tuple[Path | None, tuple[str, ...]]"]

__all__ = ["DENSE_NOTE", "Protocol", "Published", "Recipe", "SharedSettings", "Study", "publish"]

DENSE_NOTE = (
    "this 'dense' split is the published 60/20/20: it takes equally many training nodes from every "
    "class, so that small classes have few or no test nodes"
)
SPARSE_NOTE = (
    "split 'sparse' is the published 2.5/2.5/95, equally many training nodes from every class"
)
_REWIRE = "rewire"
_PRIVACY, _EPSILON = "privacy", "epsilon"
_BESIDE = (_REWIRE, _PRIVACY)  # parts that are there where they are asked for
# tasks whose answer is about the graph as it is
_NOT_REWIRED = {
    "positions": "which an edge between every two decides",
    "sequences": "which the points alone decide",
    "traces": "which an algorithm goes through on the graph as it is",
    "pairs": "which would be told apart by chance, or by how their nodes are numbered",
    "signals": "which are filtered by the graph as it is",
}


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


@dataclass(frozen=True, kw_only=True)
class SharedSettings(Settings):
    """Settings that several models of one recipe share."""

    def of(self, model: str) -> ModelSettings:
        """Return the settings of one model."""
        raise TypeError(f"{type(self).__name__} has to define of()")

    def points(self) -> list[dict[str, Any]]:
        """Return what changes of the reading between parts of the experiment; default one part."""
        return [{}]


@dataclass(frozen=True)
class Recipe:
    """One reproducible experiment.

    Attributes:
        name: What users type, such as ``"optbasis/chameleon"``.
        title: One line for lists.
        dataset: What it is trained on: a registered name, or an entry of the user's own.
        models: Names of the models that it trains.
        protocol: Split, epochs, selection.
        settings: Hyperparameters, of one model or of several.
        reading: How the dataset is read.
        rewire: How its graphs are rewired after that, or None.
        privacy: What the training may reveal of a node, or None for no such bound.
        paper: Where the model and the figure come from.
        metric: What is measured, such as ``"accuracy"``; default the dataset's.
        arxiv: arXiv number of the paper.
        published: The figure to compare with.
        notes: What differs from the published experiment.
        page: From the finished parts, the options and the results' file to a page to look at, or
            None, and lines for the user.
        threads: How many to compute on, where a recipe is too small for all.
        given: The user's own name for the dataset, such as a file.
        overridden: Keys whose values are not the registered ones any more.
    """

    name: str
    title: str
    dataset: str | Dataset
    models: tuple[str, ...]
    protocol: Protocol
    settings: ModelSettings | SharedSettings
    reading: AsItIs
    paper: str
    metric: str
    arxiv: str | None = None
    published: Published | None = None
    notes: tuple[str, ...] = ()
    page: Page | None = dataclasses.field(default=None, repr=False, compare=False)
    threads: int | None = None
    given: str = ""
    rewire: MethodSettings | None = None
    privacy: PrivacySettings | None = None
    overridden: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        taken: set[str] = set()
        for name, part in self._parts().items():
            if name in _BESIDE:  # whose keys have a prefix where another part has them, too
                continue
            shared = _keys(part) & taken
            assert not shared, f"{self.name}: {shared} are set in two places"
            taken |= _keys(part)
        if self.protocol.split not in self.data.splits:
            raise unknown("split", self.protocol.split, self.data.splits)
        if self.rewire is not None and self.data.task in _NOT_REWIRED:
            raise ValueError(
                f"rewire: {self.data.name} asks for {self.data.task}, "
                f"{_NOT_REWIRED[self.data.task]}"
            )
        if self.privacy is not None and (self.data.task != "nodes" or self.rewire is not None):
            what = "the graph as it is" if self.rewire is not None else "the labels of nodes"
            raise ValueError(f"{_EPSILON}: the account is of training on {what} alone")

    @property
    def data(self) -> Dataset:
        """The entry of the dataset."""
        return find_dataset(self.dataset) if isinstance(self.dataset, str) else self.dataset

    @property
    def keys(self) -> list[str]:
        """What can be overridden."""
        return sorted({key for part in self._parts().values() for key in _keys(part)})

    def twin(self) -> Recipe:
        """Return the experiment on a generated twin of its dataset, with no figure to compare.

        Raises:
            ValueError: If the dataset has none.
        """
        if self.data.name not in TWINS:
            raise ValueError(f"twin: {self.data.name} has none; {', '.join(TWINS)} have")
        return dataclasses.replace(
            self,
            name=f"{self.name}-twin",
            title=f"{self.title}, on a generated twin",
            dataset=f"{self.data.name}-twin",
            given="",
            published=None,
            notes=(*self.notes, "a twin shows memory and time, and nothing about the model"),
        )

    def settings_of(self, model: str) -> ModelSettings:
        """Return the settings of one of the models."""
        if isinstance(self.settings, SharedSettings):
            return self.settings.of(model)
        return self.settings

    def points(self) -> list[dict[str, Any]]:
        """Return what changes of the reading between the parts of the experiment."""
        return self.settings.points() if isinstance(self.settings, SharedSettings) else [{}]

    def override(self, changes: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some settings replaced: of model, protocol, reading or rewiring.

        Args:
            changes: Values by key; text is converted to the type of the key. ``rewire`` is the name
                of a method or ``"none"``; ``epsilon`` makes the training private, or no longer. A
                key may name its part, such as ``rewire.alpha``; it has to where the rewiring and
                another part both have it. One that privacy and another part have is the other's.

        Raises:
            ValueError: If a key is unknown (the message names the nearest one), is meant for two
                parts, or a value has the wrong type or is out of bounds.
        """
        changes = dict(changes)
        held = self.rewire
        if _REWIRE in changes:
            held = _method(changes.pop(_REWIRE), held)
        before = dataclasses.replace(self, rewire=held, privacy=self._private(changes))
        shares = before._shares(changes)
        parts = {
            name: replace_settings(part, shares[name]) for name, part in before._parts().items()
        }
        changed = {
            key
            for name, part in self._parts().items()
            for key, value in dataclasses.asdict(part).items()
            if name not in _BESIDE and getattr(parts[name], key) != value
        }
        changed |= {name for name in _BESIDE if parts.get(name) != getattr(self, name)}
        overridden = tuple(sorted(changed.union(self.overridden)))
        return dataclasses.replace(before, **parts, overridden=overridden)  # type: ignore[arg-type]

    def _private(self, changes: dict[str, Any]) -> PrivacySettings | None:
        """Take the epsilon from the changes, unless it is another part's, and return the part."""
        key = f"{_PRIVACY}.{_EPSILON}"
        others = (part for name, part in self._parts().items() if name != _PRIVACY)
        if key not in changes and not any(_EPSILON in _keys(part) for part in others):
            key = _EPSILON
        if key not in changes:
            return self.privacy
        value = changes.pop(key)
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        return replace_settings(self.privacy or PrivacySettings(), {_EPSILON: value})

    def _shares(self, changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Say which part each key is meant for."""
        parts = self._parts()
        shares: dict[str, dict[str, Any]] = {name: {} for name in parts}
        for given, value in changes.items():
            prefix, dot, key = given.partition(".")
            if not dot:
                prefix, key = "", given
            elif prefix == _REWIRE and self.rewire is None:
                raise ValueError(f"{given}: nothing is rewired; give {_REWIRE}=METHOD, too")
            elif prefix == _PRIVACY and self.privacy is None:
                raise ValueError(f"{given}: nothing is private; give {_EPSILON}=NUMBER, too")
            elif prefix not in parts:
                raise unknown(f"part of {self.name}", prefix, parts)
            owners = [
                name for name, part in parts.items() if key in _keys(part) and prefix in ("", name)
            ]
            if len(owners) > 1:
                owners = [name for name in owners if name != _PRIVACY]
            if len(owners) > 1:
                both = " or ".join(f"{name}.{key}" for name in owners)
                raise ValueError(f"{key}: is set in two places here; give {both}")
            if not owners:
                raise self._unknown_key(given, prefix)
            if key in shares[owners[0]]:
                raise ValueError(f"{key}: is given twice")
            shares[owners[0]][key] = value
        return shares

    def _unknown_key(self, key: str, prefix: str) -> ValueError:
        methods = [name for name in method_names() if key in _keys(method_of(name))]
        if self.rewire is None and methods:
            some = ", ".join(f"{_REWIRE}={name.lower()}" for name in methods)
            return ValueError(f"{key}: a key of {some}; nothing is rewired here")
        if self.privacy is None and key in _keys(PrivacySettings):
            return ValueError(f"{key}: nothing is private here; give {_EPSILON}=NUMBER, too")
        known = [*self.keys, _REWIRE]
        if prefix:
            known = [f"{prefix}.{each}" for each in sorted(_keys(self._parts()[prefix]))]
        return unknown(f"key of {self.name}", key, known)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the code as plain values, for results and configurations."""
        return {
            "name": self.name,
            "title": self.title,
            "dataset": self.data.name,
            "given": self.given or self.data.name,
            "models": list(self.models),
            "metric": self.metric,
            **{
                name: part.to_dict()
                if isinstance(part, MethodSettings)
                else dataclasses.asdict(part)
                for name, part in self._parts().items()
            },
            "paper": self.paper,
            "arxiv": self.arxiv,
            "published": None if self.published is None else dataclasses.asdict(self.published),
            "notes": list(self.notes),
            "overridden": list(self.overridden),
        }

    def _parts(self) -> dict[str, Settings]:
        parts: dict[str, Settings] = {
            "protocol": self.protocol,
            "settings": self.settings,
            "reading": self.reading,
        }
        beside: dict[str, Settings | None] = {_REWIRE: self.rewire, _PRIVACY: self.privacy}
        return {**parts, **{name: part for name, part in beside.items() if part is not None}}


def publish(recipe: Recipe) -> Recipe:
    """Enter ``recipe`` in the registry."""
    registry.add(
        "recipe",
        recipe.name,
        recipe,
        paper=recipe.paper,
        arxiv=recipe.arxiv,
        tags={"title": recipe.title, "dataset": recipe.data.name},
    )
    return recipe


@dataclass(frozen=True, kw_only=True)
class Study:
    """What the experiments of one model in one paper have in common; :meth:`row` adds one.

    Attributes:
        family: First part of the recipes' names.
        model: Registered name of the model.
        protocol: Of all rows, unless a row changes it.
        paper, arxiv: Where the model comes from.
        source: Where the figures stand; default the paper.
        spread: What stands after the ± of the figures.
        runs: Number of runs behind each figure.
        title: Of the model in the recipes' titles; default its name.
        unit: Of the figures.
        notes: Of all rows.
        reading: Of all rows; default the dataset's.
    """

    family: str
    model: str
    protocol: Protocol
    paper: str
    arxiv: str | None = None
    source: str = ""
    spread: str = "none"
    runs: int = 10
    title: str = ""
    unit: str = "%"
    notes: tuple[str, ...] = ()
    reading: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def row(
        self,
        dataset: str,
        mean: float | None,
        interval: float | None,
        settings: ModelSettings,
        *,
        name: str = "",
        notes: Iterable[str] = (),
        reading: Mapping[str, Any] | None = None,
        metric: str = "",
        source: str = "",
        **protocol: Any,
    ) -> Recipe:
        """Publish the experiment on one dataset.

        Args:
            dataset: Registered name.
            mean: Published figure, if there is one.
            interval: What stands after its ±, if anything does.
            settings: Hyperparameters.
            name: Second part of the recipe's name; default the dataset's.
            notes: Further notes.
            reading: How the dataset is read, beside what the study says.
            metric: Default the dataset's.
            source: Default the study's.
            **protocol: What differs in the protocol.
        """
        entry = find_dataset(dataset)
        chosen = dataclasses.replace(self.protocol, **protocol)
        if not chosen.split:
            chosen = dataclasses.replace(chosen, split=entry.splits[0])
        published = None
        if mean is not None:
            stands = source or self.source or self.paper
            spread = self.spread if interval is not None else "none"
            published = Published(mean, interval, spread, self.runs, stands, self.unit)
        told = {"dense": (DENSE_NOTE,), "sparse": (SPARSE_NOTE,)}.get(
            chosen.split.partition("-")[0], ()
        )
        return publish(
            Recipe(
                name=f"{self.family}/{name or entry.name.lower()}",
                title=f"{self.title or self.model} on {entry.title}",
                dataset=entry.name,
                models=(self.model,),
                protocol=chosen,
                settings=settings,
                reading=replace_settings(entry.reading, {**self.reading, **(reading or {})}),
                paper=self.paper,
                metric=metric or entry.metric,
                arxiv=self.arxiv,
                published=published,
                notes=(*told, *self.notes, *notes),
            )
        )


def _method(name: Any, held: MethodSettings | None) -> MethodSettings | None:
    """Return the settings of a method by name: those that are held, if they are of this one."""
    if name is None or (isinstance(name, str) and name.lower() == "none"):
        return None
    if not isinstance(name, str):
        raise ValueError(f"{_REWIRE}: got {name!r}, expected the name of a method or none")
    cls = method_of(name)
    return held if type(held) is cls else cls()


def _keys(part: Settings | type[Settings]) -> set[str]:
    return {field.name for field in dataclasses.fields(part)}
