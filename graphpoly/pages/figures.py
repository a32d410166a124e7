"""Figures, as SVG text to set into a page. Needs matplotlib, the extra ``viz``."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from graphpoly.pages.spectrum import Spectrum

__all__ = [
    "COLORS",
    "STYLE",
    "accuracies",
    "curves",
    "filters",
    "in_page",
    "responses",
    "sweep",
]

COLORS = {"OptBasisGNN": "#3b4cc0", "FavardGNN": "#d0661c", "GCN": "#7a8088"}
_FIXED = {"GCN": "#7a8088", "MLP": "#22262b"}
_FILTER = "#3b4cc0"
_CHANNELS = 60  # more curves than this only make a large file
_INK, _FAINT, _LABEL, _GRID = "#22262b", "#c9cdd2", "#2f9e77", "#eceef0"
_VARIABLES = {  # what each colour is called in a page, which has a dark one, too
    _INK: "--ink",
    _FAINT: "--edge",
    _GRID: "--line",
    _LABEL: "--c2",
    _FILTER: "--accent",
    "#d0661c": "--warm",
    "#7a8088": "--soft",
    "#ffffff": "--paper",
}
_WIDE, _NARROW = (8.6, 4.7), (4.4, 4.7)  # inches
_ROOM = 0.05  # above and below the curves, as a share of their height
_MOST = 1.6  # times the filter's largest value: where channels are cut off
_NEAR = 0.012  # how close to an eigenvalue a point of the axis counts as occupied
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, sharp and selectable
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10.5,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "lines.solid_capstyle": "round",
}


def responses(
    lambdas: Tensor,
    gains: Mapping[str, Tensor],
    eigenvalues: Tensor,
    energy: Tensor,
    *,
    narrow: bool = False,
) -> str:
    """Draw what each filter passes, above where the eigenvalues and the labels' energy are.

    Args:
        lambdas: Points, ``[L]``.
        gains: Gain of each filter there, ``[L]``. Each is drawn relative to its largest value near
            an eigenvalue, and faintly where there is none: nothing has been learned there, and
            nothing passes.
        eigenvalues: Of the graph, ``[N]``.
        energy: Share of the labels' energy at each, ``[N]``.
        narrow: Draw it for a narrow screen.
    """
    points = lambdas.numpy()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"responses {narrow}"}):
        figure = Figure(figsize=_NARROW if narrow else _WIDE, layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.5))
        distance = np.abs(points[:, None] - eigenvalues.numpy()[None, :]).min(axis=1)
        near = distance <= _NEAR
        for name, gain in gains.items():
            color, curve = COLORS.get(name, _INK), gain.numpy() / gain.numpy()[near].max()
            top.plot(points, curve, color=color, linewidth=1.4, alpha=0.35)
            top.plot(points, np.where(near, curve, np.nan), color=color, linewidth=2.6, label=name)
        # the operator of a GCN is fixed; on a graph of one degree d it is (d P + I) / (d + 1)
        top.plot(
            points,
            ((1 + points) / 2) ** 2,
            color=COLORS["GCN"],
            linewidth=1.6,
            linestyle=(0, (4, 2.5)),
            label="two low-pass steps, ((1+λ)/2)²",
        )
        top.set_ylim(0, 1.12)
        top.set_ylabel("gain, relative")
        columns = 1 if narrow else 3
        top.legend(frameon=False, ncols=columns, loc="lower left", bbox_to_anchor=(-0.01, 1.0))

        bins = np.linspace(-1, 1, 81)
        count = np.histogram(eigenvalues.numpy(), bins)[0]
        share = np.histogram(eigenvalues.numpy(), bins, weights=energy.numpy())[0]
        _draw_spectrum(bottom, bins, count / count.max(), share / share.max(), narrow)
        bottom.set_ylabel("relative")
        of = "" if narrow else " of the normalised adjacency"
        bottom.set_xlabel(f"eigenvalue λ{of}     (−1: neighbours differ,  1: they agree)")
        return _svg(figure, "Gain of the learned filters over the spectrum of the graph")


def filters(spectrum: Spectrum, *, channels: int = _CHANNELS, narrow: bool = False) -> str:
    """Draw the response of a trained filter above the spectrum that it acts on.

    Args:
        spectrum: What was evaluated.
        channels: Most curves of single channels.
        narrow: Draw it for a narrow screen.
    """
    points = spectrum.lambdas.numpy()
    response, together = spectrum.response.numpy(), spectrum.together.numpy()
    edges = spectrum.edges.numpy()
    density, labels = spectrum.density.numpy(), spectrum.labels.numpy()
    # a filter may do as it likes where there is nothing to filter
    there = spectrum.occupied.numpy()
    scale = max(together[there].max(initial=0), 1e-300)
    color = COLORS.get(spectrum.model, _FILTER)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"filters {spectrum.layer} {narrow}"}):
        figure = Figure(figsize=_NARROW if narrow else _WIDE, layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.5))
        single = response[:, :: math.ceil(response.shape[1] / channels)] / scale
        top.plot(points, single, color=color, linewidth=0.7, alpha=0.25)
        top.plot(points, together / scale, color=color, linewidth=2.6)
        top.axhline(0, color=_FAINT, linewidth=0.8)
        # as high as the curves are where there is something to filter
        low = max(-_MOST, min(0.0, single[there].min(initial=0)))
        high = min(_MOST, max(1.0, single[there].max(initial=1)))
        room = _ROOM * (high - low)
        top.set_ylim(low - room, high + room)
        top.set_ylabel("response, relative")
        _draw_spectrum(bottom, edges, density, labels, narrow)
        bottom.set_ylabel("share")
        bottom.set_xlabel("eigenvalue λ     (−1: neighbours differ,  1: they agree)")
        return _svg(figure, f"Response of {spectrum.model} over the spectrum of the graph")


def sweep(phis: Sequence[float], scores: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Draw each model's accuracy along the cSBM's ellipse, its runs faintly.

    Args:
        phis: Positions, from heterophilous edges at -1 to homophilous ones at 1.
        scores: Test accuracies in per cent, one sequence of runs for each position, by model.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "sweep"}):
        figure = Figure(figsize=(8.6, 5.2), layout="constrained")
        axes = figure.subplots()
        colors = matplotlib.color_sequences["tab20"]
        for place, (name, runs) in enumerate(scores.items()):
            fixed = name in _FIXED
            color = _FIXED.get(name, colors[place % len(colors)])
            for phi, values in zip(phis, runs, strict=True):
                axes.plot([phi] * len(values), values, ".", color=color, ms=4, alpha=0.35)
            means = [np.mean(values) for values in runs]
            axes.plot(
                phis,
                means,
                color=color,
                lw=2.2 if fixed else 1.6,
                ls="--" if fixed else "-",
                label=name,
            )
        axes.set_xlabel("φ     (−1: heterophilous edges,  0: features only,  1: homophilous edges)")
        axes.set_ylabel("test accuracy, %")
        axes.legend(frameon=False, ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        return _svg(figure, "Test accuracy of each model from heterophily to homophily")


def accuracies(scores: Mapping[str, Sequence[float]]) -> str:
    """Draw every run's test accuracy and the means, one line a model."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "accuracies"}):
        figure = Figure(figsize=(4.2, 2.5), layout="constrained")
        axes = figure.subplots()
        names = list(scores)[::-1]
        for place, name in enumerate(names):
            color, values = COLORS.get(name, _INK), np.asarray(scores[name])
            axes.plot([values.min(), values.max()], [place, place], color=color, alpha=0.3, lw=6)
            axes.plot(values, np.full(len(values), place), "o", color=color, ms=7, mec="white")
            axes.plot([values.mean()] * 2, [place - 0.28, place + 0.28], color=color, lw=2.4)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("test accuracy, %")
        return _svg(figure, "Test accuracy of each run and their mean")


