"""All filters along the cSBM's ellipse, from heterophily over no edges at all to homophily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphpoly.data import find_dataset
from graphpoly.files import write_atomically
from graphpoly.models.settings import ModelSettings, settings_of
from graphpoly.recipes.recipe import Protocol, Recipe, SharedSettings, publish
from graphpoly.recipes.run import Finished, RunOptions
from graphpoly.settings import bounded, describe, replace_settings
from graphpoly.training import Experiment

__all__ = ["SweepSettings"]

_FILTERS = (
    "OptBasisGNN",
    "FavardGNN",
    "GPRGNN",
    "BernNet",
    "ChebNetII",
    "JacobiGNN",
    "LegendreNet",
    "TFGNN",
    "UniFilterGNN",
    "FEGNN",
)
_LEARNED, _YARDSTICK = ("OptBasisGNN", "FavardGNN"), "GPRGNN"
_HOPS = 3  # of FE-GNN, which has a matrix for each


@dataclass(frozen=True, kw_only=True)
class SweepSettings(SharedSettings):
    """What all models share, and where they are measured.

    Attributes:
        steps: Number of positions from -1 to 1.
        K: Order of the filters.
        hidden_channels: Width.
        dropout: Before linear maps and filters.
        lr, weight_decay: Of the linear maps.
        lr_filter: Of the filters' coefficients and bases.
    """

    steps: int = bounded(9, low=2)
    K: int = bounded(10, low=0)
    hidden_channels: int = bounded(32, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(0.01, low=0)
    weight_decay: float = bounded(5e-4, low=0)
    lr_filter: float = bounded(0.01, low=0)

    def of(self, model: str) -> ModelSettings:
        """Return the settings of one of the models."""
        settings = settings_of(model)[1]()
        wanted: dict[str, Any] = {
            "K": min(self.K, _HOPS) if model == "FEGNN" else self.K,
            "hidden_channels": self.hidden_channels,
            "num_layers": 2,
            "dropout": self.dropout,
            "filter_dropout": self.dropout,
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "lr_coefficient": self.lr_filter,
            "lr_basis": self.lr_filter,
        }
        known = {each.name for each in describe(settings)}
        return replace_settings(settings, {k: v for k, v in wanted.items() if k in known})

    def points(self) -> list[dict[str, Any]]:
        """Return the positions."""
        last = self.steps - 1
        return [{"phi": round(-1 + 2 * step / last, 6)} for step in range(self.steps)]


def _page(
    finished: Sequence[Finished], options: RunOptions, results: Path
) -> tuple[Path | None, tuple[str, ...]]:
    messages = _verdicts(finished)
    try:
        from graphpoly.pages import figures
    except ImportError as error:
        return None, (*messages, f"the figure needs {error.name}: pip install 'graphpoly[viz]'")
    scores = {
        name: [_per_cent(part.experiments[name]) for part in finished]
        for name in finished[0].experiments
    }
    figure = options.out / "sweep.svg"
    svg = figures.sweep([part.point["phi"] for part in finished], scores)
    alone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write_atomically(figure, alone)
    return figure, messages


def _per_cent(experiment: Experiment) -> list[float]:
    return [100 * run.test for run in experiment.runs.values()]


def _verdicts(finished: Sequence[Finished]) -> tuple[str, ...]:
    """Compare the learned bases with GPR-GNN at both ends, run by run."""
    lines = []
    for part, name_of_end in ((finished[0], "heterophilous"), (finished[-1], "homophilous")):
        yardstick = part.experiments[_YARDSTICK].runs
        for name in _LEARNED:
            runs = part.experiments[name].runs
            gaps = [100 * (runs[seed].test - yardstick[seed].test) for seed in runs]
            mean = sum(gaps) / len(gaps)
            spread = (sum((gap - mean) ** 2 for gap in gaps) / max(len(gaps) - 1, 1)) ** 0.5
            lines.append(
                f"{name} against {_YARDSTICK} at the {name_of_end} end: "
                f"{mean:+.2f} points, standard deviation over {len(gaps)} graphs {spread:.2f}"
            )
    return tuple(lines)


_CSBM = find_dataset("csbm")
publish(
    Recipe(
        name="csbm-sweep",
        title="All filters, GCN and MLP from heterophily to homophily",
        dataset=_CSBM.name,
        models=(*_FILTERS, "GCN", "MLP"),
        protocol=Protocol(
            split="stratified", num_splits=3, epochs=200, patience=100, monitor="loss"
        ),
        settings=SweepSettings(),
        reading=replace_settings(
            _CSBM.reading,
            {
                "num_nodes": 1000,
                "avg_degree": 5.0,
                "num_features": 400,
                "epsilon": 3.25,
                "graph_seed": None,
            },
        ),
        paper=_CSBM.source,
        metric=_CSBM.metric,
        arxiv="2006.07988",
        page=_page,
    )
)
