"""The embedded default: a generated graph whose neighbours disagree, and no file or network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphpoly.data import find_dataset
from graphpoly.models.settings import FavardSettings, GCNSettings, ModelSettings, OptBasisSettings
from graphpoly.recipes.recipe import Protocol, Recipe, SharedSettings, publish
from graphpoly.recipes.report import write_report
from graphpoly.recipes.run import Finished, RunOptions
from graphpoly.settings import bounded, replace_settings

__all__ = ["DemoSettings"]


@dataclass(frozen=True, kw_only=True)
class DemoSettings(SharedSettings):
    """What the three models share.

    Attributes:
        K: Order of both filters.
        hidden_channels: Width of all three models.
        dropout: Of all three models.
        lr, weight_decay: Of all weight matrices.
        lr_filter: Of the filters' coefficients and of Favard's basis.
    """

    K: int = bounded(8, low=0)
    hidden_channels: int = bounded(32, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(0.01, low=0)
    weight_decay: float = bounded(5e-4, low=0)
    lr_filter: float = bounded(0.02, low=0)

    def of(self, model: str) -> ModelSettings:
        """Return the settings of OptBasisGNN, FavardGNN or GCN."""
        shared: dict[str, Any] = {
            "hidden_channels": self.hidden_channels,
            "dropout": self.dropout,
            "lr": self.lr,
            "weight_decay": self.weight_decay,
        }
        if model == "GCN":
            return GCNSettings(**shared)
        shared |= {"K": self.K, "filter_dropout": self.dropout, "lr_coefficient": self.lr_filter}
        if model == "FavardGNN":
            return FavardSettings(**shared, lr_basis=self.lr_filter)
        return OptBasisSettings(**shared)


def _page(
    finished: Sequence[Finished], options: RunOptions, results: Path
) -> tuple[Path | None, tuple[str, ...]]:
    (only,) = finished
    try:
        return write_report(options.out / "report.html", only, results), ()
    except ImportError as error:
        return None, (str(error),)


_CSBM = find_dataset("csbm")
publish(
    Recipe(
        name="demo",
        title="Three models on a generated graph whose neighbours disagree",
        dataset=_CSBM.name,
        models=("OptBasisGNN", "FavardGNN", "GCN"),
        protocol=Protocol(split="stratified", num_splits=3, epochs=100, patience=None),
        settings=DemoSettings(),
        reading=replace_settings(
            _CSBM.reading,
            {
                "num_nodes": 1200,
                "avg_degree": 8.0,
                "num_features": 240,
                "phi": -0.65,
                "epsilon": 2.5,
                "graph_seed": 0,
            },
        ),
        paper=_CSBM.source,
        metric=_CSBM.metric,
        arxiv="2006.07988",
        page=_page,
        threads=1,
    )
)