def curves(histories: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Draw the validation accuracy over the epochs: each run faintly, their mean strongly."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "curves"}):
        figure = Figure(figsize=(4.2, 2.5), layout="constrained")
        axes = figure.subplots()
        for name, runs in histories.items():
            color = COLORS.get(name, _INK)
            for run in runs:
                axes.plot(range(1, len(run) + 1), run, color=color, alpha=0.22, lw=0.9)
            shortest = min((len(run) for run in runs), default=0)
            mean = np.mean([run[:shortest] for run in runs], axis=0) if shortest else []
            axes.plot(range(1, shortest + 1), mean, color=color, lw=2.2, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation accuracy, %")
        axes.legend(frameon=False, loc="lower right")
        return _svg(figure, "Validation accuracy over the epochs")


def _draw_spectrum(axes: Any, edges: Any, density: Any, labels: Any, narrow: bool) -> None:
    """Draw where the eigenvalues are, and, thinner, where the labels have their energy."""
    centres, width = (edges[1:] + edges[:-1]) / 2, 1.6 if narrow else 3.6
    axes.stairs(density, edges, fill=True, color=_FAINT, label="eigenvalues")
    axes.vlines(centres, 0, labels, _LABEL, linewidth=width, label="energy of the labels")
    axes.set_xlim(-1, 1)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 1.0))


def in_page(drawing: str) -> str:
    """Let a drawing of this module take its colours from the page that it stands in."""
    for color, name in _VARIABLES.items():
        drawing = drawing.replace(color, f"var({name})")
    return drawing


def _svg(figure: Any, title: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # inside a page: without the XML head, and as wide as its column
    start = text.index("<svg")
    body = text[text.index(">", start) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # every figure has the same
    # a tenth of a point is more than can be seen
    body = re.sub(r' d="[^"]+"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), body)
    width, height = (72 * size for size in figure.get_size_inches())
    box = f'viewBox="0 0 {width:g} {height:g}"'
    return f'<svg role="img" aria-label="{html.escape(title)}" {box}>{body}'
