"""FavardGNN and OptBasisGNN on node classification graphs, with the published settings."""

from __future__ import annotations

from graphpoly.models.settings import FavardSettings, OptBasisSettings, PrecomputedSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023"
# the published runs normalise the rows of these, and take Planetoid's features as they are
_GEOM_GCN = ("chameleon", "squirrel", "actor")
_WITHOUT_DUPLICATES = (
    "nothing was published of this model here; its settings are those of the graph with the "
    "duplicates"
)


def _study(family: str, model: str) -> Study:
    return Study(
        family=family,
        model=model,
        protocol=Protocol(split="dense", num_splits=20, epochs=2000, patience=300),
        paper=_PAPER,
        arxiv="2302.12432",
        source=f"{_PAPER}, Table 1",
        spread="95 % bootstrap confidence interval",
        runs=20,
    )


_FAVARD, _OPTBASIS = _study("favard", "FavardGNN"), _study("optbasis", "OptBasisGNN")


def _row(
    study: Study,
    dataset: str,
    mean: float,
    interval: float,
    settings: FavardSettings | OptBasisSettings,
) -> None:
    reading = {"row_normalize": dataset in _GEOM_GCN}
    study.row(dataset, mean, interval, settings, reading=reading)
    if dataset in ("chameleon", "squirrel"):
        study.row(
            f"{dataset}-filtered",
            None,
            None,
            settings,
            reading=reading,
            notes=(_WITHOUT_DUPLICATES,),
            split="public",
            num_splits=10,
        )


def _favard(
    dataset: str,
    mean: float,
    interval: float,
    K: int,
    lrs: tuple[float, float, float],
    decays: tuple[float, float, float],
    dropouts: tuple[float, float],
) -> None:
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
    )
    _row(_FAVARD, dataset, mean, interval, settings)


def _optbasis(
    dataset: str,
    mean: float,
    interval: float,
    K: int,
    lrs: tuple[float, float],
    decays: tuple[float, float],
    dropouts: tuple[float, float],
) -> None:
    settings = OptBasisSettings(
        K=K,
        lr=lrs[0],
        lr_coefficient=lrs[1],
        weight_decay=decays[0],
        weight_decay_coefficient=decays[1],
        dropout=dropouts[0],
        filter_dropout=dropouts[1],
    )
    _row(_OPTBASIS, dataset, mean, interval, settings)


# dataset, published mean and interval, K, learning rates, weight decays, dropouts
# fmt: off
_favard("chameleon", 72.32, 1.90, 20, (.04, .04, .02), (1e-6, 1e-5, 1e-7), (.5, .5))
_favard("squirrel", 63.49, 1.47, 20, (.05, .04, .0005), (1e-5, 1e-7, 1e-6), (.5, .5))
_favard("actor", 43.05, .53, 16, (.05, .05, .05), (1e-5, 1e-3, 1e-5), (.7, .7))
_favard("citeseer", 81.89, .63, 8, (.001, .001, .001), (1e-6, 1e-6, 1e-8), (.7, .9))
_favard("pubmed", 90.90, .27, 8, (.05, .005, .005), (1e-3, 1e-6, 1e-6), (0., .5))
_optbasis("chameleon", 74.26, .74, 16, (.01, .01), (1e-4, 1e-3), (.2, .6))
_optbasis("squirrel", 63.62, .76, 20, (.001, .03), (1e-7, 1e-3), (0., .5))
_optbasis("actor", 42.39, .52, 4, (.005, .03), (1e-3, 1e-3), (.6, .5))
_optbasis("citeseer", 80.58, .82, 2, (.04, .005), (1e-3, 1e-3), (.5, .5))
_optbasis("pubmed", 90.30, .19, 12, (.04, .005), (1e-5, 1e-3), (0., 0.))
# fmt: on

_PRECOMPUTED = Study(
    family="optbasis-precomputed",
    model="PrecomputedOptBasisGNN",
    protocol=Protocol(split="public", epochs=300, patience=60),
    paper=_PAPER,
    arxiv="2302.12432",
    title="The scaled-up OptBasisGNN",
    notes=("nothing was published of this model here, nor its code; the settings are ours",),
)
for _dataset in ("minesweeper", "tolokers"):
    _PRECOMPUTED.row(
        _dataset,
        None,
        None,
        PrecomputedSettings(
            lr=0.005,
            weight_decay=0.0,
            lr_coefficient=0.02,
            dropout=0.2,
            filter_dropout=0.0,
            num_layers=3,
        ),
    )
