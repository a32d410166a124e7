"""Running a recipe, and the results that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from graphpoly import registry
from graphpoly.data import default_root
from graphpoly.errors import unknown
from graphpoly.recipes.recipe import Recipe
from graphpoly.training import Experiment, Progress, Task, TrainConfig, run_seeds
from graphpoly.training.files import plain, to_json, write_atomically
from graphpoly.training.metrics import METRICS
from graphpoly.training.run_directory import read_record, reserve

__all__ = [
    "Outcome",
    "RunOptions",
    "compare",
    "read_results",
    "resolve_device",
    "run_model",
    "run_recipe",
    "write_results",
]

Build = Callable[[int], tuple[nn.Module, Task, Optimizer]]


@dataclass(frozen=True)
class RunOptions:
    """Where and how a recipe runs; nothing here changes what is measured, but for the seeds.

    Attributes:
        root: Folder that holds the datasets, or None for the default.
        seeds: One run for each.
        device: Where to compute.
        out: Folder of the results.
        resume: Continue what is in ``out``.
        progress: Told about each epoch, or None.
    """

    root: Path | None
    seeds: tuple[int, ...]
    device: torch.device
    out: Path
    resume: bool
    progress: Progress | None


@dataclass(frozen=True)
class Outcome:
    """What a recipe found.

    Attributes:
        recipe: The recipe, with its overrides.
        experiments: Result by name of the model.
        results: File that holds it all.
        report: A page to look at, where the recipe makes one.
        messages: Lines for the user.
    """

    recipe: Recipe
    experiments: dict[str, Experiment]
    results: Path
    report: Path | None = None
    messages: tuple[str, ...] = ()


def run_recipe(
    recipe: Recipe | str,
    *,
    root: str | Path | None = None,
    seeds: int | Sequence[int] | None = None,
    device: str | torch.device = "auto",
    out: str | Path | None = None,
    resume: bool = False,
    overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train and measure what a recipe describes.

    Args:
        recipe: The recipe or its registered name.
        root: Folder that holds the datasets; default :func:`graphpoly.data.default_root`.
        seeds: Number of runs (seeds 0, 1, ...), or the seeds; default the protocol's number. Run i
            has split i where the protocol has several.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"`` for CUDA where there is some.
        out: Folder of the results; default ``runs/`` and the recipe's name.
        resume: Continue the runs in ``out``, and leave the finished ones as they are.
        overrides: Settings to replace, see :meth:`Recipe.override`.
        progress: Shown to whoever waits.

    Returns:
        The outcome. ``results.json`` in ``out`` carries dataset, splits with their hashes,
        protocol, settings, the figures and the published one.

    Raises:
        ValueError: If a name, key or value is not accepted.
        DatasetError: If the dataset cannot be had.
        CheckpointError: If ``out`` holds a run and ``resume`` is false, if another process is
            writing there, or if ``resume`` meets files of another run or altered ones.
    """
    if isinstance(recipe, str):
        recipe = registry.get("recipe", recipe).obj
    assert isinstance(recipe, Recipe)
    recipe = recipe.override(overrides or {})
    options = RunOptions(
        root=None if root is None else Path(root).expanduser(),
        seeds=_seeds(recipe.protocol.num_splits if seeds is None else seeds),
        device=resolve_device(device),
        out=Path("runs", recipe.name) if out is None else Path(out).expanduser(),
        resume=resume,
        progress=progress,
    )
    with reserve(options.out, resume=resume):
        return recipe.execute(recipe, options)


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device of that name; ``"auto"`` is CUDA where there is some.

    Raises:
        ValueError: If there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise unknown("device", device, ("auto", "cpu", "cuda")) from None
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {str(device)!r}: this machine has {_cuda_devices()}")
    return chosen


