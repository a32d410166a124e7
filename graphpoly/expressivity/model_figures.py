"""Figures of the report on a model, as SVG: noise, counting, influence."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphpoly.expressivity.counting import CountError
from graphpoly.expressivity.ladder import MARGIN, Family, Separation
from graphpoly.expressivity.patterns import PATTERNS
from graphpoly.expressivity.sensitivity import Influence
from graphpoly.pages.svg import INK, LINE, SOFT, legend, polyline, power_of_ten, svg, text

__all__ = ["draw_counting", "draw_influence", "draw_tolerance"]

_WIDTH = 940
_MARKS = (
    ('<rect x="-7" y="-5" width="14" height="9" rx="2" fill="var(--accent)"/>', "the model"),
    (
        '<circle r="3.6" fill="var(--paper)" stroke="var(--ink)" stroke-width="1.4"/>',
        "sizes and degrees alone",
    ),
    (
        '<line y1="-8" y2="8" stroke="var(--warm)" stroke-width="2.4"/>',
        "least error of anything that 1-WL bounds",
    ),
)


def draw_tolerance(families: Sequence[Family], separations: Sequence[Separation]) -> str:
    """Draw the distance of every pair above the noise that relabelling makes, in each precision."""
    dtypes = list(separations[0].gap)
    left, right, height, top = 54, 8, 150, 24
    slot = (_WIDTH - left - right) / len(families)
    parts: list[str] = []
    for panel, dtype in enumerate(dtypes):
        eps = torch.finfo(getattr(torch, dtype)).eps
        lowest = math.floor(math.log10(eps)) - 1
        begin = top + panel * (height + 34)

        def y(value: float, begin: float = begin, lowest: int = lowest) -> float:
            place = max(lowest, min(0.0, math.log10(value) if value > 0 else lowest))
            return begin + height * place / lowest

        parts.append(text(left, begin - 9, dtype, "start", INK, weight=600))
        step = 4 if dtype == "float64" else 2
        for power in range(0, lowest, -step):
            level = y(10.0**power)
            parts.append(
                f'<line x1="{left}" x2="{_WIDTH - right}" y1="{level:.1f}" y2="{level:.1f}" '
                f"{LINE}/>"
            )
            parts.append(power_of_ten(left - 6, level + 4, power))
        parts.append(text(left - 6, begin + height + 4, "0", "end", SOFT))
        for number, each in enumerate(separations):
            x = left + slot * number
            noise = float(each.noise[dtype].max())
            for times, opacity in ((MARGIN, 0.12), (1.0, 0.28)):
                roof = y(noise * times)
                parts.append(
                    f'<rect x="{x + 2:.1f}" y="{roof:.1f}" width="{slot - 4:.1f}" '
                    f'height="{max(0.0, begin + height - roof):.1f}" fill="var(--soft)" '
                    f'opacity="{opacity}"/>'
                )
            parts += _points(each.gap[dtype], each.apart(dtype), x, slot, y)
    foot = top + len(dtypes) * (height + 34) - 22
    for number, family in enumerate(families):
        x = left + slot * (number + 0.5)
        parts.append(
            f'<text transform="translate({x + 4:.1f} {foot}) rotate(-42)" text-anchor="end" '
            f"{SOFT}>{html.escape(family.name)}</text>"
        )
    return svg(_WIDTH, foot + 58, parts, "distance of each pair, and the noise of relabelling")


def _points(gap: Tensor, apart: Tensor, x: float, slot: float, y: object) -> list[str]:
    """One point for each pair and each draw of weights, spread over the width of its family."""
    assert callable(y)
    flat, known = gap.T.flatten().tolist(), apart.T.flatten().tolist()
    step = max(1, len(flat) // 60)  # as many as can be told apart
    flat, known = flat[::step], known[::step]
    parts = []
    for number, (value, yes) in enumerate(zip(flat, known, strict=True)):
        at = x + 6 + (slot - 12) * (number + 0.5) / len(flat)
        color = "var(--accent)" if yes else "var(--warm)"
        parts.append(f'<circle cx="{at:.1f}" cy="{y(value):.1f}" r="2.1" fill="{color}"/>')
    return parts


def draw_counting(counts: Sequence[CountError]) -> str:
    """Draw the error of each pattern as a bar, beside what degrees and 1-WL can do."""
    panels = [("graph", "in each graph")]
    if any(each.node is not None for each in counts):
        panels.append(("node", "at each node"))
    names, gap, line = 130, 40, 27
    wide = (_WIDTH - names - gap * len(panels)) / 2
    height = 26 + line * len(counts)
    parts: list[str] = []
    for number, each in enumerate(counts):
        words = PATTERNS[each.pattern][0]
        parts.append(text(names - 12, 26 + line * (number + 0.5) + 4, words, "end", INK))
    for panel, (key, title) in enumerate(panels):
        left = names + panel * (wide + gap)

        def x(value: float, left: float = left) -> float:
            return left + wide * min(value, 1.15) / 1.15

        parts.append(text(left, 11, title, "start", INK, weight=600))
        for tick in (0, 0.25, 0.5, 0.75, 1):
            parts.append(
                f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="22" y2="{height}" {LINE}/>'
            )
            parts.append(text(x(tick), height + 14, f"{tick:g}", "middle", SOFT))
        for number, each in enumerate(counts):
            middle = 26 + line * (number + 0.5)
            value, std = getattr(each, key), getattr(each, f"{key}_std")
            if value is None:
                continue
            length = max(1.0, x(value) - left)
            parts.append(
                f'<rect x="{left:.1f}" y="{middle - 7:.1f}" width="{length:.1f}" height="14" '
                'rx="2" fill="var(--accent)" opacity=".82"/>'
            )
            if std > 0.004:
                parts.append(
                    f'<line x1="{x(max(0, value - std)):.1f}" x2="{x(value + std):.1f}" '
                    f'y1="{middle:.1f}" y2="{middle:.1f}" stroke="var(--ink)" stroke-width="1.2"/>'
                )
            least, plain = getattr(each, f"{key}_wl"), getattr(each, f"{key}_degrees")
            parts.append(
                f'<line x1="{x(least):.1f}" x2="{x(least):.1f}" y1="{middle - 10:.1f}" '
                f'y2="{middle + 10:.1f}" stroke="var(--warm)" stroke-width="2.4"/>'
            )
            parts.append(
                f'<circle cx="{x(plain):.1f}" cy="{middle:.1f}" r="3.6" fill="var(--paper)" '
                'stroke="var(--ink)" stroke-width="1.4"/>'
            )
    parts += legend(names, height + 36, _MARKS)
    return svg(_WIDTH, height + 44, parts, "error of counting patterns")


def draw_influence(found: Sequence[Influence]) -> str:
    """Draw the Jacobian over the distance on each graph, on a logarithmic scale."""
    left, gap, height, top = 46, 34, 180, 26
    wide = (_WIDTH - left - gap * (len(found) - 1) - 6) / len(found)
    smallest = [
        float(curve[curve > 0].min())
        for each in found
        for curve in (each.norms, each.averaging)
        if bool((curve > 0).any())
    ]
    lowest = max(-16, min(-2, math.floor(math.log10(min(smallest, default=1e-2)))))

    def y(value: float) -> float:
        return top + height * max(lowest, math.log10(max(value, 1e-300))) / lowest

    parts: list[str] = []
    for panel, each in enumerate(found):
        begin = left + panel * (wide + gap)
        count = each.averaging.numel()

        def x(distance: float, begin: float = begin, count: int = count) -> float:
            return begin + 8 + (wide - 16) * distance / max(1, count - 1)

        parts.append(text(begin, 12, each.graph, "start", INK, weight=600))
        step = 1 if lowest > -5 else 2 if lowest > -9 else 4
        for power in range(0, lowest - 1, -step):
            level = y(10.0**power)
            parts.append(
                f'<line x1="{begin:.1f}" x2="{begin + wide:.1f}" y1="{level:.1f}" '
                f'y2="{level:.1f}" {LINE}/>'
            )
            if panel == 0:
                parts.append(power_of_ten(left - 6, level + 4, power))
        parts += [
            text(x(distance), top + height + 15, str(distance), "middle", SOFT)
            for distance in range(0, count, 1 if count < 10 else 4)
        ]
        parts.append(text(begin + wide / 2, top + height + 32, "distance", "middle", SOFT))
        lines = [
            (curve, 'stroke="var(--accent)" stroke-width="1" opacity=".35"', 0.0)
            for curve in each.norms
        ]
        shown = each.norms.clamp(min=1e-300).log().mean(0).exp()
        shown = torch.where((each.norms > 0).all(0), shown, 0.0)
        lines.append(
            (each.averaging, 'stroke="var(--ink)" stroke-width="1.4" stroke-dasharray="5 3"', 0.0)
        )
        lines.append((shown, 'stroke="var(--accent)" stroke-width="2.2"', 2.6))
        for curve, look, radius in lines:
            points = [
                (x(i), y(value)) for i, value in enumerate(curve.tolist()) if value > 10.0**lowest
            ]
            parts.append(polyline(points, look))
            if radius:
                parts += [
                    f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius}" fill="var(--accent)"/>'
                    for a, b in points
                ]
    return svg(_WIDTH, top + height + 38, parts, "influence over distance")
