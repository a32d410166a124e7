"""Figures, as SVG text to set into a page. Needs matplotlib, the extra ``viz``."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from graphpoly.recipes.spectrum import Spectrum

__all__ = ["COLORS", "STYLE", "accuracies", "curves", "filters", "responses", "sweep"]

COLORS = {"OptBasisGNN": "#3b4cc0", "FavardGNN": "#d0661c", "GCN": "#7a8088"}
_FIXED = {"GCN": "#7a8088", "MLP": "#22262b"}
_FILTER = "#3b4cc0"
_CHANNELS = 60  # more curves than this only make a large file
_NOTHING = 1e-3  # share of eigenvalues and of labels in a bin
_INK, _FAINT, _LABEL = "#22262b", "#c9cdd2", "#2f9e77"
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
    "grid.color": "#eceef0",
    "grid.linewidth": 0.8,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "lines.solid_capstyle": "round",
}


def responses(
    lambdas: Tensor, gains: Mapping[str, Tensor], eigenvalues: Tensor, energy: Tensor
) -> str:
    """Draw what each filter passes, above where the eigenvalues and the labels' energy are.

    Args:
        lambdas: Points, ``[L]``.
        gains: Gain of each filter there, ``[L]``. Each is drawn relative to its largest value near
            an eigenvalue, and faintly where there is none: nothing has been learned there, and
            nothing passes.
        eigenvalues: Of the graph, ``[N]``.
        energy: Share of the labels' energy at each, ``[N]``.
    """
    points = lambdas.numpy()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "responses"}):
        figure = Figure(figsize=(8.6, 4.7), layout="constrained")
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
        top.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(-0.01, 1.0))

        bins = np.linspace(-1, 1, 81)
        centres, width = (bins[1:] + bins[:-1]) / 2, bins[1] - bins[0]
        count = np.histogram(eigenvalues.numpy(), bins)[0]
        share = np.histogram(eigenvalues.numpy(), bins, weights=energy.numpy())[0]
        bottom.bar(centres, count / count.max(), width, color=_FAINT, label="eigenvalues")
        bottom.bar(
            centres, share / share.max(), width * 0.55, color=_LABEL, label="energy of the labels"
        )
        bottom.set_ylabel("relative")
        bottom.set_xlabel(
            "eigenvalue λ of the normalised adjacency     (−1: neighbours differ,  1: they agree)"
        )
        bottom.set_xlim(-1, 1)
        bottom.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 1.0))
        return _svg(figure, "Gain of the learned filters over the spectrum of the graph")


def filters(spectrum: Spectrum) -> str:
    """Draw the response of a trained filter above the spectrum that it acts on."""
    points = spectrum.lambdas.numpy()
    response, weight = spectrum.response.numpy(), spectrum.weight.numpy()
    together = np.sqrt(((weight * response) ** 2).sum(1) / max((weight**2).sum(), 1e-300))
    edges = spectrum.edges.numpy()
    centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    density, labels = spectrum.density.numpy(), spectrum.labels.numpy()
    # a filter may do as it likes where there is nothing to filter
    there = (density + labels)[np.searchsorted(edges[1:-1], points)] > _NOTHING
    scale = max(together[there].max(initial=0), 1e-300)
    color = COLORS.get(spectrum.model, _FILTER)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"filters {spectrum.model}"}):
        figure = Figure(figsize=(8.6, 4.7), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.5))
        step = max(1, response.shape[1] // _CHANNELS)
        top.plot(points, response[:, ::step] / scale, color=color, linewidth=0.7, alpha=0.25)
        top.plot(points, together / scale, color=color, linewidth=2.6)
        top.axhline(0, color=_FAINT, linewidth=0.8)
        top.set_ylim(-1.6, 1.6)
        top.set_ylabel("response, relative")
        bottom.bar(centres, density, width, color=_FAINT, label="eigenvalues")
        bottom.bar(centres, labels, width * 0.55, color=_LABEL, label="energy of the labels")
        bottom.set_ylabel("share")
        bottom.set_xlabel("eigenvalue λ     (−1: neighbours differ,  1: they agree)")
        bottom.set_xlim(-1, 1)
        bottom.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.01, 1.0))
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


def _svg(figure: Any, title: str) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # inside a page: without the XML head, and as wide as its column
    start = text.index("<svg")
    body = text[text.index(">", start) + 1 :]
    width, height = (72 * size for size in figure.get_size_inches())
    return f'<svg role="img" aria-label="{title}" viewBox="0 0 {width:g} {height:g}">{body}'
