"""Figures of finished runs, as SVG: every score with its interval, and what led to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from graphpoly.pages.svg import INK, LINE, SOFT, legend, polyline, svg, text, ticks
from graphpoly.studies.runs import Run

__all__ = ["color_of", "draw_curves", "draw_scores"]

_COLORS, _MARGIN = 8, 0.05
_LINE_OF_TEXT = 24
_CURVES = (440, 250)  # width and height
_LETTER, _BOLD = 6.1, 7.4  # mean widths
_STRONG = 'stroke="{}" stroke-width="2" stroke-linejoin="round"'
_POINTS, _FEWEST, _MOST = 16_000, 24, 200  # of all curves together, and of each


def color_of(number: int) -> str:
    """Return the colour of a run, which the page knows."""
    return f"var(--c{number % _COLORS})"


def draw_scores(runs: Sequence[Run], width: float) -> str:
    """Draw each seed's test score, the mean and its interval, and below it the published figure.

    Args:
        runs: Of one dataset, metric and scale.
        width: Of the drawing; letters are as large in each.
    """
    values = [value for run in runs for value in (*_scores(run), *(run.interval or ()))]
    for run in runs:
        if run.published is not None:
            values += [run.published["mean"], *(run.published_interval or ())]
    values = values or [0.0, 1.0]
    left = min(0.4 * width, 16 + _BOLD * max(len(run.label) for run in runs))
    x = _axis(min(values), max(values), left, width - 14)
    rows = [
        (number, run, published)
        for number, run in enumerate(runs)
        for published in ((False,) if run.published is None else (False, True))
    ]
    height = _LINE_OF_TEXT * len(rows)
    parts = _grid(
        ticks(min(values), max(values), max(3, int(width / 90))), x, 4, height + 4, runs[0].unit
    )
    for place, (number, run, published) in enumerate(rows):
        y = 4 + _LINE_OF_TEXT * (place + 0.5)
        if published:
            assert run.published is not None
            parts.append(text(0, y + 4, "published", "start", SOFT))
            parts += _bar(x, y, run.published_interval, "var(--soft)")
            at = x(run.published["mean"])
            parts.append(
                f'<path d="M{at:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="var(--paper)" '
                'stroke="var(--soft)" stroke-width="1.6"/>'
            )
            continue
        color = color_of(number)
        words = _cut(run.label, int((left - 12) / _BOLD))
        parts.append(text(0, y + 4, words, "start", INK, weight=600))
        parts += _bar(x, y, run.interval, color)
        parts += [
            f'<circle cx="{x(score):.1f}" cy="{y:.1f}" r="2.6" fill="{color}" opacity=".55"/>'
            for score in _scores(run)
        ]
        if math.isnan(run.mean):
            continue
        at = x(run.mean)
        parts.append(
            f'<line class="mean" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 7:.1f}" y2="{y + 7:.1f}" '
            f'stroke="{color}" stroke-width="2.6"/>'
        )
    title = f"test {runs[0].metric} of every seed, means and intervals"
    return svg(width, height + 24, parts, title)


def draw_curves(
    lines: Mapping[str, tuple[str, Sequence[Sequence[tuple[float, float]]]]], title: str
) -> str:
    """Draw one quantity over the epochs: each seed faintly, their mean strongly.

    Args:
        lines: By name the colour, and epoch and value of each seed's curve.
        title: What the quantity is called.
    """
    width, height = _CURVES
    curves = [curve for _, seeds in lines.values() for curve in seeds if curve]
    values = [value for curve in curves for _, value in curve if math.isfinite(value)]
    last = max((curve[-1][0] for curve in curves), default=1)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    left, top, base = 50.0, 26.0, height - 56.0
    x = _axis(1, max(2, last), left, width - 8, margin=0)
    y = _axis(low, high, base, top)
    parts = [text(0, 12, title, "start", INK, size=12.5, weight=600)]
    for tick in ticks(low, high, 6):
        parts.append(
            f'<line x1="{left}" x2="{width - 8}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" {LINE}/>'
        )
        parts.append(text(left - 6, y(tick) + 4, f"{tick:g}", "end", SOFT))
    whole = sorted({max(1, round(tick)) for tick in ticks(1, max(2, last))})
    parts += [text(x(tick), base + 16, f"{tick}", "middle", SOFT) for tick in whole]
    parts.append(text(width - 8, base + 32, "epoch", "end", SOFT))
    most = max(_FEWEST, min(_MOST, _POINTS // max(1, len(curves) + len(lines))))
    for color, seeds in lines.values():
        look = f'stroke="{color}" stroke-width="1" opacity=".32"'
        drawn = [*((curve, look) for curve in seeds), (_mean(seeds), _STRONG.format(color))]
        for curve, how in drawn if len(seeds) > 1 else drawn[-1:]:
            thin = [each for each in _thin(curve, most) if math.isfinite(each[1])]
            points = [(x(a), y(b)) for a, b in thin]
            parts.append(polyline(points, how))
            if len(points) == 1:  # of a line through one point nothing is seen
                ((a, b),) = points
                parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" fill="{color}"/>')
    marks = [(f'<line x1="-7" x2="7" {_STRONG.format(c)}/>', n) for n, (c, _) in lines.items()]
    if sum(40 + _LETTER * len(name) for name in lines) < width:
        parts += legend(0, height - 8, marks)
    return svg(width, height, parts, f"{title} over the epochs")


def _scores(run: Run) -> list[float]:
    """Those that are finite."""
    scores = [seed["test"] * run.scale for seed in run.seeds]
    return [score for score in scores if math.isfinite(score)]


def _axis(
    low: float, high: float, begin: float, end: float, *, margin: float = _MARGIN
) -> Callable[[float], float]:
    """Return where a value stands between two ends."""
    span = high - low or 1.0

    def place(value: float) -> float:
        share = margin + (1 - 2 * margin) * (value - low) / span
        return begin + share * (end - begin)

    return place


def _grid(
    at: Sequence[float], x: Callable[[float], float], top: float, base: float, unit: str
) -> list[str]:
    parts = []
    for tick in at:
        parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top}" y2="{base}" {LINE}/>')
        parts.append(text(x(tick), base + 15, f"{tick:g}{unit}", "middle", SOFT))
    return parts


def _bar(
    x: Callable[[float], float], y: float, interval: tuple[float, float] | None, color: str
) -> list[str]:
    if interval is None:
        return []
    low, high = map(x, interval)
    return [
        f'<rect class="interval" x="{low:.1f}" y="{y - 4:.1f}" width="{high - low:.1f}" height="8" '
        f'rx="2" fill="{color}" opacity=".26"/>'
    ]


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _mean(seeds: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """The mean as far as the shortest curve goes."""
    held = [curve for curve in seeds if curve]
    return [
        (together[0][0], sum(value for _, value in together) / len(together))
        for together in zip(*held, strict=False)
    ]


def _thin(curve: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """So many points of a curve, the first and the last among them."""
    if len(curve) <= most:
        return list(curve)
    return [curve[round(i * (len(curve) - 1) / (most - 1))] for i in range(most)]
