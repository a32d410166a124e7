"""A report as one HTML file that needs nothing else: its frame, and what stands in it.

Every page is light or dark as its reader's system is, as narrow as 320 pixels, and runs no script.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from graphpoly.files import to_json

__all__ = [
    "cards",
    "details",
    "figure",
    "html_page",
    "plural",
    "section",
    "settings_list",
    "table",
    "table_of",
    "two_digits",
]

_TEMPLATE = Path(__file__).with_suffix(".html")


def html_page(
    title: str,
    *,
    summary: str,
    lead: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[str],
    footer: str,
    report: Mapping[str, Any],
    version: str = "",
) -> str:
    """Return the page.

    Args:
        title: What it is about.
        summary: One sentence, or a few.
        lead: What is said in a smaller type.
        facts: Names and values that stand out.
        sections: See :func:`section`.
        footer: Where the numbers come from.
        report: All numbers, which travel with the page as JSON.
        version: Of what made it.
    """
    heading = html.escape(title)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=heading[:1].lower() + heading[1:],
        heading=heading,
        version=html.escape(version),
        summary=html.escape(summary),
        lead=html.escape(lead),
        facts=_pairs("facts", facts),
        sections="\n".join(sections),
        footer=html.escape(footer),
        # a "</script>" inside the JSON would end the element that carries it
        embedded=to_json(report, indent=None).strip().replace("<", "\\u003c"),
    )


def section(title: str, words: str, body: str) -> str:
    """A heading, what there is to say, and what was drawn."""
    lead = f"<p>{html.escape(words)}</p>" if words else ""
    return f"<section><h2>{html.escape(title)}</h2>{lead}{body}</section>"


def table(rows: Sequence[Sequence[Any]], caption: str) -> str:
    """Rows of cells, the first one a head; each line is named by its first cell.

    Args:
        rows: Text and numbers.
        caption: What the table holds, for readers that do not see the page.
    """
    head, *body = [[html.escape(str(cell)) for cell in row] for row in rows]
    return table_of(head, [("", line) for line in body], caption)


def table_of(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], caption: str) -> str:
    """:func:`table` of cells that are HTML already, each line with its class or an empty text."""
    titles = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = []
    for look, (name, *cells) in rows:
        mark = f' class="{look}"' if look else ""
        line = f'<th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f"<tr{mark}>{line}</tr>")
    words = html.escape(caption)
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{words}"><table>'
        f"<caption>{words}</caption><thead><tr>{titles}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def figure(drawing: str, caption: str = "", *, least: int = 0, narrow: str = "") -> str:
    """A drawing and what is to be seen in it.

    Args:
        drawing: SVG.
        caption: HTML.
        least: Pixels below which its letters are too small; a narrower column scrolls.
        narrow: SVG that takes its place on a narrow screen.
    """
    shown = drawing
    if least:
        shown = (
            f'<div class="scroll" role="group" tabindex="0" aria-label="a wide drawing" '
            f'style="--least:{least}px">{drawing}</div>'
        )
    if narrow:
        shown = f'<div class="broad">{shown}</div><div class="narrow">{narrow}</div>'
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{shown}{words}</figure>"


def cards(figures: Sequence[str], *, width: int = 290) -> str:
    """Figures side by side, each at least so many pixels wide where there is room."""
    return f'<div class="cards" style="--card:{width}px">{"".join(figures)}</div>'


def details(title: str, body: str) -> str:
    """What is shown when its title is opened."""
    return f"<details><summary>{html.escape(title)}</summary>{body}</details>"


def settings_list(settings: Mapping[str, Any]) -> str:
    """Names and values in columns; None is shown as the word that the command takes."""
    return _pairs(
        "settings",
        [(key, "none" if value is None else str(value)) for key, value in settings.items()],
    )


def _pairs(look: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, side by side."""
    if not pairs:
        return ""
    held = "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd></div>"
        for key, value in pairs
    )
    return f'<dl class="{look}">{held}</dl>'


def two_digits(value: float) -> str:
    """Two digits, with a power of ten where they do not say enough.

    >>> two_digits(123.0), two_digits(0.0099999), two_digits(-1e-7)
    ('120', '0.01', '-1.0·10⁻⁷')
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    digits, power = f"{value:.1e}".split("e")
    if -3 < int(power) < 3:
        return f"{float(f'{digits}e{power}'):g}"
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{raised}"


def plural(count: int, word: str) -> str:
    """So many of them."""
    return f"{count} {word}{'' if count == 1 else 's'}"
