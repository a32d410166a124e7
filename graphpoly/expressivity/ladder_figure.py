"""The ladder of tests with a square for each pair of graphs, as SVG: side by side and upright."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from graphpoly.expressivity.ladder import RUNGS, Bracket, Family, Separation
from graphpoly.pages.svg import INK, LINE, SOFT, legend, svg, text

__all__ = ["draw_ladder", "draw_ladder_upright"]

_Rung = tuple[int, int]  # its place in RUNGS; rounds of 1-WL, or 0
_WIDTH, _NARROW = 940, 340
_UNIT = 10.5  # from one square to the next
_ALL, _SOME = 'fill="var(--accent)"', 'fill="var(--accent)" opacity=".22"'


def draw_ladder(
    families: Sequence[Family], separations: Sequence[Separation], found: Bracket
) -> str:
    """Draw every pair as a square at its rung, filled where the model tells the two apart."""
    columns = _columns(families, separations)
    keys, most = list(columns), 9
    wide = {key: max(1, math.ceil(len(columns[key]) / most)) * _UNIT for key in keys}
    space = (_WIDTH - 40 - sum(wide.values())) / len(keys)
    base, x, at = 150.0, 20.0, {}
    parts: list[str] = []
    for key in keys:
        x += space / 2
        at[key] = x + wide[key] / 2
        for number, pair in enumerate(columns[key]):
            column, row = divmod(number, most)
            parts.append(_square(x + column * _UNIT, base - (row + 1) * _UNIT, pair))
        rung, rounds = key
        name = f"{rounds}" if rounds else RUNGS[rung]
        parts += [
            text(at[key], base + 17, name, "middle", INK, weight=600 if not rounds else 500),
            text(at[key], base + 32, _share(columns[key]), "middle", SOFT, size=10),
        ]
        x += wide[key] + space / 2
    rounds_at = [at[key] for key in keys if key[0] == 1]
    if rounds_at:
        left, right = rounds_at[0] - 16, rounds_at[-1] + 16
        parts += [
            f'<path d="M{left:.1f} {base + 40:.1f}v5H{right:.1f}v-5" fill="none" '
            'stroke="var(--soft)"/>',
            text((left + right) / 2, base + 60, "rounds of 1-WL", "middle", INK, weight=600),
        ]
    parts.append(f'<line x1="8" x2="{_WIDTH - 8}" y1="{base + 3}" y2="{base + 3}" {LINE}/>')
    return svg(_WIDTH, base + 68, [*_band(keys, at, found), *parts], found.describe())


def draw_ladder_upright(
    families: Sequence[Family], separations: Sequence[Separation], found: Bracket
) -> str:
    """Draw :func:`draw_ladder` from top to bottom, a rung a line, for a narrow screen."""
    columns = _columns(families, separations)
    reached, allowed = _extent(list(columns), found)
    left, right, top = 92.0, _NARROW - 62.0, 8.0
    most = int((right - left) / _UNIT)
    parts: list[str] = []
    for place, (key, pairs) in enumerate(columns.items()):
        rung, rounds = key
        name = f"1-WL, {rounds} round{'s' if rounds > 1 else ''}" if rounds else RUNGS[rung]
        height = 9 + _UNIT * math.ceil(len(pairs) / most)
        if place < allowed:
            look = _ALL if place < reached else _SOME
            parts.append(f'<rect y="{top - 4:.1f}" width="4" height="{height:.1f}" {look}/>')
        parts += [
            text(12, top + 8.5, name, "start", INK, weight=500 if rounds else 600),
            text(_NARROW - 2, top + 8.5, _share(pairs), "end", SOFT),
        ]
        for number, pair in enumerate(pairs):
            row, column = divmod(number, most)
            parts.append(_square(left + column * _UNIT, top + row * _UNIT, pair))
        top += height
    marks = [
        (f'<rect x="-2" y="-6" width="4" height="12" {look}/>', words)
        for look, words in ((_ALL, "tells all pairs apart"), (_SOME, "tells some apart"))
    ]
    return svg(_NARROW, top + 22, [*parts, *legend(0, top + 16, marks)], found.describe())


def _columns(
    families: Sequence[Family], separations: Sequence[Separation]
) -> dict[_Rung, list[tuple[str, bool]]]:
    """The pairs of each rung, from the lowest: family, and whether apart; first those that are."""
    columns: dict[_Rung, list[tuple[str, bool]]] = {}
    for family, each in zip(families, separations, strict=True):
        for number, apart in enumerate(each.separated().tolist()):
            key = family.needs, family.rounds[number] if family.rounds else 0
            columns.setdefault(key, []).append((family.title, apart))
    return {key: sorted(columns[key], key=lambda pair: not pair[1]) for key in sorted(columns)}


def _square(left: float, top: float, pair: tuple[str, bool]) -> str:
    title, apart = pair
    look = 'fill="var(--accent)"' if apart else 'fill="none" stroke="var(--soft)"'
    inset = 0.0 if apart else 0.5
    return (
        f'<rect x="{left + inset:.1f}" y="{top + inset:.1f}" rx="1.5" '
        f'width="{8.5 - 2 * inset}" height="{8.5 - 2 * inset}" {look}>'
        f"<title>{html.escape(title)}</title></rect>"
    )


def _share(pairs: Sequence[tuple[str, bool]]) -> str:
    return f"{sum(apart for _, apart in pairs)} of {len(pairs)}"


def _extent(keys: Sequence[_Rung], found: Bracket) -> tuple[int, int]:
    """How many rungs it is known to reach, and how many it is not known to be below."""
    low = RUNGS.index(found.at_least)
    high = len(RUNGS) if found.at_most is None else RUNGS.index(found.at_most)
    most = math.inf if found.rounds is None else found.rounds
    reached = sum(rung < low or (rung == low and rounds <= most) for rung, rounds in keys)
    return reached, sum(rung <= high for rung, _ in keys)


def _band(keys: Sequence[_Rung], at: dict[_Rung, float], found: Bracket) -> list[str]:
    """From where it is known to reach, to where it is known not to pass."""
    reached, allowed = _extent(keys, found)
    left = 10.0

    def end(count: int) -> float:
        if count == 0:
            return left
        if count == len(keys):
            return _WIDTH - 10.0
        return (at[keys[count - 1]] + at[keys[count]]) / 2

    least, most = end(reached), end(allowed)
    parts = [
        f'<rect x="{left}" y="14" width="{max(0.0, most - left):.1f}" height="6" rx="3" {_SOME}/>',
        f'<rect x="{left}" y="14" width="{max(0.0, least - left):.1f}" height="6" rx="3" {_ALL}/>',
    ]
    if reached:
        parts.append(text(left, 9, "tells all pairs apart", "start", SOFT))
    if most - least > 60:
        word = "tells some apart" if most - least < 300 else "tells some apart, confuses others"
        parts.append(text((least + most) / 2, 34, word, "middle", SOFT))
    if most < _WIDTH - 60:
        parts += [
            f'<line x1="{most + 6:.1f}" x2="{_WIDTH - 10}" y1="17" y2="17" {LINE} '
            'stroke-width="2" stroke-dasharray="2 5" stroke-linecap="round"/>',
            text(_WIDTH - 10, 9, "tells none apart", "end", SOFT),
        ]
    return parts
