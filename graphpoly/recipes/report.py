"""The demo's page: one HTML file that needs nothing else, drawn from what the runs left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly import __version__
from graphpoly.files import write_atomically
from graphpoly.layers import OptBasisConv
from graphpoly.models import FavardGNN, OptBasisGNN
from graphpoly.ops import normalize
from graphpoly.pages import cards, figure, html_page, section, settings_list, table_of
from graphpoly.recipes.run import Finished
from graphpoly.training import Experiment
from graphpoly.training.loggers import read_history
from graphpoly.training.run_directory import read_record

__all__ = ["filter_gain", "label_spectrum", "write_report"]

_POINTS = 401


def write_report(path: Path, finished: Finished, results: Path) -> Path:
    """Draw the page.

    Args:
        path: File to write.
        finished: What was run: models of one graph.
        results: ``results.json``, which the page carries with it.

    Raises:
        ImportError: If matplotlib is missing; the message names the extra.
    """
    try:
        from graphpoly.pages import figures
    except ImportError as error:
        raise ImportError(f"the report needs {error.name}: pip install 'graphpoly[viz]'") from error

    recipe, data = finished.recipe, finished.loads.of(next(iter(finished.splits))).data
    assert data is not None
    models = {name: model.cpu() for name, model in finished.models.items()}
    eigenvalues, energy = label_spectrum(data)
    lambdas = torch.linspace(-1, 1, _POINTS, dtype=torch.float64, device="cpu")
    gains = {
        name: filter_gain(model, data, lambdas)
        for name, model in models.items()
        if isinstance(model, FavardGNN | OptBasisGNN)
    }
    colors = {name: figures.in_page(color) for name, color in figures.COLORS.items()}
    scores = {
        name: [100 * run.test for run in experiment.runs.values()]
        for name, experiment in finished.experiments.items()
    }
    curves = {name: _history(runs) for name, runs in finished.folders.items()}
    settings = {**asdict(recipe.settings), **asdict(recipe.reading), **asdict(recipe.protocol)}
    responses = [
        figures.in_page(figures.responses(lambdas, gains, eigenvalues, energy, narrow=narrow))
        for narrow in (False, True)
    ]
    page = html_page(
        "Learned filters on a graph whose neighbours disagree",
        summary=_summary(finished.experiments),
        lead=f"A contextual stochastic block model with {data.num_nodes:,} nodes, "
        f"{data.num_edges // 2:,} undirected edges and two classes. Only "
        f"{100 * _homophily(data):.0f} % of the edges join nodes of one class, so averaging over "
        "neighbours washes the classes out, while a filter that may choose its frequencies keeps "
        "them.",
        facts=[],
        sections=[
            section(
                "Test accuracy",
                "± is the standard deviation over the seeds. Each seed has its own 60/20/20 split "
                "and the epoch is chosen on the validation part.",
                _table(finished.experiments, colors),
            ),
            section(
                "What the filters pass",
                "Above, the gain of each trained filter (first seed, all channels together, each "
                "weighted by its input and its readout); faint where the graph has no eigenvalue, "
                "so that nothing passes there. Below, where the eigenvalues are, and where the "
                "labels have their energy: a useful filter is high over the green bars. The dashed "
                "line is what two fixed low-pass steps would do.",
                figure(responses[0], narrow=responses[1]),
            ),
            section(
                "Every run",
                "",
                cards(
                    [
                        figure(
                            figures.in_page(figures.accuracies(scores)),
                            "Dots are seeds, strokes are means.",
                        ),
                        figure(
                            figures.in_page(figures.curves(curves)),
                            "Validation accuracy: each run, and their mean.",
                        ),
                    ],
                    width=380,
                ),
            ),
            section(
                "Settings",
                "Replace any of them: graphpoly train demo key=value",
                settings_list(settings),
            ),
        ],
        footer=f"Graph: {recipe.paper} (arXiv {recipe.arxiv}).",
        report=read_record(results),
        version=__version__,
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


def _summary(experiments: Mapping[str, Experiment]) -> str:
    *_, last = ranked = sorted(experiments, key=lambda name: -experiments[name].mean)
    first = ranked[0]
    return (
        f"{first} reaches {100 * experiments[first].mean:.1f} % test accuracy, {last} "
        f"{100 * experiments[last].mean:.1f} %."
    )


def _table(experiments: Mapping[str, Experiment], colors: Mapping[str, str]) -> str:
    rows = []
    for name, each in experiments.items():
        dot = f'<span class="dot" style="background:{colors.get(name, "var(--ink)")}"></span>'
        spread = "" if len(each.runs) == 1 else f" ± {100 * each.std:.1f}"
        seconds = each.seconds / len(each.runs)
        cells = [f"<b>{100 * each.mean:.1f}</b>{spread}", f"{seconds:.1f}"]
        rows.append(("", [dot + name, *cells, f"{each.num_parameters:,}"]))
    head = ["model", "test accuracy, %", "seconds a run", "parameters"]
    return table_of(head, rows, "Test accuracy of each model")


def _history(runs: Path) -> list[list[float]]:
    """Return the validation accuracy after each epoch, for each run, in per cent."""
    return [
        [100 * row["val"] for row in read_history(path)]
        for path in sorted(runs.glob("seed-*/history.csv"))
    ]
