"""OGB's own molecule baselines: GIN and GCN on ogbg-molhiv."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from graphpoly.data import load_ogb_graph, ogb_evaluator
from graphpoly.recipes.molecule_gnn import MoleculeGNN
from graphpoly.recipes.recipe import Protocol, Published, Recipe, publish
from graphpoly.recipes.run import Outcome, RunOptions, run_model, write_results
from graphpoly.settings import Settings, bounded
from graphpoly.training import GraphTask, Task

__all__ = ["MoleculeSettings", "run_ogb_graph"]


@dataclass(frozen=True, kw_only=True)
class MoleculeSettings(Settings):
    """Hyperparameters of OGB's example script.

    Attributes:
        num_layers: Number of convolutions.
        hidden_channels: Size of all embeddings.
        dropout: After each layer.
        batch_size: Graphs in a batch.
        lr: Adam's learning rate.
    """

    num_layers: int = bounded(5, low=1)
    hidden_channels: int = bounded(300, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    batch_size: int = bounded(32, low=1)
    lr: float = bounded(1e-3, low=0)


def _run(recipe: Recipe, options: RunOptions) -> Outcome:
    settings = recipe.settings
    assert isinstance(settings, MoleculeSettings)
    (name,) = recipe.models

    def build(num_tasks: int) -> tuple[nn.Module, Optimizer]:
        model = MoleculeGNN(
            name.lower(),
            settings.hidden_channels,
            num_tasks,
            num_layers=settings.num_layers,
            dropout=settings.dropout,
        )
        return model, torch.optim.Adam(model.parameters(), lr=settings.lr)

    return run_ogb_graph(recipe, options, build, batch_size=settings.batch_size)


def run_ogb_graph(
    recipe: Recipe,
    options: RunOptions,
    build: Callable[[int], tuple[nn.Module, Optimizer]],
    *,
    batch_size: int,
) -> Outcome:
    """Train a recipe's one model on a dataset of OGB and score it with OGB's evaluator.

    Args:
        recipe: What is run.
        options: How.
        build: From the number of tasks to the model, whose forward takes ``x``, ``edge_index``,
            ``edge_attr`` and ``batch``, and its optimiser.
        batch_size: Graphs in a step.
    """
    dataset, index = load_ogb_graph(recipe.dataset, options.root)
    evaluator = ogb_evaluator(recipe.dataset)
    (name,) = recipe.models

    def rocauc(y_true: Any, y_pred: Any) -> float:
        return float(evaluator.eval({"y_true": y_true, "y_pred": y_pred})["rocauc"])

    def run(seed: int) -> tuple[nn.Module, Task, Optimizer]:
        model, optimizer = build(dataset.num_tasks)
        task = GraphTask(
            dataset[index["train"]],
            dataset[index["valid"]],
            dataset[index["test"]],
            batch_size=batch_size,
            loss="bce",
            metric=rocauc,
            maximize=True,
            forward=_forward,
            device=options.device,
            seed=seed,
        )
        return model.to(options.device), task, optimizer

    facts = {"graph": {"graphs": len(dataset), **{part: len(index[part]) for part in index}}}
    # training ROC-AUC after each epoch would double the time and decide nothing
    watch = ("val", "test")
    experiments = {name: run_model(recipe, options, run, out=options.out, facts=facts, watch=watch)}
    split = {"name": recipe.protocol.split, "hash": _hash(index)}
    splits = dict.fromkeys(options.seeds, split)
    results = write_results(recipe, options, experiments, facts, splits=splits)
    return Outcome(recipe, experiments, results, messages=recipe.notes)


def _forward(model: nn.Module, batch: Any) -> Tensor:
    logits = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    assert isinstance(logits, Tensor)
    return logits


def _hash(index: dict[str, Tensor]) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the three index lists."""
    digest = hashlib.sha256()
    for part in ("train", "valid", "test"):
        digest.update(index[part].to(torch.int64).numpy().tobytes())
    return digest.hexdigest()[:12]


_OGB = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
for _model, _mean, _std in (("GIN", 0.7558, 0.0140), ("GCN", 0.7606, 0.0097)):
    publish(
        Recipe(
            name=f"{_model.lower()}/ogbg-molhiv",
            title=f"OGB's {_model} on ogbg-molhiv",
            dataset="ogbg-molhiv",
            models=(_model,),
            metric="rocauc",
            protocol=Protocol(split="scaffold", num_splits=10, epochs=100),
            settings=MoleculeSettings(),
            splits=("scaffold",),
            paper=_OGB,
            arxiv="2005.00687",
            published=Published(_mean, _std, "standard deviation", 10, _OGB, unit=""),
            execute=_run,
        )
    )
