"""Drawings that stand in a page and take their colours from it: ``--ink``, ``--soft``, ``--c0``."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

__all__ = ["INK", "LINE", "SOFT", "legend", "polyline", "power_of_ten", "svg", "text", "ticks"]

INK, SOFT, LINE = 'fill="var(--ink)"', 'fill="var(--soft)"', 'stroke="var(--line)"'
_FONT = "Inter, Segoe UI, Helvetica Neue, Arial, sans-serif"
_LETTER = 6.1  # mean width of one


def svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """Return an SVG that takes its colours from the page.

    Args:
        width, height: Of the drawing; it is shown as wide as its column.
        parts: Elements.
        title: For readers that do not see it.
    """
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{html.escape(title)}" '
        f'font-family="{_FONT}" font-size="11">' + "".join(parts) + "</svg>"
    )


def text(
    x: float,
    y: float,
    words: str,
    anchor: str,
    look: str,
    *,
    size: float | None = None,
    weight: int | None = None,
) -> str:
    """Return words at a place, on one line.

    Args:
        x, y: Where they are anchored.
        words: What is written.
        anchor: ``"start"``, ``"middle"`` or ``"end"``.
        look: Further attributes, such as :data:`SOFT`.
        size: Of the letters, default the drawing's.
        weight: Of the letters, default the drawing's.
    """
    more = ("" if size is None else f' font-size="{size:g}"') + (
        "" if weight is None else f' font-weight="{weight}"'
    )
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {look}{more}>'
        f"{html.escape(words)}</text>"
    )


def power_of_ten(x: float, y: float, power: int) -> str:
    """Return 10 to a power, written to the left of a place."""
    if power == 0:
        return text(x, y, "1", "end", SOFT)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end" {SOFT}>10'
        f'<tspan dy="-4" font-size="8">{"−" if power < 0 else ""}{abs(power)}</tspan></text>'
    )


def polyline(points: Iterable[tuple[float, float]], look: str) -> str:
    """Return a line through points."""
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return f'<polyline points="{path}" fill="none" {look}/>'


def legend(left: float, y: float, marks: Sequence[tuple[str, str]]) -> list[str]:
    """Return what marks mean, side by side.

    Args:
        left, y: Where the first one begins, and the foot of its letters.
        marks: Elements drawn about the origin, within 7 to each side, and their meanings.
    """
    parts = []
    for mark, words in marks:
        parts.append(f'<g transform="translate({left + 7:.1f} {y - 4:.1f})">{mark}</g>')
        parts.append(text(left + 20, y, words, "start", SOFT))
        left += 40 + _LETTER * len(words)
    return parts


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers within an interval: 1, 2 or 5 times a power of ten apart.

    >>> ticks(0.13, 0.9)
    [0.2, 0.4, 0.6, 0.8]
    """
    if not high > low:
        return [low]
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = power * next(times for times in (1, 2, 5, 10) if times * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
