"""Running a recipe, and the results that it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from graphpoly import registry
from graphpoly.data import default_root, is_own
from graphpoly.devices import on_cpu
from graphpoly.distributed import is_first, process_device
from graphpoly.errors import unknown
from graphpoly.files import plain, to_json, write_atomically
from graphpoly.models.heads import names_argument
from graphpoly.models.network_for import edge_attr_of, network_for
from graphpoly.models.settings import ModelSettings
from graphpoly.recipes.loads import Loads
from graphpoly.recipes.recipe import Recipe
from graphpoly.recipes.tasks import task_for
from graphpoly.training import Experiment, Progress, Task, TrainConfig, run_seeds
from graphpoly.training.experiment import judge
from graphpoly.training.metrics import METRICS, official
from graphpoly.training.run_directory import read_scores, reserve

__all__ = [
    "Finished",
    "Outcome",
    "RunOptions",
    "compare",
    "read_results",
    "resolve_device",
    "run_recipe",
    "split_facts",
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
        track: Trackers that each run is sent to.
    """

    root: Path | None
    seeds: tuple[int, ...]
    device: torch.device
    out: Path
    resume: bool
    progress: Progress | None
    track: tuple[str, ...] = ()


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
    track: Sequence[str] = (),
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
        track: Trackers that each run is sent to, such as ``"wandb"`` or ``"mlflow:my-project"``.

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
        progress=progress if is_first() else None,
        track=tuple(track),
    )
    points = recipe.points()
    with reserve(options.out, resume=resume), _one_thread(recipe):
        finished = [_run_point(recipe, options, point) for point in points]
        results = options.out / "results.json"
        made = None
        if is_first():
            write_results(recipe, options, finished)
            made = None if recipe.page is None else recipe.page(finished, options, results)
    experiments = {
        each.labelled(name): experiment
        for each in (finished if len(finished) == 1 else (finished[0], finished[-1]))
        for name, experiment in each.experiments.items()
    }
    report, messages = (None, ()) if made is None else made
    notes = (*recipe.notes, *_notes(recipe, finished), *messages)
    return Outcome(recipe, experiments, results, report, notes)


def _notes(recipe: Recipe, finished: Sequence[Finished]) -> Iterator[str]:
    """Say once how data was read, what networks do not see, and what privacy promises."""
    for fact, name in (("labels", "y"), ("directions", "edge_index")):
        if fact in finished[0].facts:
            yield f"{name} of {recipe.given}: {finished[0].facts[fact]}"
    unread, untyped = (
        ", ".join(name for name in recipe.models if any(name in each for each in sets))
        for sets in ([each.unread for each in finished], [each.untyped for each in finished])
    )
    if unread and is_own(recipe.given):
        yield f"edge_attr of {recipe.given} is not read by {unread}"
    if untyped and recipe.rewire is not None:
        yield (
            f"{recipe.rewire.method} adds edges of other types, which {untyped} cannot tell from "
            "those of the graph: the union of all is used (LASERGNN can)"
        )
    if recipe.privacy is not None:
        yield (
            f"each run's weights reveal at most epsilon={recipe.privacy.epsilon:g} of a training "
            "node of the sampled graph; what several runs reveal adds up, and nothing else that "
            "was written is protected"
        )


@dataclass
class Finished:
    """One part of an experiment, after it.

    Attributes:
        recipe: With the reading of this part.
        point: What of the reading is this part's alone, such as ``{"phi": -1.0}``.
        loads: Its dataset.
        experiments: Result by name of the model.
        models: The first seed's network by name, with its best weights.
        folders: Folder of the runs by name of the model.
        splits: Name, index and hash of the division of each seed.
        facts: The dataset as it was found, and what was rewired.
        untyped: Models that see the union of all types of edges.
        unread: Models that do not see the features of edges.
    """

    recipe: Recipe
    point: dict[str, Any]
    loads: Loads
    experiments: dict[str, Experiment]
    models: dict[str, nn.Module]
    folders: dict[str, Path]
    splits: dict[int, dict[str, Any]]
    facts: Mapping[str, Any]
    untyped: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def labelled(self, model: str) -> str:
        """Return a model's name, with the point where there are several."""
        return " ".join([model, *(f"at {key}={value:g}" for key, value in self.point.items())])


