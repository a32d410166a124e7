"""Node classification on one graph: what every such recipe shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures

from graphpoly.data import Split, as_undirected, load_node_data, make_split
from graphpoly.recipes.recipe import Recipe
from graphpoly.recipes.run import Outcome, RunOptions, run_model, write_results
from graphpoly.settings import Settings
from graphpoly.training import NodeTask, Task

__all__ = [
    "DENSE_NOTE",
    "NodeSettings",
    "graph_facts",
    "run_node_recipe",
    "split_facts",
    "splits_of",
]

DENSE_NOTE = (
    "split 'dense' is the published 60/20/20: it takes equally many training nodes from every "
    "class, so that small classes have few or no test nodes"
)


@dataclass(frozen=True, kw_only=True)
class NodeSettings(Settings):
    """Hyperparameters of a network for nodes, which know how to build it.

    Attributes:
        row_normalize: Divide each node's features by their sum.
    """

    row_normalize: bool = False

    def prepare(self, data: Data) -> Data:
        """Return the graph as the network reads it, made once for all runs.

        It is given undirected and without self-loops.
        """
        return data

    def build(self, data: Data, num_classes: int, split: Split) -> tuple[nn.Module, Optimizer]:
        """Return the network for ``data``, freshly initialised, and its optimiser.

        Args:
            data: The graph that will be trained on.
            num_classes: Number of logits a node.
            split: Of this run; only its training nodes may decide anything.
        """
        raise TypeError(f"{type(self).__name__} has to define build()")

    def task(
        self,
        data: Data,
        split: Split,
        model: nn.Module,
        *,
        metric: str,
        device: torch.device,
        seed: int,
    ) -> Task:
        """Return what the model is trained on; the default is the whole graph at every step."""
        return NodeTask(data, split, metric=metric, device=device)


def run_node_recipe(recipe: Recipe, options: RunOptions) -> Outcome:
    """Train the recipe's one model on its dataset, one run a seed.

    The graph loses its self-loops and every edge goes both ways, as in nearly all published runs.
    """
    settings = recipe.settings
    assert isinstance(settings, NodeSettings)
    data = _load(recipe, options.root)
    splits = splits_of(data, recipe.protocol.split, options.seeds)
    num_classes = int(data.y.max()) + 1

    def build(seed: int) -> tuple[nn.Module, Task, Optimizer]:
        model, optimizer = settings.build(data, num_classes, splits[seed])
        task = settings.task(
            data, splits[seed], model, metric=recipe.metric, device=options.device, seed=seed
        )
        return model.to(options.device), task, optimizer

    facts = {"graph": graph_facts(data)}
    (model,) = recipe.models
    experiments = {model: run_model(recipe, options, build, out=options.out, facts=facts)}
    results = write_results(recipe, options, experiments, facts, splits=split_facts(splits))
    return Outcome(recipe, experiments, results, messages=recipe.notes)


def rebuild_node_model(
    recipe: Recipe, root: Path | None, name: str, seed: int
) -> tuple[nn.Module, Data]:
    """Return the untrained model of a run and its graph, see :attr:`Recipe.rebuild`."""
    settings = recipe.settings
    assert isinstance(settings, NodeSettings)
    assert name in recipe.models
    data = _load(recipe, root)
    split = splits_of(data, recipe.protocol.split, (seed,))[seed]
    return settings.build(data, int(data.y.max()) + 1, split)[0], data


def _load(recipe: Recipe, root: Path | None) -> Data:
    masks = "geom-gcn" if recipe.protocol.split == "geom-gcn" else None
    data = as_undirected(load_node_data(recipe.dataset, root, masks=masks), self_loops=False)
    settings = recipe.settings
    assert isinstance(settings, NodeSettings)
    if settings.row_normalize:
        data = NormalizeFeatures()(data)
    return settings.prepare(data)


def splits_of(data: Data, name: str, seeds: tuple[int, ...]) -> dict[int, Split]:
    """Return the split of each seed; stored ones are taken in turn."""
    stored = data.get("train_mask")
    count = None
    if name in ("public", "geom-gcn") and stored is not None:
        count = 1 if stored.dim() == 1 else stored.size(1)
    return {seed: make_split(data, name, seed if count is None else seed % count) for seed in seeds}


def graph_facts(data: Data) -> dict[str, Any]:
    """Return the sizes of a graph."""
    return {
        "nodes": data.num_nodes,
        "edges": data.num_edges,
        "features": data.num_node_features,
        "classes": int(data.y.max()) + 1,
    }


def split_facts(splits: dict[int, Split]) -> dict[int, dict[str, Any]]:
    """Return name, index and hash of each seed's split."""
    return {
        seed: {"name": split.name, "index": split.index, "hash": split.hash}
        for seed, split in splits.items()
    }
