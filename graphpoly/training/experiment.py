"""The same run over several seeds, and what may be said about it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Optimizer

from graphpoly.distributed import from_first, is_first
from graphpoly.files import plain, to_json, write_atomically
from graphpoly.training.config import TrainConfig
from graphpoly.training.fit import FitResult, fit
from graphpoly.training.progress import Progress
from graphpoly.training.run_directory import finished_seeds, read_record, reserve, write_config
from graphpoly.training.seeds import seed_everything
from graphpoly.training.tasks import Task
from graphpoly.training.trackers import trackers
from graphpoly.versions import versions

__all__ = ["Experiment", "bootstrap_interval", "judge", "run_seeds"]

_RESAMPLES = 10_000
_RECORDED = ("device", "task", "all_parameters", "processes")  # taken over from each run
_REPORTED = ("privacy",)  # where a task has something to say
_CI_METHOD = f"percentile bootstrap of the mean, {_RESAMPLES} resamples, seed 0"


@dataclass(frozen=True)
class Experiment:
    """Test scores over seeds.

    Attributes:
        metric: Name of the metric.
        mean: Mean test score.
        std: Sample standard deviation (n - 1); NaN of a single seed, null in ``results.json``.
        ci95: Half width of the 95 % bootstrap interval of the mean: the larger of its two sides,
            which is what papers print after "±". NaN of a single seed.
        runs: Seed to the result of its run.
        seconds: Wall-clock time of all runs together.
        num_parameters: Trainable parameters of the first run's model.
    """

    metric: str
    mean: float
    std: float
    ci95: float
    runs: dict[int, FitResult]
    seconds: float
    num_parameters: int

    @classmethod
    def from_runs(cls, metric: str, runs: Mapping[int, FitResult]) -> Experiment:
        """Aggregate the results of several seeds."""
        scores = [result.test for result in runs.values()]
        std = ci95 = math.nan
        if len(scores) > 1:
            std = float(np.std(scores, ddof=1))
            low, high = bootstrap_interval(scores)
            ci95 = max(float(np.mean(scores)) - low, high - float(np.mean(scores)))
        return cls(
            metric=metric,
            mean=float(np.mean(scores)),
            std=std,
            ci95=ci95,
            runs=dict(runs),
            seconds=sum(result.seconds for result in runs.values()),
            num_parameters=next(iter(runs.values())).num_parameters,
        )

    def summary(self, *, scale: float = 1.0, digits: int = 4) -> str:
        """Return ``mean ± std (n seeds)``; ``scale=100, digits=2`` prints per cent."""
        seeds = f"{len(self.runs)} seed{'s' if len(self.runs) > 1 else ''}"
        mean = f"{self.mean * scale:.{digits}f}"
        if math.isnan(self.std):
            return f"{mean} ({seeds})"
        return f"{mean} ± {self.std * scale:.{digits}f} ({seeds})"


def run_seeds(
    build: Callable[[int], tuple[nn.Module, Task, Optimizer]],
    seeds: Sequence[int],
    *,
    out: str | Path,
    config: TrainConfig,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    track: Sequence[str] = (),
    name: str = "",
) -> Experiment:
    """Train once for each seed, and aggregate.

    ``out`` gets ``config.yaml``, one directory ``seed-<n>`` for each run, and, once all runs are
    finished, ``results.json``. With ``resume=True`` finished seeds are not trained again, and count
    even where ``seeds`` has them no more; an unfinished one goes on from its checkpoint, and
    further seeds may be added.

    Args:
        build: Gives model, task and optimiser of a seed. All generators are seeded before it is
            called; which split belongs to which seed is its own matter.
        seeds: Distinct seeds.
        out: Directory of the experiment.
        config: Settings of every run.
        settings: The rest of the resolved configuration, as plain values: stored in
            ``config.yaml`` and compared on resume, so paths and devices do not belong here.
        resume: Continue what ``out`` holds.
        progress: A progress bar, used for one run after the other.
        track: Trackers that each run is sent to, see :func:`~graphpoly.training.trackers`.
        name: What the runs are called there, with the seed behind it.

    Returns:
        Mean, standard deviation and confidence interval of the test metric, and every run.

    Raises:
        CheckpointError: As :func:`~graphpoly.training.fit` does.
        ValueError: If ``seeds`` is empty or has duplicates.

    Example:
        >>> def build(seed):
        ...     model = GCN(data.num_features, 16, 2, 3)
        ...     task = NodeTask(data, make_split(data, "stratified", seed))
        ...     return model, task, torch.optim.Adam(model.parameters())
        >>> config = TrainConfig(epochs=200, patience=50)
        >>> run_seeds(build, range(3), out="runs/gcn", config=config)  # doctest: +SKIP
    """
    seeds = list(seeds)
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be distinct and at least one, got {seeds}")
    out = Path(out)
    settings = plain({} if settings is None else settings)
    written = {"seeds": seeds, "train": config.to_dict(), "settings": settings}
    with reserve(out, written, resume=resume):
        seeds += [seed for seed in from_first(lambda: finished_seeds(out)) if seed not in seeds]
        runs: dict[int, FitResult] = {}
        metric, maximize = "", True
        for seed in seeds:
            seed_everything(seed)
            model, task, optimizer = build(seed)
            if is_first() and not runs:  # what cannot be built leaves no trace of a run
                write_config(out, written)
            metric, maximize = task.metric, task.maximize
            place, called = out / f"seed-{seed}", f"{name or out.name} seed {seed}"
            runs[seed] = fit(
                model,
                task,
                optimizer,
                config,
                run_dir=place,
                loggers=trackers(track, place, name=called, settings=written) if is_first() else (),
                seed=seed,
                resume=resume,
                settings=settings,
                progress=progress,
            )
        experiment = Experiment.from_runs(metric, runs)
        if is_first():
            _write_results(out, experiment, maximize, settings)
    return experiment


def bootstrap_interval(
    values: Sequence[float], *, level: float = 0.95, resamples: int = _RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean.

    Example:
        >>> bootstrap_interval([0.5, 0.5, 0.5])
        (0.5, 0.5)
    """
    sample = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(seed).integers(len(sample), size=(resamples, len(sample)))
    tail = (1 - level) / 2
    low, high = np.quantile(sample[draws].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _write_results(
    out: Path, experiment: Experiment, maximize: bool, settings: Mapping[str, Any]
) -> None:
    def aggregate(split: str) -> dict[str, Any]:
        scores = [getattr(result, split) for result in experiment.runs.values()]
        several = len(scores) > 1
        return {
            "mean": float(np.mean(scores)),
            "std": float(np.std(scores, ddof=1)) if several else None,
            "ci95": list(bootstrap_interval(scores)) if several else None,
        }

    per_seed = []
    for seed, result in experiment.runs.items():
        recorded = read_record(out / f"seed-{seed}" / "results.json")
        row = {"seed": seed, **dataclasses.asdict(result)}
        row |= {key: recorded.get(key) for key in _RECORDED}
        per_seed.append({**row, **{key: recorded[key] for key in _REPORTED if key in recorded}})
    results = {
        "metric": experiment.metric,
        "maximize": maximize,
        "test": aggregate("test"),
        "val": aggregate("val"),
        "ci95_method": _CI_METHOD,
        "ci95_half_width": experiment.ci95,
        "num_seeds": len(per_seed),
        "num_parameters": experiment.num_parameters,
        "seconds": experiment.seconds,
        "seeds": per_seed,
        "settings": settings,
        "versions": versions(),
    }
    write_atomically(out / "results.json", to_json(results))


def judge(ours: float, half: float, published: float, interval: float | None) -> bool | None:
    """Say whether two figures agree: whether their intervals have a point in common.

    Args:
        ours: Our mean.
        half: Half width of the 95 % interval of our mean; NaN of a single run.
        published: The published mean.
        interval: What stands after its ±, if anything does.

    Returns:
        None where neither has an interval, or ours is NaN: then nobody can say.

    >>> judge(73.2, 3.1, 74.3, 0.7), judge(70.0, 1.0, 74.3, 0.7), judge(1.0, math.nan, 1.1, None)
    (True, False, None)
    """
    if math.isnan(ours) or (math.isnan(half) and interval is None):
        return None
    reach = (0.0 if math.isnan(half) else half) + (interval or 0.0)
    return abs(ours - published) <= reach
