"""FavardGNN and OptBasisGNN on five node classification graphs, with the published settings."""

from __future__ import annotations

from dataclasses import replace

from graphpoly.recipes.filters import (
    FavardSettings,
    FilterSettings,
    OptBasisSettings,
    PrecomputedSettings,
)
from graphpoly.recipes.node import DENSE_NOTE, rebuild_node_model, run_node_recipe
from graphpoly.recipes.recipe import Protocol, Published, Recipe, publish

_PAPER = "Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023"
_ARXIV = "2302.12432"
# the published runs normalise the rows of these, and take Planetoid's features as they are
_GEOM_GCN = ("chameleon", "squirrel", "actor")


def _publish(
    model: str, dataset: str, mean: float, interval: float, settings: FilterSettings
) -> Recipe:
    family = {"FavardGNN": "favard", "OptBasisGNN": "optbasis"}[model]
    return publish(
        Recipe(
            name=f"{family}/{dataset}",
            title=f"{model} on {dataset.capitalize()}",
            dataset=dataset,
            models=(model,),
            metric="accuracy",
            protocol=Protocol(split="dense", num_splits=20, epochs=2000, patience=300),
            settings=settings,
            paper=_PAPER,
            arxiv=_ARXIV,
            published=Published(
                mean, interval, "95 % bootstrap confidence interval", 20, f"{_PAPER}, Table 1"
            ),
            notes=(DENSE_NOTE,),
            execute=run_node_recipe,
            rebuild=rebuild_node_model,
        )
    )


def _favard(
    dataset: str,
    mean: float,
    interval: float,
    K: int,
    lrs: tuple[float, float, float],
    decays: tuple[float, float, float],
    dropouts: tuple[float, float],
) -> Recipe:
    settings = FavardSettings(
        K=K,
        lr=lrs[0],
        lr_coefficient=lrs[1],
        lr_basis=lrs[2],
        weight_decay=decays[0],
        weight_decay_coefficient=decays[1],
        weight_decay_basis=decays[2],
        dropout=dropouts[0],
        filter_dropout=dropouts[1],
        row_normalize=dataset in _GEOM_GCN,
    )
    return _publish("FavardGNN", dataset, mean, interval, settings)


def _optbasis(
    dataset: str,
    mean: float,
    interval: float,
    K: int,
    lrs: tuple[float, float],
    decays: tuple[float, float],
    dropouts: tuple[float, float],
) -> Recipe:
    settings = OptBasisSettings(
        K=K,
        lr=lrs[0],
        lr_coefficient=lrs[1],
        weight_decay=decays[0],
        weight_decay_coefficient=decays[1],
        dropout=dropouts[0],
        filter_dropout=dropouts[1],
        row_normalize=dataset in _GEOM_GCN,
    )
    return _publish("OptBasisGNN", dataset, mean, interval, settings)


def _without_duplicates(recipe: Recipe) -> None:
    """The settings of Chameleon or Squirrel, on the graph without its duplicate nodes."""
    family, _, dataset = recipe.name.partition("/")
    (model,) = recipe.models
    publish(
        replace(
            recipe,
            name=f"{family}/{dataset}-filtered",
            title=f"{model} on {dataset.capitalize()} without its duplicate nodes",
            dataset=f"{dataset}-filtered",
            protocol=replace(recipe.protocol, split="public", num_splits=10),
            published=None,
            notes=(
                "nothing was published of this model here; its settings are those of the graph "
                "with the duplicates",
            ),
        )
    )


# dataset, published mean and interval, K, learning rates, weight decays, dropouts
# fmt: off
_without_duplicates(
    _favard("chameleon", 72.32, 1.90, 20, (.04, .04, .02), (1e-6, 1e-5, 1e-7), (.5, .5)))
_without_duplicates(
    _favard("squirrel", 63.49, 1.47, 20, (.05, .04, .0005), (1e-5, 1e-7, 1e-6), (.5, .5)))
_favard("actor", 43.05, .53, 16, (.05, .05, .05), (1e-5, 1e-3, 1e-5), (.7, .7))
_favard("citeseer", 81.89, .63, 8, (.001, .001, .001), (1e-6, 1e-6, 1e-8), (.7, .9))
_favard("pubmed", 90.90, .27, 8, (.05, .005, .005), (1e-3, 1e-6, 1e-6), (0., .5))
_without_duplicates(
    _optbasis("chameleon", 74.26, .74, 16, (.01, .01), (1e-4, 1e-3), (.2, .6)))
_without_duplicates(
    _optbasis("squirrel", 63.62, .76, 20, (.001, .03), (1e-7, 1e-3), (0., .5)))
_optbasis("actor", 42.39, .52, 4, (.005, .03), (1e-3, 1e-3), (.6, .5))
_optbasis("citeseer", 80.58, .82, 2, (.04, .005), (1e-3, 1e-3), (.5, .5))
_optbasis("pubmed", 90.30, .19, 12, (.04, .005), (1e-5, 1e-3), (0., 0.))
# fmt: on

for _dataset in ("minesweeper", "tolokers"):
    publish(
        Recipe(
            name=f"optbasis-precomputed/{_dataset}",
            title=f"The scaled-up OptBasisGNN on {_dataset.capitalize()}, in mini-batches",
            dataset=_dataset,
            models=("PrecomputedOptBasisGNN",),
            metric="rocauc",
            protocol=Protocol(split="public", num_splits=10, epochs=300, patience=60),
            settings=PrecomputedSettings(
                lr=0.005,
                weight_decay=0.0,
                lr_coefficient=0.02,
                weight_decay_coefficient=0.0,
                dropout=0.2,
                filter_dropout=0.0,
                num_layers=3,
            ),
            paper=_PAPER,
            arxiv=_ARXIV,
            notes=(
                "nothing was published of this model here, nor its code; the settings are ours",
            ),
            execute=run_node_recipe,
            rebuild=rebuild_node_model,
        )
    )
