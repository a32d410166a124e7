"""The demo's page: one HTML file that needs nothing else, drawn from what the runs left."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly import __version__
from graphpoly.files import write_atomically
from graphpoly.layers import OptBasisConv
from graphpoly.models import FavardGNN, OptBasisGNN
from graphpoly.ops import normalize
from graphpoly.recipes.run import Finished
from graphpoly.training import Experiment
from graphpoly.training.loggers import read_history

__all__ = ["filter_gain", "label_spectrum", "write_report"]

_POINTS = 401


def write_report(path: Path, finished: Finished, results: Path) -> Path:
    """Draw the page.

    Args:
        path: File to write.
        finished: What was run: models of one graph.
        results: ``results.json``, which the page carries with it.

    Raises:
        ImportError: If matplotlib or jinja2 is missing; the message names the extra.
    """
    try:
        from graphpoly.recipes import figures, pages
    except ImportError as error:
        raise ImportError(f"the report needs {error.name}: pip install 'graphpoly[viz]'") from error

    recipe, data = finished.recipe, finished.loads.of(next(iter(finished.splits))).data
    assert data is not None
    models = {name: model.cpu() for name, model in finished.models.items()}
    eigenvalues, energy = label_spectrum(data)
    lambdas = torch.linspace(-1, 1, _POINTS, dtype=torch.float64)
    gains = {
        name: filter_gain(model, data, lambdas)
        for name, model in models.items()
        if isinstance(model, FavardGNN | OptBasisGNN)
    }
    scores = {
        name: [100 * run.test for run in experiment.runs.values()]
        for name, experiment in finished.experiments.items()
    }
    page = pages.fill(
        "report.html",
        recipe=recipe,
        version=__version__,
        data=data,
        homophily=_homophily(data),
        rows=[_row(name, experiment) for name, experiment in finished.experiments.items()],
        settings={
            **asdict(recipe.settings),
            **asdict(recipe.reading),
            **asdict(recipe.protocol),
        },
        responses=figures.responses(lambdas, gains, eigenvalues, energy),
        accuracies=figures.accuracies(scores),
        curves=figures.curves({name: _history(runs) for name, runs in finished.folders.items()}),
        colors=figures.COLORS,
        # a "</script>" inside the JSON would end the element that carries it
        embedded=results.read_text(encoding="utf-8").replace("<", "\\u003c"),
    )
    write_atomically(path, page)
    return path


def label_spectrum(data: Data) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues of P, and the share of the labels' energy at each of them."""
    operator = normalize(data.edge_index, num_nodes=data.num_nodes, dtype=torch.float64)
    eigenvalues, vectors = torch.linalg.eigh(operator.to_dense())
    signal = data.y.double() - data.y.double().mean()
    energy = (vectors.T @ signal) ** 2
    return eigenvalues, energy / energy.sum()


@torch.no_grad()
def filter_gain(model: FavardGNN | OptBasisGNN, data: Data, lambdas: Tensor) -> Tensor:
    """Return how strongly the trained network passes each frequency, ``[L]``.

    Each channel's response is weighted by what goes into the channel and by what the readout makes
    of it: the root of the sum over channels of ``(|w_c| |x_c| h_c)^2``.
    """
    model.eval()
    signal = model.encode(data.x)
    if isinstance(model.filter, OptBasisConv):
        response = model.filter.response(lambdas, signal, data.edge_index)
    else:
        response = model.filter.response(lambdas)
    weight = signal.norm(dim=0) * model.lin2.weight.norm(dim=0)
    return (weight * response).square().sum(1).sqrt()


def _homophily(data: Data) -> float:
    source, target = data.edge_index
    return float((data.y[source] == data.y[target]).float().mean())


def _row(name: str, experiment: Experiment) -> dict[str, Any]:
    return {
        "name": name,
        "mean": 100 * experiment.mean,
        "std": None if len(experiment.runs) == 1 else 100 * experiment.std,
        "seconds": experiment.seconds / len(experiment.runs),
        "parameters": experiment.num_parameters,
    }


def _history(runs: Path) -> list[list[float]]:
    """Return the validation accuracy after each epoch, for each run, in per cent."""
    return [
        [100 * row["val"] for row in read_history(path)]
        for path in sorted(runs.glob("seed-*/history.csv"))
    ]
