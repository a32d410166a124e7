"""Graph classification over folds: the runner that every model on TUDataset shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch_geometric.data import Data

from graphpoly.data import GraphFold, load_tu, published_folds, stratified_folds
from graphpoly.recipes.recipe import Recipe
from graphpoly.recipes.run import Outcome, RunOptions, run_model, write_results
from graphpoly.settings import Settings, bounded
from graphpoly.training import GraphTask, Task
from graphpoly.training.tasks import Forward

__all__ = ["TU_SPLITS", "GraphSettings", "folds_of", "run_folds", "run_tu"]

TU_SPLITS = ("gnn-comparison", "stratified", "stratified-5")

Build = Callable[[int, int], tuple[nn.Module, Optimizer]]
Prepare = Callable[[Data], Data]


@dataclass(frozen=True, kw_only=True)
class GraphSettings(Settings):
    """What every recipe over folds needs; a model's own settings extend it.

    Attributes:
        batch_size: Graphs in a step.
        lr: Adam's learning rate.
        weight_decay: Of all parameters.
    """

    batch_size: int = bounded(32, low=1)
    lr: float = bounded(1e-3, low=0)
    weight_decay: float = bounded(0.0, low=0)


def run_tu(
    recipe: Recipe,
    options: RunOptions,
    build: Build,
    *,
    prepare: Prepare | None = None,
    forward: Forward | None = None,
    wrap: Callable[[Task], Task] | None = None,
) -> Outcome:
    """Run a recipe whose dataset is one of TUDataset's, over the folds that its protocol names.

    Args:
        recipe: Its settings are :class:`GraphSettings`; its split is one of :data:`TU_SPLITS`.
        options: How it runs.
        build: From the numbers of features and of classes to model and optimiser.
        prepare: Applied to each graph once, before all training, such as a transform.
        forward: From model and batch to logits; by default the model's ``forward`` is called with
            the attributes that it names.
        wrap: Stands around the task of each run, such as a schedule.
    """
    graphs = load_tu(recipe.dataset, options.root)
    y = torch.cat([graph.y for graph in graphs])
    folds = folds_of(recipe, options, y)
    return run_folds(
        recipe, options, graphs, folds, build, prepare=prepare, forward=forward, wrap=wrap
    )


def folds_of(recipe: Recipe, options: RunOptions, y: torch.Tensor) -> list[GraphFold]:
    """Return the folds that the protocol names: ten, but for ``"stratified-5"``.

    Stratified ones are drawn with seed 0.
    """
    if recipe.protocol.split == "gnn-comparison":
        return published_folds(recipe.dataset, options.root)
    return stratified_folds(y, 5 if recipe.protocol.split == "stratified-5" else 10)


def run_folds(
    recipe: Recipe,
    options: RunOptions,
    graphs: Sequence[Data],
    folds: Sequence[GraphFold],
    build: Build,
    *,
    prepare: Prepare | None = None,
    forward: Forward | None = None,
    wrap: Callable[[Task], Task] | None = None,
) -> Outcome:
    """Train and measure one model over folds: seed s has fold s modulo their number.

    So ten seeds see each of ten folds once, and thirty train three times on each.

    Args:
        recipe: Its settings are :class:`GraphSettings`.
        options: How it runs.
        graphs: With ``x`` and ``y`` ``[1]``.
        folds: Their indices into ``graphs``.
        build: As for :func:`run_tu`.
        prepare: As for :func:`run_tu`.
        forward: As for :func:`run_tu`.
        wrap: As for :func:`run_tu`.
    """
    settings = recipe.settings
    assert isinstance(settings, GraphSettings)
    num_classes = int(max(graph.y.max() for graph in graphs)) + 1
    num_features = graphs[0].num_node_features
    facts = {
        "graph": {
            "graphs": len(graphs),
            "nodes": sum(int(graph.num_nodes or 0) for graph in graphs),
            "edges": sum(graph.num_edges for graph in graphs),
            "features": num_features,
            "classes": num_classes,
        }
    }
    prepared = [graph if prepare is None else prepare(graph) for graph in graphs]

    def chosen(index: torch.Tensor) -> list[Data]:
        return [prepared[i] for i in index.tolist()]

    def run(seed: int) -> tuple[nn.Module, Task, Optimizer]:
        fold = folds[seed % len(folds)]
        model, optimizer = build(num_features, num_classes)
        task: Task = GraphTask(
            chosen(fold.train),
            chosen(fold.val),
            chosen(fold.test),
            batch_size=settings.batch_size,
            loss="ce",
            metric="accuracy",
            forward=forward,
            device=options.device,
            seed=seed,
        )
        if wrap is not None:
            task = wrap(task)
        return model.to(options.device), task, optimizer

    (name,) = recipe.models
    watch = ("val", "test")  # training accuracy after each epoch decides nothing
    experiments = {name: run_model(recipe, options, run, out=options.out, facts=facts, watch=watch)}
    splits = {seed: _describe(folds[seed % len(folds)]) for seed in options.seeds}
    results = write_results(recipe, options, experiments, facts, splits=splits)
    return Outcome(recipe, experiments, results, messages=recipe.notes)


def _describe(fold: GraphFold) -> dict[str, Any]:
    return {"name": fold.name, "index": fold.index, "hash": fold.hash}
