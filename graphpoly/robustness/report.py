"""A trained network under attack: accuracy against budget, and what was known beforehand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from graphpoly.files import plain, to_json, write_atomically
from graphpoly.models.network_for import network_for
from graphpoly.recipes import Recipe, recipe_of
from graphpoly.recipes.loads import Loads
from graphpoly.recipes.trained import root_of
from graphpoly.robustness.attack import Attack, Target
from graphpoly.training import Progress
from graphpoly.training.checkpoint import restore_weights
from graphpoly.training.lines import LineFile
from graphpoly.training.private_task import as_scored
from graphpoly.training.run_directory import reserve

__all__ = ["BudgetRow", "RobustnessReport", "attack_run"]

_VERSION = 1
_MEANT = {
    "nodes": "the features of every node move by up to",
    "entries": "every feature moves by up to",
    "whole": "the features together move by up to",
}


@dataclass(frozen=True)
class BudgetRow:
    """One budget, over all seeds.

    Attributes:
        budget: Radius, or share of the edges.
        accuracy: Mean accuracy on the test nodes.
        std: Its standard deviation over the seeds; None of a single one.
        moved: Mean distance by which the outputs of the test nodes moved.
        bound: What that cannot be above: on average for random features, for any attack otherwise;
            None where nothing is known.
        certified: Share of the test nodes that no perturbation of the features within the budget
            turns; None where nothing is known.
    """

    budget: float
    accuracy: float
    std: float | None
    moved: float
    bound: float | None
    certified: float | None


@dataclass(frozen=True)
class RobustnessReport:
    """What :func:`attack_run` found.

    Attributes:
        recipe: Name of what was trained.
        model: Its name.
        dataset: Its name.
        attack: See :class:`~graphpoly.robustness.Attack`.
        seeds: Of the runs.
        rows: A line for each budget; the first one is that of 0.
        lipschitz: Mean of the networks' Lipschitz constants, or None.
        row_length: Mean length of the features of a node.
    """

    recipe: str
    model: str
    dataset: str
    attack: Attack
    seeds: list[int]
    rows: list[BudgetRow]
    lipschitz: float | None
    row_length: float

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        held: dict[str, Any] = plain(asdict(self))
        return held

    def describe(self) -> str:
        """Return the answer in a sentence."""
        clean, last = self.rows[0], self.rows[-1]
        if self.attack.on_features:
            where = f"{_MEANT[self.attack.ball]} {last.budget:g}"
        else:
            where = f"as many pairs are flipped as {100 * last.budget:g} % of the edges"
        before, after = (f"{100 * row.accuracy:.1f} %" for row in (clean, last))
        verb = "falls" if last.accuracy < clean.accuracy else "rises"
        moved = f"stays at {before}" if before == after else f"{verb} from {before} to {after}"
        words = f"Accuracy {moved} where {where}"
        if last.certified is not None:
            words += f"; {100 * last.certified:.1f} % are certified to stay right"
        return words + "."


def attack_run(
    run: str | Path,
    attack: Attack,
    *,
    out: str | Path,
    root: str | Path | None = None,
    device: str | torch.device = "cpu",
    resume: bool = False,
    progress: Progress | None = None,
) -> RobustnessReport:
    """Attack every network of a finished run, at test time: its weights stay as they are.

    ``out`` gets ``seeds.jsonl``, a line for each network as soon as it is known, and
    ``results.json`` in the end. What was stopped in any way goes on with ``resume=True``.

    Args:
        run: Folder that ``graphpoly train`` wrote, of one model that classifies nodes.
        attack: What is done, and the budgets.
        out: Folder of the results.
        root: Folder that holds the datasets; default the one that the run was trained on.
        device: Where to compute.
        resume: Go on with what ``out`` holds.
        progress: Told of every step.

    Raises:
        ValueError: If the folder holds no results, nodes are not classified by one network, or the
            network cannot be attacked so.
        DatasetError: If the dataset cannot be had.
        CheckpointError: If weights are missing or altered, or ``out`` is not to be written into.
    """
    run, out = Path(run), Path(out)
    recipe, seeds = recipe_of(run)
    _check(recipe)
    (model,) = recipe.models
    root = root_of(run, recipe) if root is None else Path(root).expanduser()
    header = plain({"robustness": _VERSION, "recipe": recipe.to_dict(), "attack": asdict(attack)})
    with reserve(out, resume=resume):
        file = LineFile(out / "seeds.jsonl", header, resume=resume)
        records, loads = list(file.records), Loads(recipe, root)
        for seed in seeds[len(records) :]:
            loaded, split = loads.read_by(model, seed), loads.split(seed)
            settings = recipe.settings_of(model)
            net = network_for(settings, loads.dataset, loaded, split, recipe.rewire)
            assert loaded.data is not None
            if settings.rows(net, loaded.data) is not None:
                raise ValueError(f"model: {model} reads what was made of the features once")
            checkpoint = run / f"seed-{seed}" / "checkpoint"
            restore_weights(net, checkpoint)
            shown = as_scored(loaded, split, recipe.privacy, checkpoint)
            target = Target(net, shown.data, split.test_mask, device=device)
            found = attack.on(target, seed=seed, progress=progress)
            record = {"seed": seed, "rows": found, "row_length": target.row_length}
            record["lipschitz"] = None if target.bound is None else target.bound.lipschitz
            file.append(record)
            records.append(record)
        report = _report(recipe, attack, records)
        write_atomically(out / "results.json", to_json(report.to_dict()))
    return report


def _check(recipe: Recipe) -> None:
    if len(recipe.models) != 1 or len(recipe.points()) != 1:
        raise ValueError(f"{recipe.name}: trains several networks, give a run of one")
    if recipe.data.task != "nodes" or recipe.data.loss != "ce":
        raise ValueError(
            f"{recipe.name}: classes of nodes are attacked, {recipe.data.name} has none"
        )


def _report(recipe: Recipe, attack: Attack, records: Sequence[dict[str, Any]]) -> RobustnessReport:
    rows = []
    for number, budget in enumerate((0.0, *attack.budgets)):
        each = [record["rows"][number] for record in records]
        scores = [row["accuracy"] for row in each]
        rows.append(
            BudgetRow(
                budget,
                statistics.fmean(scores),
                statistics.stdev(scores) if len(scores) > 1 else None,
                statistics.fmean(row["moved"] for row in each),
                _mean([row["bound"] for row in each]),
                _mean([row["certified"] for row in each]),
            )
        )
    return RobustnessReport(
        recipe=recipe.name,
        model=recipe.models[0],
        dataset=recipe.data.name,
        attack=attack,
        seeds=[record["seed"] for record in records],
        rows=rows,
        lipschitz=_mean([record["lipschitz"] for record in records]),
        row_length=statistics.fmean(record["row_length"] for record in records),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    held = [value for value in values if value is not None]
    return statistics.fmean(held) if held and math.isfinite(sum(held)) else None
