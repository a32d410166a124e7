"""The embedded default: a generated graph whose neighbours disagree, and no file or network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch_geometric.data import Data
from torch_geometric.nn import GCN

from graphpoly.data import Split, csbm
from graphpoly.recipes.filters import FavardSettings, FilterSettings, OptBasisSettings
from graphpoly.recipes.node import graph_facts, split_facts, splits_of
from graphpoly.recipes.recipe import Protocol, Recipe, publish
from graphpoly.recipes.report import Trained, write_report
from graphpoly.recipes.run import Outcome, RunOptions, run_model, write_results
from graphpoly.settings import Settings, bounded
from graphpoly.training import NodeTask, Task

__all__ = ["DemoSettings"]


@dataclass(frozen=True, kw_only=True)
class DemoSettings(Settings):
    """The generated graph, and what the three models share.

    Attributes:
        num_nodes, avg_degree, num_features, phi, epsilon: Of :func:`graphpoly.data.csbm`; the
            edges are the more heterophilous the closer phi is to -1.
        graph_seed: Seed of the graph.
        K: Order of both filters.
        hidden_channels: Width of all three models.
        dropout: Of all three models.
        lr, weight_decay: Of all weight matrices.
        lr_filter: Of the filters' coefficients and of Favard's basis.
    """

    num_nodes: int = bounded(1200, low=30, high=20000)
    avg_degree: float = bounded(8.0, low=0)
    num_features: int = bounded(240, low=1)
    phi: float = bounded(-0.65, low=-1, high=1)
    epsilon: float = bounded(2.5, low=-1)
    graph_seed: int = bounded(0, low=0)
    K: int = bounded(8, low=0)
    hidden_channels: int = bounded(32, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(0.01, low=0)
    weight_decay: float = bounded(5e-4, low=0)
    lr_filter: float = bounded(0.02, low=0)

    def graph(self) -> Data:
        """Return the generated graph."""
        return csbm(
            self.num_nodes,
            self.avg_degree,
            self.num_features,
            phi=self.phi,
            epsilon=self.epsilon,
            seed=self.graph_seed,
        )

    def filter_settings(self, model: str) -> FilterSettings:
        """Return the settings of OptBasisGNN or FavardGNN."""
        shared: dict[str, Any] = {
            "K": self.K,
            "hidden_channels": self.hidden_channels,
            "dropout": self.dropout,
            "filter_dropout": self.dropout,
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "lr_coefficient": self.lr_filter,
            "weight_decay_coefficient": 0.0,
        }
        if model == "FavardGNN":
            return FavardSettings(**shared, lr_basis=self.lr_filter, weight_decay_basis=0.0)
        return OptBasisSettings(**shared)


def _build(
    settings: DemoSettings, name: str, data: Data, split: Split
) -> tuple[nn.Module, Optimizer]:
    if name != "GCN":
        return settings.filter_settings(name).build(data, 2, split)
    model = GCN(data.num_node_features, settings.hidden_channels, 2, 2, dropout=settings.dropout)
    return model, torch.optim.Adam(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )


def _rebuild(recipe: Recipe, root: Path | None, name: str, seed: int) -> tuple[nn.Module, Data]:
    settings = recipe.settings
    assert isinstance(settings, DemoSettings)
    data = settings.graph()
    split = splits_of(data, recipe.protocol.split, (seed,))[seed]
    return _build(settings, name, data, split)[0], data


def _run(recipe: Recipe, options: RunOptions) -> Outcome:
    settings = recipe.settings
    assert isinstance(settings, DemoSettings)
    data = settings.graph()
    splits = splits_of(data, recipe.protocol.split, options.seeds)
    facts = {"graph": graph_facts(data)}
    experiments, trained = {}, {}
    with _one_thread():
        for name in recipe.models:
            models: dict[int, nn.Module] = {}

            def build(
                seed: int, name: str = name, models: dict[int, nn.Module] = models
            ) -> tuple[nn.Module, Task, Optimizer]:
                model, optimizer = _build(settings, name, data, splits[seed])
                models[seed] = model.to(options.device)
                return model, NodeTask(data, splits[seed], device=options.device), optimizer

            out = options.out / name.lower()
            experiments[name] = run_model(recipe, options, build, out=out, facts=facts, label=name)
            trained[name] = Trained(models[options.seeds[0]].cpu(), experiments[name], out)
        results = write_results(recipe, options, experiments, facts, splits=split_facts(splits))
        try:
            report = write_report(options.out / "report.html", recipe, data, trained, results)
            messages: tuple[str, ...] = ()
        except ImportError as error:
            report, messages = None, (str(error),)
    return Outcome(recipe, experiments, results, report, messages)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread inside the block.

    The graph is so small that a second one gains little, and on a busy machine threads that wait
    for each other at every operation would cost many times what they gain.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


publish(
    Recipe(
        name="demo",
        title="Three models on a generated graph whose neighbours disagree",
        dataset="csbm",
        models=("OptBasisGNN", "FavardGNN", "GCN"),
        metric="accuracy",
        protocol=Protocol(split="stratified", num_splits=3, epochs=100),
        settings=DemoSettings(),
        splits=("stratified", "dense"),
        paper="Chien, Peng, Li, Milenkovic. Adaptive Universal Generalized PageRank Graph Neural "
        "Network. ICLR 2021",
        arxiv="2006.07988",
        execute=_run,
        rebuild=_rebuild,
    )
)