def _run_point(recipe: Recipe, options: RunOptions, point: dict[str, Any]) -> Finished:
    if point:
        recipe = recipe.override(point)
    folder = options.out
    for key, value in point.items():
        folder = folder / f"{key}{value:+.3f}"
    loads = Loads(recipe, options.root, saved=folder, progress=options.progress)
    splits = {seed: loads.split(seed) for seed in options.seeds}
    facts = loads.rewired(options.seeds[0]).facts
    found = Finished(recipe, point, loads, {}, {}, {}, {}, facts)
    for name in recipe.models:
        out = folder if len(recipe.models) == 1 else folder / name.lower()
        settings = recipe.settings_of(name)

        @on_cpu()
        def build(
            seed: int, name: str = name, settings: ModelSettings = settings
        ) -> tuple[nn.Module, Task, Optimizer]:
            if seed not in splits:  # finished by an earlier run, of more seeds
                splits[seed] = loads.split(seed)
            loaded = loads.read_by(name, seed)
            model = network_for(settings, loads.dataset, loaded, splits[seed], recipe.rewire)
            optimizer = settings.optimizer(model)
            task = task_for(
                settings,
                loads.dataset,
                loaded,
                splits[seed],
                model,
                protocol=recipe.protocol,
                metric=official(recipe.metric, loads.dataset.scorer(recipe.metric)),
                device=options.device,
                seed=seed,
                rewire=recipe.rewire,
                privacy=recipe.privacy,
            )
            if loaded.num_relations > 1 and not names_argument(model, "edge_type"):
                found.untyped.add(name)
            if edge_attr_of(loads.of(seed)) is not None and (
                edge_attr_of(loaded) is None or not names_argument(model, "edge_attr")
            ):
                found.unread.add(name)
            if seed == options.seeds[0]:
                found.models[name] = model
            return model.to(options.device), task, optimizer

        label = "" if len(recipe.models) == 1 else found.labelled(name)
        found.folders[name] = out
        found.experiments[name] = _run_model(
            recipe, options, build, out=out, facts={"graph": facts, "model": name}, label=label
        )
    found.splits = split_facts(splits)
    return found


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device of that name; ``"auto"`` is CUDA where there is some.

    Each of several processes has the GPU of its own number.

    Raises:
        ValueError: If there is no such device.
    """
    if device == "auto":
        return process_device(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise unknown("device", device, ("auto", "cpu", "cuda")) from None
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {str(device)!r}: this machine has {_cuda_devices()}")
    return process_device(chosen)


def _run_model(
    recipe: Recipe,
    options: RunOptions,
    build: Build,
    *,
    out: Path,
    facts: Mapping[str, Any],
    label: str,
) -> Experiment:
    protocol = recipe.protocol
    config = TrainConfig(
        epochs=protocol.epochs,
        patience=protocol.patience,
        stopping=protocol.stopping,
        monitor=protocol.monitor,
        ties=protocol.ties,
        first_epoch=min(protocol.first_epoch, protocol.epochs),
        grad_clip=protocol.grad_clip,
        watch=_watched(recipe),
    )
    return run_seeds(
        build,
        options.seeds,
        out=out,
        config=config,
        settings=plain({**_identity(recipe), **facts}),
        resume=options.resume,
        progress=options.progress and _Labelled(options.progress, label),
        track=options.track,
        name=f"{recipe.name} {label}".strip(),
    )


class _Labelled:
    """Progress of one model among several."""

    def __init__(self, inner: Progress, label: str) -> None:
        self._inner, self._label = inner, label
        self.update, self.stop = inner.update, inner.stop

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        further = (what,) if what else ()
        self._inner.start(f"{self._label} {label}".strip(), total, done, *further)


def write_results(recipe: Recipe, options: RunOptions, finished: Sequence[Finished]) -> Path:
    """Write ``results.json``: what was run, on what, what came out and what was published."""
    path = options.out / "results.json"
    parts = []
    for each in finished:
        models = {}
        for name, experiment in each.experiments.items():
            recorded = read_results(each.folders[name] / "results.json")
            # a run that was resumed after its end has these already
            recorded = recorded.get("models", {}).get(name, recorded)
            models[name] = {**recorded, "compared": compare(recipe, experiment)}
        part = {**each.point, "graph": each.facts, "splits": each.splits, "models": models}
        parts.append(part)
    content = {
        "recipe": recipe.name,
        **{key: value for key, value in recipe.to_dict().items() if key not in ("name", "models")},
        "root": (default_root() if options.root is None else options.root).absolute(),
        "seeds": list(finished[0].splits),
        "device": options.device,
        "threads": torch.get_num_threads(),
        **(parts[0] if len(parts) == 1 else {"parts": parts}),
    }
    write_atomically(path, to_json(plain(content)))
    return path


def _watched(recipe: Recipe) -> tuple[str, ...]:
    """Return what is scored after each epoch: no test of traces, which is larger than all else."""
    parts = ("train", "val", "test") if recipe.protocol.watch_train else ("val", "test")
    return tuple(part for part in parts if part != "test" or recipe.data.task != "traces")


def _identity(recipe: Recipe) -> dict[str, Any]:
    """Return what a resumed run must share; the figure to compare with may be corrected."""
    kept = recipe.to_dict()
    for key in ("title", "given", "published", "notes", "overridden", "models"):
        del kept[key]
    del kept["protocol"]["num_splits"]  # a resumed run may have more seeds
    return kept


def compare(recipe: Recipe, experiment: Experiment) -> dict[str, Any] | None:
    """Set our mean against the published one, in the published unit.

    Returns:
        ``None`` where nothing was published. ``comparable`` is false where settings, protocol or
        reading were overridden: then this is another experiment. ``agrees`` is what :func:`judge`
        says of both intervals; ``reached`` says whether ours is as good as the published figure
        less its interval.
    """
    published = recipe.published
    if published is None:
        return None
    scale = 100 if published.unit == "%" else 1
    ours = experiment.mean * scale
    half = experiment.ci95 * scale
    known = METRICS.get(experiment.metric)
    better = ours - published.mean if known is None or known.maximize else published.mean - ours
    return {
        "ours": ours,
        "published": published.mean,
        "comparable": not recipe.overridden,
        "difference": ours - published.mean,
        "agrees": judge(ours, half, published.mean, published.interval),
        "reached": better >= -(published.interval or 0.0),
    }


def read_results(path: Path) -> dict[str, Any]:
    """Read what :func:`write_results` wrote; a :class:`CheckpointError` names an altered file."""
    return read_scores(path, ("models", "parts"))


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


def split_facts(splits: Mapping[int, Any]) -> dict[int, dict[str, Any]]:
    """Return name, index and hash of each seed's division, where it has them."""
    named = ("name", "index", "hash")
    return {
        seed: {key: getattr(split, key) for key in named if hasattr(split, key)}
        for seed, split in splits.items()
    }


@contextmanager
def _one_thread(recipe: Recipe) -> Iterator[None]:
    """Compute on one thread where a recipe says so.

    A generated graph is so small that a second one gains little, and on a busy machine threads that
    wait for each other at every operation would cost many times what they gain.
    """
    before = torch.get_num_threads()
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
