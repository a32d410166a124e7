"""Figures of the report on a model, as SVG: ladder, noise, counting, influence."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphpoly.expressivity.counting import CountError
from graphpoly.expressivity.drawing import svg
from graphpoly.expressivity.ladder import MARGIN, RUNGS, Bracket, Family, Separation
from graphpoly.expressivity.patterns import PATTERNS
from graphpoly.expressivity.sensitivity import Influence

__all__ = ["draw_counting", "draw_influence", "draw_ladder", "draw_tolerance"]

_WIDTH = 940
_SOFT, _LINE, _INK = 'fill="var(--soft)"', 'stroke="var(--line)"', 'fill="var(--ink)"'


def draw_ladder(
    families: Sequence[Family], separations: Sequence[Separation], found: Bracket
) -> str:
    """Draw every pair as a square at its rung, filled where the model tells the two apart."""
    columns: dict[tuple[int, int], list[tuple[str, bool]]] = {}
    for family, each in zip(families, separations, strict=True):
        for number, apart in enumerate(each.separated().tolist()):
            key = family.needs, family.rounds[number] if family.rounds else 0
            columns.setdefault(key, []).append((family.title, apart))
    keys = sorted(columns)
    unit, most = 10.5, 9
    wide = {key: max(1, math.ceil(len(columns[key]) / most)) * unit for key in keys}
    space = (_WIDTH - 40 - sum(wide.values())) / len(keys)
    base, x, at = 150.0, 20.0, {}
    parts: list[str] = []
    for key in keys:
        x += space / 2
        at[key] = x + wide[key] / 2
        pairs = sorted(columns[key], key=lambda pair: not pair[1])
        for number, (title, apart) in enumerate(pairs):
            column, row = divmod(number, most)
            left, top = x + column * unit, base - (row + 1) * unit
            look = 'fill="var(--accent)"' if apart else 'fill="none" stroke="var(--soft)"'
            inset = 0.0 if apart else 0.5
            parts.append(
                f'<rect x="{left + inset:.1f}" y="{top + inset:.1f}" rx="1.5" '
                f'width="{8.5 - 2 * inset}" height="{8.5 - 2 * inset}" {look}>'
                f"<title>{html.escape(title)}</title></rect>"
            )
        done = sum(apart for _, apart in pairs)
        share = f"{done} of {len(pairs)}"
        rungs, rounds = key
        name = f"{rounds}" if rounds else RUNGS[rungs]
        parts += [
            _text(at[key], base + 17, name, "middle", _INK, weight=600 if not rounds else 500),
            _text(at[key], base + 32, share, "middle", _SOFT, size=10),
        ]
        x += wide[key] + space / 2
    rounds_at = [at[key] for key in keys if key[0] == 1]
    if rounds_at:
        left, right = rounds_at[0] - 16, rounds_at[-1] + 16
        parts += [
            f'<path d="M{left:.1f} {base + 40:.1f}v5H{right:.1f}v-5" fill="none" '
            'stroke="var(--soft)"/>',
            _text((left + right) / 2, base + 60, "rounds of 1-WL", "middle", _INK, weight=600),
        ]
    parts.append(f'<line x1="8" x2="{_WIDTH - 8}" y1="{base + 3}" y2="{base + 3}" {_LINE}/>')
    return svg(_WIDTH, base + 68, [*_band(keys, at, found), *parts], found.describe())


def _band(
    keys: list[tuple[int, int]], at: dict[tuple[int, int], float], found: Bracket
) -> list[str]:
    """From where it is known to reach, to where it is known not to pass."""
    low = RUNGS.index(found.at_least)
    reached = [
        key
        for key in keys
        if key[0] < low or (key[0] == low and (found.rounds is None or key[1] <= found.rounds))
    ]
    high = len(RUNGS) if found.at_most is None else RUNGS.index(found.at_most)
    allowed = [key for key in keys if key[0] <= high]
    left = 10.0

    def end(chosen: list[tuple[int, int]]) -> float:
        if not chosen:
            return left
        number = keys.index(chosen[-1])
        if number + 1 == len(keys):
            return _WIDTH - 10.0
        return (at[keys[number]] + at[keys[number + 1]]) / 2

    least, most = end(reached), end(allowed)
    parts = [
        f'<rect x="{left}" y="14" width="{max(0.0, most - left):.1f}" height="6" rx="3" '
        'fill="var(--accent)" opacity=".22"/>',
        f'<rect x="{left}" y="14" width="{max(0.0, least - left):.1f}" height="6" rx="3" '
        'fill="var(--accent)"/>',
    ]
    if reached:
        parts.append(_text(left, 9, "tells all pairs apart", "start", _SOFT))
    if most - least > 60:
        word = "tells some apart" if most - least < 300 else "tells some apart, confuses others"
        parts.append(_text((least + most) / 2, 34, word, "middle", _SOFT))
    if most < _WIDTH - 60:
        parts += [
            f'<line x1="{most + 6:.1f}" x2="{_WIDTH - 10}" y1="17" y2="17" {_LINE} '
            'stroke-width="2" stroke-dasharray="2 5" stroke-linecap="round"/>',
            _text(_WIDTH - 10, 9, "tells none apart", "end", _SOFT),
        ]
    return parts


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

        parts.append(_text(left, begin - 9, dtype, "start", _INK, weight=600))
        step = 4 if dtype == "float64" else 2
        for power in range(0, lowest, -step):
            level = y(10.0**power)
            parts.append(
                f'<line x1="{left}" x2="{_WIDTH - right}" y1="{level:.1f}" y2="{level:.1f}" '
                f"{_LINE}/>"
            )
            parts.append(_power(left - 6, level + 4, power))
        parts.append(_text(left - 6, begin + height + 4, "0", "end", _SOFT))
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
            f"{_SOFT}>{html.escape(family.name)}</text>"
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
        parts.append(_text(names - 12, 26 + line * (number + 0.5) + 4, words, "end", _INK))
    for panel, (key, title) in enumerate(panels):
        left = names + panel * (wide + gap)

        def x(value: float, left: float = left) -> float:
            return left + wide * min(value, 1.15) / 1.15

        parts.append(_text(left, 11, title, "start", _INK, weight=600))
        for tick in (0, 0.25, 0.5, 0.75, 1):
            parts.append(
                f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="22" y2="{height}" {_LINE}/>'
            )
            parts.append(_text(x(tick), height + 14, f"{tick:g}", "middle", _SOFT))
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
    parts += _key(names, height + 36)
    return svg(_WIDTH, height + 44, parts, "error of counting patterns")


def _key(left: float, y: float) -> list[str]:
    marks = [
        ('<rect x="{0}" y="{1}" width="14" height="9" rx="2" fill="var(--accent)"/>', "the model"),
        (
            '<circle cx="{0}" cy="{2}" r="3.6" fill="var(--paper)" stroke="var(--ink)" '
            'stroke-width="1.4"/>',
            "sizes and degrees alone",
        ),
        (
            '<line x1="{0}" x2="{0}" y1="{3}" y2="{4}" stroke="var(--warm)" stroke-width="2.4"/>',
            "least error of anything that 1-WL bounds",
        ),
    ]
    parts = []
    for mark, words in marks:
        parts.append(mark.format(left, y - 9, y - 4, y - 12, y + 4))
        parts.append(_text(left + 20, y, words, "start", _SOFT))
        left += 52 + 6.1 * len(words)
    return parts


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

        parts.append(_text(begin, 12, each.graph, "start", _INK, weight=600))
        step = 1 if lowest > -5 else 2 if lowest > -9 else 4
        for power in range(0, lowest - 1, -step):
            level = y(10.0**power)
            parts.append(
                f'<line x1="{begin:.1f}" x2="{begin + wide:.1f}" y1="{level:.1f}" '
                f'y2="{level:.1f}" {_LINE}/>'
            )
            if panel == 0:
                parts.append(_power(left - 6, level + 4, power))
        parts += [
            _text(x(distance), top + height + 15, str(distance), "middle", _SOFT)
            for distance in range(0, count, 1 if count < 10 else 4)
        ]
        parts.append(_text(begin + wide / 2, top + height + 32, "distance", "middle", _SOFT))
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
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            parts.append(f'<polyline points="{path}" fill="none" {look}/>')
            if radius:
                parts += [
                    f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius}" fill="var(--accent)"/>'
                    for a, b in points
                ]
    return svg(_WIDTH, top + height + 38, parts, "influence over distance")


def _text(
    x: float,
    y: float,
    words: str,
    anchor: str,
    look: str,
    *,
    size: float | None = None,
    weight: int | None = None,
) -> str:
    more = ("" if size is None else f' font-size="{size}"') + (
        "" if weight is None else f' font-weight="{weight}"'
    )
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}{more}>'
        f"{html.escape(words)}</text>"
    )


def _power(x: float, y: float, power: int) -> str:
    if power == 0:
        return _text(x, y, "1", "end", _SOFT)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" {_SOFT}>10'
        f'<tspan dy="-4" font-size="8">{"−" if power < 0 else ""}{abs(power)}</tspan></text>'
    )