def run_model(
    recipe: Recipe,
    options: RunOptions,
    build: Build,
    *,
    out: Path,
    facts: Mapping[str, Any],
    watch: tuple[str, ...] = ("train", "val", "test"),
    label: str = "",
) -> Experiment:
    """Train one model over all seeds, into ``out``.

    Args:
        recipe: What is run.
        options: How.
        build: From a seed to model, task and optimiser.
        out: Folder of this model's runs.
        facts: The dataset as it was found, whatever the seeds; a resumed run must find the same.
        watch: Splits to score after each epoch.
        label: Stands before the seed in the progress, where a recipe has several models.
    """
    config = TrainConfig(
        epochs=recipe.protocol.epochs,
        patience=recipe.protocol.patience,
        monitor=recipe.protocol.monitor,
        watch=watch,
    )
    return run_seeds(
        build,
        options.seeds,
        out=out,
        config=config,
        settings=plain({**_identity(recipe), **facts}),
        resume=options.resume,
        progress=options.progress and _Labelled(options.progress, label),
    )


class _Labelled:
    """Progress of one model among several."""

    def __init__(self, inner: Progress, label: str) -> None:
        self._inner, self._label = inner, label
        self.update, self.stop = inner.update, inner.stop

    def start(self, label: str, total: int, done: int) -> None:
        self._inner.start(f"{self._label} {label}".strip(), total, done)


def write_results(
    recipe: Recipe,
    options: RunOptions,
    experiments: Mapping[str, Experiment],
    facts: Mapping[str, Any],
    *,
    splits: Mapping[int, Mapping[str, Any]],
) -> Path:
    """Write ``results.json``: what was run, on what, what came out and what was published.

    Args:
        recipe: What was run.
        options: How.
        experiments: Result by name of the model.
        facts: The dataset as it was found.
        splits: Name and hash of the split of each seed.
    """
    path = options.out / "results.json"
    models = {}
    for name in recipe.models:
        runs = options.out if len(recipe.models) == 1 else options.out / name.lower()
        recorded = read_results(runs / "results.json")
        # a run that was resumed after its end has these already
        recorded = recorded.get("models", {}).get(name, recorded)
        models[name] = {**recorded, "compared": compare(recipe, experiments[name])}
    content = {
        "recipe": recipe.name,
        **{key: value for key, value in recipe.to_dict().items() if key not in ("name", "models")},
        **facts,
        "splits": splits,
        "seeds": options.seeds,
        "device": options.device,
        "root": (default_root() if options.root is None else options.root).absolute(),
        "threads": torch.get_num_threads(),
        "models": models,
    }
    write_atomically(path, to_json(plain(content)))
    return path


def _identity(recipe: Recipe) -> dict[str, Any]:
    """Return what a resumed run must share; the figure to compare with may be corrected."""
    kept = recipe.to_dict()
    for key in ("title", "published", "notes", "overridden"):
        del kept[key]
    del kept["protocol"]["num_splits"]  # a resumed run may have more seeds
    return kept


def compare(recipe: Recipe, experiment: Experiment) -> dict[str, Any] | None:
    """Set our mean against the published one, in the published unit.

    Returns:
        ``None`` where nothing was published. ``comparable`` is false where settings or protocol
        were overridden: then this is another experiment. Where the figure has no interval,
        ``within_interval`` is ``None`` and ``reached`` says whether ours is as good.
    """
    published = recipe.published
    if published is None:
        return None
    ours = experiment.mean * (100 if published.unit == "%" else 1)
    interval = published.interval
    known = METRICS.get(experiment.metric)
    better = ours - published.mean if known is None or known.maximize else published.mean - ours
    return {
        "ours": ours,
        "published": published.mean,
        "comparable": not recipe.overridden,
        "difference": ours - published.mean,
        "within_interval": None if interval is None else abs(ours - published.mean) <= interval,
        "reached": better >= -(interval or 0.0),
    }


def read_results(path: Path) -> dict[str, Any]:
    """Read what :func:`write_results` wrote; a :class:`CheckpointError` names an altered file."""
    return read_record(path)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int):
        if seeds < 1:
            raise ValueError(f"seeds: got {seeds}, expected at least 1")
        return tuple(range(seeds))
    chosen = tuple(seeds)
    if not chosen or len(set(chosen)) < len(chosen) or min(chosen) < 0:
        raise ValueError(f"seeds: got {list(chosen)}, expected distinct ones of at least 0")
    return chosen


def _cuda_devices() -> str:
    count = torch.cuda.device_count()
    return "no CUDA device" if count == 0 else f"{count} CUDA device(s), cuda:0 to cuda:{count - 1}"
