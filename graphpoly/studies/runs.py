"""Finished runs as they were recorded: scores, intervals, curves, divisions, published figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from graphpoly.recipes.run import read_results
from graphpoly.training.loggers import read_history
from graphpoly.training.metrics import is_share

__all__ = ["Run", "read_runs", "run_sentence", "runs_record", "runs_sentence"]

_PARTS = {"settings": "", "reading": "", "protocol": "", "rewire": "rewire.", "privacy": "privacy."}


@dataclass(frozen=True)
class Run:
    """One model of one finished experiment.

    Attributes:
        label: What it is called beside others.
        folder: Where it lies.
        title: Of the experiment.
        model: Its name, with what of the dataset is this part's alone.
        dataset, split: What it was trained on, and how that was divided.
        metric: Of the test part.
        maximize: Whether larger is better.
        scale: 100 where scores are shown in per cent, else 1.
        test: Recorded mean, unbiased standard deviation and 95 % bootstrap interval, unscaled; a
            mean of scores that are not all finite is NaN.
        seeds: What was recorded of each seed.
        divisions: Name, index and hash of each seed's division.
        curves: Rows of each seed's history; empty where there is no file any more.
        parameters: Trainable ones.
        settings: Settings, reading, protocol and rewiring, as the command takes them.
        published: The published figure, or None.
        compared: Ours against it, or None.
        overridden: Settings that are not the published ones.
        notes: What the recipe says of itself.
    """

    label: str
    folder: Path
    title: str
    model: str
    dataset: str
    split: str
    metric: str
    maximize: bool
    scale: int
    test: Mapping[str, Any]
    seeds: Sequence[Mapping[str, Any]]
    divisions: Sequence[Mapping[str, Any]]
    curves: Sequence[Sequence[Mapping[str, float]]]
    parameters: int
    settings: Mapping[str, Any]
    published: Mapping[str, Any] | None
    compared: Mapping[str, Any] | None
    overridden: Sequence[str]
    notes: Sequence[str]

    @property
    def unit(self) -> str:
        """Of scores as they are shown."""
        return " %" if self.scale == 100 else ""

    @property
    def mean(self) -> float:
        """Mean test score as it is shown."""
        return float(self.test["mean"]) * self.scale

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of :attr:`mean`, or None of a single seed or a mean that is NaN."""
        held = self.test["ci95"]
        if held is None or math.isnan(self.mean):
            return None
        return held[0] * self.scale, held[1] * self.scale

    @property
    def published_interval(self) -> tuple[float, float] | None:
        """Of the published figure, where it has one."""
        if self.published is None or self.published["interval"] is None:
            return None
        mean, half = self.published["mean"], self.published["interval"]
        return mean - half, mean + half

    def show(self, score: float) -> str:
        """Return a scaled score with as many digits as are shown."""
        return f"{score:.{2 if self.scale == 100 else 4}f}"


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Return every model of some finished experiments.

    Args:
        folders: That ``graphpoly train`` wrote.

    Raises:
        ValueError: If there is none, one is named twice, or one holds no results of a recipe.
        CheckpointError: If a file was altered.
    """
    paths = [Path(each).expanduser() for each in folders]
    if not paths or len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(f"runs: got {[str(path) for path in paths]}, expected distinct folders")
    found = [run for path in paths for run in _read(path)]
    names = [run.label for run in found]
    return [
        run if names.count(run.label) == 1 else replace(run, label=f"{run.label} ({run.folder})")
        for run in found
    ]


def run_sentence(run: Run) -> str:
    """Return what a run found, and whether it agrees with what was published."""
    failed = sum(not math.isfinite(seed["test"]) for seed in run.seeds)
    if failed:
        return (
            f"{run.model} has no finite test {run.metric} on {run.dataset} in {failed} of "
            f"{len(run.seeds)} seeds."
        )
    words = f"{run.model} reaches a test {run.metric} of {_figure(run)} on {run.dataset}"
    if run.published is None or run.compared is None:
        return f"{words}; no published figure is known."
    held = run.published
    spread = "without an interval"
    if held["interval"] is not None:
        spread = f"± {run.show(held['interval'])} ({held['interval_kind']}, {held['runs']} runs)"
    words += f"; published is {run.show(held['mean'])}{run.unit} {spread}"
    if not run.compared["comparable"]:
        return f"{words}, which is not comparable, for {', '.join(run.overridden)} differ."
    agrees = run.compared["agrees"]
    if agrees is None:
        return f"{words}: neither has an interval to judge by."
    return f"{words}: the intervals {'agree' if agrees else 'do not agree'}."


def runs_sentence(runs: Sequence[Run]) -> str:
    """Return which of several runs on one dataset has the best mean, and by how much.

    Args:
        runs: At least two, of one dataset, metric and scale.
    """

    def place(run: Run) -> tuple[bool, float]:
        return math.isnan(run.mean), -run.mean if run.maximize else run.mean

    first, second = sorted(runs, key=place)[:2]
    if math.isnan(first.mean):
        return f"On {first.dataset} no run has a finite mean test {first.metric}."
    if first.mean == second.mean:
        return (
            f"On {first.dataset} {first.label} and {second.label} have the same best mean test "
            f"{first.metric}, {first.show(first.mean)}{first.unit}."
        )
    words = (
        f"On {first.dataset} {first.label} has the best mean test {first.metric}, "
        f"{_figure(first)}, before {second.label} with {_figure(second)}"
    )
    if first.interval is None or second.interval is None:
        return f"{words}; whether that is chance cannot be said."
    apart = max(first.interval[0], second.interval[0]) > min(first.interval[1], second.interval[1])
    return f"{words}: their intervals {'do not overlap' if apart else 'overlap'}."


def runs_record(runs: Sequence[Run]) -> dict[str, Any]:
    """Return everything but the curves as plain values for JSON; scores are unscaled."""
    kept = ("seed", "train", "val", "test", "val_loss", "best_epoch", "epochs", "seconds")
    return {
        "runs": [
            {
                "label": run.label,
                "folder": str(run.folder),
                "model": run.model,
                "dataset": run.dataset,
                "split": run.split,
                "metric": run.metric,
                "maximize": run.maximize,
                "test": run.test,
                "published": run.published,
                "compared": run.compared,
                "overridden": run.overridden,
                "parameters": run.parameters,
                "settings": run.settings,
                "seeds": [
                    {**{key: seed.get(key) for key in kept}, "split": division}
                    for seed, division in zip(run.seeds, run.divisions, strict=True)
                ],
                "sentence": run_sentence(run),
            }
            for run in runs
        ]
    }


def _read(folder: Path) -> Iterator[Run]:
    path = folder / "results.json"
    if not path.is_file():
        raise ValueError(f"{folder}: holds no results.json; give the folder of a finished run")
    content = read_results(path)
    try:
        for part in content.get("parts", [content]):
            point = {} if part is content else {k: v for k, v in part.items() if _is_number(v)}
            place = folder.joinpath(*(f"{key}{value:+.3f}" for key, value in point.items()))
            for name, held in part["models"].items():
                own = place if len(part["models"]) == 1 else place / name.lower()
                label = " ".join([name, *(f"at {key}={value:g}" for key, value in point.items())])
                yield _run(content, part, held, label, own)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not the results of a recipe") from error


def _run(
    content: Mapping[str, Any],
    part: Mapping[str, Any],
    held: Mapping[str, Any],
    label: str,
    own: Path,
) -> Run:
    published, metric = content["published"], content["metric"]
    in_per_cent = is_share(metric) if published is None else published["unit"] == "%"
    histories = [own / f"seed-{each['seed']}" / "history.csv" for each in held["seeds"]]
    settings = {
        f"{prefix}{key}": value
        for name, prefix in _PARTS.items()
        for key, value in (content.get(name) or {}).items()
    }
    return Run(
        label=label,
        folder=own,
        title=content["title"],
        model=label,
        dataset=content["dataset"],
        split=content["protocol"]["split"],
        metric=metric,
        maximize=held["maximize"],
        scale=100 if in_per_cent else 1,
        test=held["test"],
        seeds=held["seeds"],
        divisions=[part["splits"][str(each["seed"])] for each in held["seeds"]],
        curves=[read_history(path) if path.is_file() else [] for path in histories],
        parameters=held["num_parameters"],
        settings=settings,
        published=published,
        compared=held["compared"],
        overridden=content["overridden"],
        notes=content["notes"],
    )


def _figure(run: Run) -> str:
    """A mean with its interval."""
    if math.isnan(run.mean):
        return "no finite one"
    mean = f"{run.show(run.mean)}{run.unit}"
    if run.interval is None:
        return f"{mean} (one seed)"
    low, high = map(run.show, run.interval)
    return f"{mean} (95 % interval {low} to {high}, {len(run.seeds)} seeds)"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
