"""The networks of finished runs, with the weights of their best epoch."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from graphpoly.data import Loaded
from graphpoly.errors import unknown
from graphpoly.models.network_for import network_for
from graphpoly.recipes.ad_hoc import recipe_of
from graphpoly.recipes.loads import Loads
from graphpoly.recipes.recipe import Recipe
from graphpoly.recipes.run import read_results
from graphpoly.training.checkpoint import restore_weights
from graphpoly.training.private_task import as_scored

__all__ = ["root_of", "trained_network"]


def trained_network(
    run: str | Path,
    *,
    root: str | Path | None = None,
    model: str | None = None,
    seed: int | None = None,
) -> tuple[nn.Module, Loaded]:
    """Return a network as a run left it, on the CPU, and its dataset as it is scored on it.

    ``net.save_pretrained(folder)`` writes what :func:`graphpoly.from_pretrained` reads in a script.

    Args:
        run: Folder that ``graphpoly train`` wrote: it holds ``results.json``.
        root: Folder that holds the datasets; default the one that the run was trained on.
        model: Which of several models; default the first.
        seed: Which run of it; default the first.

    Raises:
        ValueError: If the folder holds no results, no such model or no such seed; if the datasets
            are no longer where the run was trained on them and no ``root`` is given.
        DatasetError: If the dataset cannot be had there.
        CheckpointError: If the weights are missing or altered.
    """
    run = Path(run)
    recipe, seeds = recipe_of(run)
    model = recipe.models[0] if model is None else model
    if model not in recipe.models:
        raise unknown("model of this run", model, recipe.models)
    seed = seeds[0] if seed is None else seed
    if seed not in seeds:
        raise ValueError(f"seed: got {seed}, the run has {seeds}")
    loads = Loads(recipe, root_of(run, recipe) if root is None else Path(root).expanduser())
    loaded, split = loads.read_by(model, seed), loads.split(seed)
    settings = recipe.settings_of(model)
    net = network_for(settings, loads.dataset, loaded, split, recipe.rewire)
    place = (run if len(recipe.models) == 1 else run / model.lower()) / f"seed-{seed}/checkpoint"
    restore_weights(net, place)
    return net, as_scored(loaded, split, recipe.privacy, place)


def root_of(run: Path, recipe: Recipe) -> Path | None:
    """Return the folder of the datasets that a run was trained on, if it says so."""
    stored = read_results(run / "results.json").get("root")
    if not isinstance(stored, str):
        return None
    if recipe.data.stored and not Path(stored).is_dir():
        # a folder that is not there would be made, and filled with a download
        raise ValueError(
            f"{run}: was trained on the datasets in {stored}, which is no folder any more; "
            "name the one that holds them now (--root)"
        )
    return Path(stored)
