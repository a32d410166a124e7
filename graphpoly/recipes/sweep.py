"""All filters along the cSBM's ellipse, from heterophily over no edges at all to homophily."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch_geometric.data import Data
from torch_geometric.nn import GCN
from torch_geometric.nn import MLP as Perceptron

from graphpoly import models
from graphpoly.data import csbm
from graphpoly.recipes.node import splits_of
from graphpoly.recipes.node_features import training_homophily
from graphpoly.recipes.recipe import Protocol, Recipe, publish
from graphpoly.recipes.run import Outcome, RunOptions, run_model
from graphpoly.settings import Settings, bounded
from graphpoly.training import Experiment, NodeTask, Task, parameter_groups
from graphpoly.training.files import plain, to_json, write_atomically

__all__ = ["MLP", "SweepSettings"]

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


class MLP(nn.Module):
    """Two linear maps, and no graph.

    >>> MLP(8, 16, 4)(torch.zeros(3, 8), None).shape
    torch.Size([3, 4])
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, out_channels: int, *, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.mlp = Perceptron(
            [in_channels, hidden_channels, out_channels], dropout=dropout, norm=None
        )

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        out: Tensor = self.mlp(x)
        return out


@dataclass(frozen=True, kw_only=True)
class SweepSettings(Settings):
    """The generated graphs, and what all models share.

    Attributes:
        num_nodes, avg_degree, num_features, epsilon: Of :func:`graphpoly.data.csbm`.
        steps: Number of positions from -1 to 1.
        K: Order of the filters.
        hidden_channels: Width.
        dropout: Before linear maps and filters.
        lr, weight_decay: Of the linear maps.
        lr_filter: Of the filters' coefficients and bases.
    """

    num_nodes: int = bounded(1000, low=40, high=20000)
    avg_degree: float = bounded(5.0, low=0)
    num_features: int = bounded(400, low=1)
    epsilon: float = bounded(3.25, low=-1)
    steps: int = bounded(9, low=2)
    K: int = bounded(10, low=0)
    hidden_channels: int = bounded(32, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(0.01, low=0)
    weight_decay: float = bounded(5e-4, low=0)
    lr_filter: float = bounded(0.01, low=0)

    def phis(self) -> list[float]:
        """Return the positions."""
        return [round(phi, 6) for phi in torch.linspace(-1, 1, self.steps).tolist()]

    def network(self, name: str, homophily: float) -> nn.Module:
        """Return a model by name; UniFilter is told the homophily of its training nodes."""
        channels, hidden = self.num_features, self.hidden_channels
        if name == "GCN":
            return GCN(channels, hidden, 2, 2, dropout=self.dropout)
        if name == "MLP":
            return MLP(channels, hidden, 2, dropout=self.dropout)
        if name == "FEGNN":
            return models.FEGNN(channels, hidden, 2, min(self.K, 3), cached=True)
        drops: dict[str, Any] = {"dropout": self.dropout, "filter_dropout": self.dropout}
        if name == "JacobiGNN":
            return models.JacobiGNN(channels, 2, self.K, **drops)
        if name == "UniFilterGNN":
            return models.UniFilterGNN(
                channels, hidden, 2, self.K, homophily=homophily, precomputed=True, **drops
            )
        model = getattr(models, name)(channels, hidden, 2, self.K, **drops)
        assert isinstance(model, nn.Module)
        return model


def _run(recipe: Recipe, options: RunOptions) -> Outcome:
    settings = recipe.settings
    assert isinstance(settings, SweepSettings)
    phis = settings.phis()
    found: dict[str, list[Experiment]] = {name: [] for name in recipe.models}
    for phi in phis:
        graphs = {seed: _graph(settings, phi, seed) for seed in options.seeds}
        for name in recipe.models:
            found[name].append(_run_one(recipe, options, name, phi, graphs))
    content = {
        "recipe": recipe.name,
        **{key: value for key, value in recipe.to_dict().items() if key not in ("name", "models")},
        "seeds": options.seeds,
        "phis": phis,
        "models": {
            name: [{seed: run.test for seed, run in one.runs.items()} for one in experiments]
            for name, experiments in found.items()
        },
    }
    path = options.out / "results.json"
    write_atomically(path, to_json(plain(content)))
    messages = _verdicts(found)
    figure: Path | None = None
    try:
        from graphpoly.recipes import figures

        figure = options.out / "sweep.svg"
        scores = {
            name: [[100 * run.test for run in one.runs.values()] for one in experiments]
            for name, experiments in found.items()
        }
        write_atomically(figure, _standing_alone(figures.sweep(phis, scores)))
    except ImportError as error:
        messages.append(f"the figure needs {error.name}: pip install 'graphpoly[viz]'")
    ends = {
        f"{name} at {phis[end]:+g}": experiments[end]
        for end in (0, -1)
        for name, experiments in found.items()
    }
    return Outcome(recipe, ends, path, figure, tuple(messages))


def _graph(settings: SweepSettings, phi: float, seed: int) -> Data:
    return csbm(
        settings.num_nodes,
        settings.avg_degree,
        settings.num_features,
        phi=phi,
        epsilon=settings.epsilon,
        seed=seed,
    )


def _run_one(
    recipe: Recipe, options: RunOptions, name: str, phi: float, graphs: dict[int, Data]
) -> Experiment:
    settings = recipe.settings
    assert isinstance(settings, SweepSettings)

    def build(seed: int) -> tuple[nn.Module, Task, Optimizer]:
        data = graphs[seed]
        split = splits_of(data, recipe.protocol.split, (seed,))[seed]
        model = settings.network(name, training_homophily(data, split)).to(options.device)
        linear = {"lr": settings.lr, "weight_decay": settings.weight_decay}
        free = {"lr": settings.lr_filter, "weight_decay": 0.0}
        groups = parameter_groups(model, {"linear": linear, "coefficient": free, "basis": free})
        task = NodeTask(data, split, metric=recipe.metric, device=options.device)
        return model, task, torch.optim.Adam(groups)

    out = options.out / f"phi{phi:+.3f}" / name.lower()
    facts = {"phi": phi, "model": name}
    return run_model(recipe, options, build, out=out, facts=facts, label=f"{name} at {phi:+g}")


def _verdicts(found: dict[str, list[Experiment]]) -> list[str]:
    """Compare the learned bases with GPR-GNN at both ends, run by run."""
    lines = []
    for end, name_of_end in ((0, "heterophilous"), (-1, "homophilous")):
        yardstick = found[_YARDSTICK][end].runs
        for name in _LEARNED:
            runs = found[name][end].runs
            gaps = [100 * (runs[seed].test - yardstick[seed].test) for seed in runs]
            mean = sum(gaps) / len(gaps)
            spread = (sum((gap - mean) ** 2 for gap in gaps) / max(len(gaps) - 1, 1)) ** 0.5
            lines.append(
                f"{name} against {_YARDSTICK} at the {name_of_end} end: "
                f"{mean:+.2f} points, standard deviation over {len(gaps)} graphs {spread:.2f}"
            )
    return lines


def _standing_alone(svg: str) -> str:
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


publish(
    Recipe(
        name="csbm-sweep",
        title="All filters, GCN and MLP from heterophily to homophily",
        dataset="csbm",
        models=(*_FILTERS, "GCN", "MLP"),
        metric="accuracy",
        protocol=Protocol(
            split="stratified", num_splits=3, epochs=200, patience=100, monitor="loss"
        ),
        settings=SweepSettings(),
        splits=("stratified", "dense", "sparse"),
        paper="Chien, Peng, Li, Milenkovic. Adaptive Universal Generalized PageRank Graph Neural "
        "Network. ICLR 2021",
        arxiv="2006.07988",
        execute=_run,
    )
)
