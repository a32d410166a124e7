"""A search for the settings of a model by its validation scores, and a run of what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphpoly.data import DatasetError
from graphpoly.files import plain, to_json, write_atomically
from graphpoly.recipes import Outcome, Recipe, run_recipe
from graphpoly.recipes.loads import Loads
from graphpoly.studies.spaces import space_of
from graphpoly.studies.trials import Curve, Trials, imported, is_free, turn
from graphpoly.training import CheckpointError, Progress
from graphpoly.training.checkpoint import require_same
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.metrics import maximizes
from graphpoly.training.run_directory import claim, lock, read_record

__all__ = ["Search", "Tuned"]

_SEED = 0  # of every trial, and so its division
# tasks whose answer is the same for training and testing
_NOT_TUNED = ("pairs", "signals")


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        recipe: With the settings that were chosen.
        rows: What became of each trial, see :meth:`graphpoly.studies.trials.Trials.rows`.
        chosen: The row of the best one; None while other processes are at work on trials.
        outcome: Of the run of it over all seeds; None while another process is at work.
        record: The file that says how it was found.
    """

    recipe: Recipe
    rows: list[dict[str, Any]]
    chosen: dict[str, Any] | None
    outcome: Outcome | None
    record: Path


class Search:
    """A search of the settings of a recipe's model, and a run of the best ones over all seeds.

    A trial trains once, with seed 0 on its division, and is judged by its validation metric at the
    epoch that the protocol chooses; a test score is never looked at. Where a dataset has several
    divisions, some rows that validate there are test rows of others. Draws are those of a tree of
    Parzen estimators (Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, NeurIPS
    2011); trials whose validation curve is below the median of the others' at the same epoch end
    early, and so do settings that cannot be trained.

    Args:
        recipe: One model on one dataset, such as :func:`graphpoly.recipes.recipe_for` makes.
        trials: How many settings are tried. The first ones count, however many there are.
        fixed: Values that are not searched, of model, protocol, reading or rewiring.
        seeds: Runs of the best settings; default the protocol's number.
        out: Folder; default ``runs/tune/`` and the recipe's name.
        search_seed: Of the draws.

    Raises:
        ValueError: If a key or value is not accepted, the dataset has no part to validate on, or
            nothing is left to search.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        trials: int,
        fixed: Mapping[str, Any] | None = None,
        seeds: int | None = None,
        out: str | Path | None = None,
        search_seed: int = 0,
    ) -> None:
        for name, number in (("trials", trials), ("seeds", seeds)):
            if number is not None and number < 1:
                raise ValueError(f"{name}: got {number}, expected at least 1")
        if len(recipe.models) != 1:
            raise ValueError(f"recipe: {recipe.name} has several models; name one, and a dataset")
        if recipe.data.task in _NOT_TUNED:
            raise ValueError(
                f"dataset: {recipe.data.name} asks for {recipe.data.task} and has no part to "
                "validate on"
            )
        fixed = dict(fixed or {})
        self.recipe = recipe.override(fixed)
        self.trials, self.seeds, self.search_seed = trials, seeds, search_seed
        self.out = Path("runs", "tune", recipe.name) if out is None else Path(out).expanduser()
        settings = self.recipe.settings_of(recipe.models[0])
        self.space = space_of(settings, [key.removeprefix("settings.") for key in fixed])
        self.maximize = maximizes(self.recipe.metric)
        self.record = self.out / "search.json"

    def run(
        self,
        *,
        root: str | Path | None = None,
        device: str | torch.device = "auto",
        progress: Progress | None = None,
    ) -> Tuned:
        """Try what has not been tried, and run the best.

        Called again it goes on with what is in the folder, and so do further processes meanwhile,
        where the file system has locks.

        Args:
            root, device, progress: As of :func:`graphpoly.recipes.run_recipe`.

        Raises:
            ValueError: If no trial could be trained.
            DatasetError: If the dataset cannot be had.
            CheckpointError: If the folder holds something else.
            ImportError: If optuna is not installed.
        """
        imported()  # before anything is read, and a folder made
        options: dict[str, Any] = {"root": root, "device": device}
        identity = self._identity(None if root is None else Path(root).expanduser())
        held = self._open(identity)
        while self._step(held, options, progress):
            pass
        rows = held.rows(self.trials)
        if held.running():
            return Tuned(self.recipe, rows, None, None, self.record)
        best = held.best(self.trials)
        note = (
            f"settings chosen among {self.trials} trials by the validation "
            f"{self.recipe.metric} of seed {_SEED}"
        )
        recipe = dataclasses.replace(self._with(best["settings"]), notes=(note,))
        folder = self.out / f"best-{best['slot']:04}"
        try:
            with lock(folder):
                outcome = run_recipe(
                    recipe, seeds=self.seeds, out=folder, resume=True, progress=progress, **options
                )
        except CheckpointError:
            if is_free(folder):
                raise
            return Tuned(recipe, rows, best, None, self.record)
        found = {"trials": rows, "chosen": best, "results": f"{folder.name}/results.json"}
        write_atomically(self.record, to_json({"search": identity, **plain(found)}))
        return Tuned(recipe, rows, best, outcome, self.record)

    def _open(self, identity: dict[str, Any]) -> Trials:
        """Begin in the folder, or go on there."""
        if not self.record.exists():
            claim(self.out, None, resume=False)
        self.out.mkdir(parents=True, exist_ok=True)
        with turn(self.out):
            if self.record.exists():
                held = read_record(self.record).get("search")
                if isinstance(held, dict):
                    held.setdefault("data", identity["data"])  # absent until 0.1
                require_same(self.record, held, identity)
            epochs = self.recipe.protocol.epochs
            trials = Trials(
                self.out, self.space, maximize=self.maximize, epochs=epochs, seed=self.search_seed
            )
            if not self.record.exists():
                write_atomically(self.record, to_json({"search": identity}))
        return trials

    def _step(self, held: Trials, options: Mapping[str, Any], progress: Progress | None) -> bool:
        """Run the next trial; False where there is none."""
        with held.next(self.trials) as trial:
            if trial is None:
                return False
            curve = Curve(held, trial, inner=progress)
            try:
                outcome = run_recipe(
                    self._with(trial.params),
                    seeds=[_SEED],
                    out=held.folder_of(trial.number),
                    progress=curve,
                    **options,
                )
            except (DatasetError, CheckpointError):
                raise
            except (held.pruned, ValueError, torch.OutOfMemoryError) as error:
                held.give_up(trial, str(error).partition("\n")[0])
                return True
            (experiment,) = outcome.experiments.values()
            held.tell(trial, experiment.runs[_SEED].val)
        return True

    def _with(self, settings: Mapping[str, Any]) -> Recipe:
        return self.recipe.override({f"settings.{key}": value for key, value in settings.items()})

    def _identity(self, root: Path | None) -> dict[str, Any]:
        """Return what everybody who works on the search shares, as plain values."""
        told = self.recipe.to_dict()
        for key in ("title", "given", "published", "notes", "overridden", "paper", "arxiv"):
            del told[key]
        del told["protocol"]["num_splits"]
        for key in self.space:
            del told["settings"][key]
        space = {key: dataclasses.asdict(each) for key, each in self.space.items()}
        loaded = Loads(self.recipe, root).of(_SEED)
        data = fingerprint(loaded.data, loaded.graphs)
        return dict(plain({**told, "space": space, "search_seed": self.search_seed, "data": data}))
