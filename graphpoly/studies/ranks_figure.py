"""Mean ranks and what tells them apart, as Demšar draws them. Needs matplotlib: extra ``viz``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphpoly.pages.figures import STYLE
from graphpoly.studies.statistics import cliques

__all__ = ["draw_ranks"]

_INK, _SOFT, _BAR = "#22262b", "#7a8088", "#3b4cc0"
_STEP = 0.42  # between two lines, in inches


def draw_ranks(
    ranks: Mapping[str, float], critical_difference: float, title: str, *paths: Path
) -> None:
    """Draw mean ranks on an axis, the best to the left; bars join what cannot be told apart.

    Args:
        ranks: By name, at least two.
        critical_difference: Ranks that are nearer cannot be told apart.
        title: What is ranked, and over what.
        *paths: Files to write, ``.svg`` or ``.png``.
    """
    order = sorted(ranks, key=lambda name: ranks[name])
    groups = cliques([ranks[name] for name in order], critical_difference)
    left = (len(order) + 1) // 2
    depth = 1.2 + 0.45 * len(groups)
    height = depth + left - 1
    with matplotlib.rc_context({**STYLE, "axes.grid": False, "svg.hashsalt": "ranks"}):
        figure = Figure(figsize=(7.2, _STEP * (height + 2.6)), layout="constrained")
        axes = figure.subplots()
        axes.set_axis_off()
        span = len(order) - 1
        axes.set_xlim(1 - 0.45 * span, len(order) + 0.45 * span)
        axes.set_ylim(height + 0.5, -2.0)
        axes.set_title(title, loc="left", fontsize=10.5)
        _scale(axes, len(order), critical_difference)
        for place, name in enumerate(order):
            first = place < left
            line = depth + (place if first else len(order) - 1 - place)
            edge = 1 - 0.06 * span if first else len(order) + 0.06 * span
            rank = ranks[name]
            axes.plot([rank, rank, edge], [0, line, line], color=_SOFT, lw=1, clip_on=False)
            axes.text(
                edge + (-0.015 if first else 0.015) * span,
                line,
                f"{name}  {rank:.2f}",
                ha="right" if first else "left",
                va="center",
            )
        for line, group in enumerate(groups):
            ends = [ranks[order[group[0]]], ranks[order[group[-1]]]]
            reach = 0.012 * span
            axes.plot(
                [ends[0] - reach, ends[1] + reach], [0.6 + 0.45 * line] * 2, color=_BAR, lw=4.5
            )
        for path in paths:
            dated = {"Date": None} if path.suffix == ".svg" else None
            figure.savefig(path, metadata=dated, dpi=200)


def _scale(axes: Axes, count: int, critical_difference: float) -> None:
    """Draw the axis of ranks, and above it how far apart they have to be."""
    axes.plot([1, count], [0, 0], color=_INK, lw=1.2)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, -0.2], color=_INK, lw=1.2)
        axes.text(rank, -0.32, str(rank), ha="center", va="bottom")
    shown = min(critical_difference, count - 1)
    more = "" if shown == critical_difference else ", more than there is"
    axes.plot([1, 1 + shown], [-1.35, -1.35], color=_INK, lw=1.2)
    for end in (1, 1 + shown):
        axes.plot([end, end], [-1.25, -1.45], color=_INK, lw=1.2)
    text = f"critical difference {critical_difference:.2f}{more}"
    axes.text(1, -1.55, text, ha="left", va="bottom", color=_SOFT, fontsize=9.5)
