"""An experiment that nobody published: any model on any dataset, and a run found again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphpoly import registry
from graphpoly.data import Dataset, any_dataset, is_own
from graphpoly.models.settings import settings_of
from graphpoly.models.settings.own import own_settings
from graphpoly.recipes.recipe import Protocol, Recipe
from graphpoly.recipes.run import read_results

__all__ = ["recipe_for", "recipe_of"]

_OWN = "the settings are this model's defaults; nobody tuned them for this dataset"


def recipe_for(model: str, dataset: str | Dataset) -> Recipe:
    """Return the experiment of one model on one dataset, with the defaults of both.

    Args:
        model: Name of a model or baseline, in any case, or ``"module:factory"``.
        dataset: Registered name in any case, a file (``.pt``, ``.npz``), ``"module:factory"``, or
            an entry.

    Raises:
        ValueError: If one of them is unknown; the message names the nearest one.
        DatasetError: If a file cannot be read.
    """
    entry = any_dataset(dataset) if isinstance(dataset, str) else dataset
    if ":" in model:
        name, settings, paper, arxiv = model, own_settings(model), "", None
    else:
        name, cls = settings_of(model)
        settings = cls()
        listed = {each.name: each for each in registry.entries() if each.obj is not None}
        held = listed.get(name)
        paper, arxiv = (held.paper, held.arxiv) if held else ("", None)
    own = isinstance(dataset, str) and is_own(dataset)
    known = [
        each.name
        for each in registry.entries("recipe")
        if each.obj.models == (name,) and each.obj.data.name == entry.name and not own
    ]
    notes = [_OWN]
    if known:
        notes.append(f"published settings: graphpoly train {known[0]}")
    protocol = Protocol(
        split=entry.splits[0],
        num_splits=entry.num_splits,
        watch_train=entry.task not in ("graphs", "pairs", "positions", "sequences", "traces"),
        epochs=1 if entry.task == "pairs" else 1000,
    )
    return Recipe(
        name=f"{name.lower().replace(':', '.')}/{entry.name.lower()}",
        title=f"{name} on {entry.title}",
        dataset=entry if isinstance(dataset, Dataset) or own else entry.name,
        models=(name,),
        protocol=protocol,
        settings=settings,
        reading=entry.reading,
        paper=paper,
        metric=entry.metric,
        arxiv=arxiv,
        notes=tuple(notes),
        given=dataset if isinstance(dataset, str) else entry.name,
    )


def recipe_of(run: Path) -> tuple[Recipe, list[int]]:
    """Return the recipe that a folder was made by, with its overrides, and its seeds.

    Raises:
        ValueError: If the folder holds no results of ours.
    """
    path = run / "results.json"
    if not path.is_file():
        raise ValueError(f"{run}: holds no results.json; give the folder of a finished run")
    try:
        results = read_results(path)
        name, seeds = str(results["recipe"]), list(results["seeds"])
        recipe = _found(name, results)
        changes = {
            f"{part}.{key}": value
            for part in ("settings", "protocol", "reading")
            for key, value in results[part].items()
            if part != "reading" or hasattr(recipe.reading, key)  # old runs of graphs have more
        }
        rewired = dict(results.get("rewire") or {})
        if rewired:
            changes["rewire"] = rewired.pop("method")
            changes |= {f"rewire.{key}": value for key, value in rewired.items()}
        private = results.get("privacy") or {}
        changes |= {f"privacy.{key}": value for key, value in private.items()}
    except (KeyError, TypeError, StopIteration) as error:
        raise ValueError(f"{path}: not the results of a recipe") from error
    return recipe.override(changes), seeds


def _found(name: str, results: Mapping[str, Any]) -> Recipe:
    published = {each.name: each.obj for each in registry.entries("recipe")}
    # a file of one's own may be called what a registered dataset is
    if name in published and not is_own(str(results.get("given", ""))):
        recipe = published[name]
        assert isinstance(recipe, Recipe)
        return recipe
    return recipe_for(next(iter(results["models"])), str(results["given"]))
