"""A report as one HTML file that needs nothing else: its frame, and what stands in it."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["html_page", "plural", "section", "table", "two_digits"]


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
    return _PAGE.format(
        title=heading[:1].lower() + heading[1:],
        heading=heading,
        version=html.escape(version),
        summary=html.escape(summary),
        lead=html.escape(lead),
        tiles=_tiles(facts),
        sections="\n".join(sections),
        footer=html.escape(footer),
        # a "</script>" inside the JSON would end the element that carries it
        embedded=json.dumps(report).replace("<", "\\u003c"),
    )


def _tiles(facts: Sequence[tuple[str, str]]) -> str:
    """Names and values, side by side."""
    return "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd></div>"
        for key, value in facts
    )


def section(title: str, words: str, body: str) -> str:
    """A heading, what there is to say, and what was drawn."""
    lead = f"<p>{html.escape(words)}</p>" if words else ""
    return f"<section><h2>{html.escape(title)}</h2>{lead}{body}</section>"


def table(rows: Sequence[Sequence[Any]]) -> str:
    """Rows of cells, the first one a head."""
    head, *body = [[html.escape(str(cell)) for cell in row] for row in rows]
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def two_digits(value: float) -> str:
    """Two digits, with a power of ten where they do not say enough."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    power = math.floor(math.log10(abs(value)))
    if -3 < power < 3:
        return f"{value:.2g}"
    digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**power:.1f}·10{digits}"


def plural(count: int, word: str) -> str:
    """So many of them."""
    return f"{count} {word}{'' if count == 1 else 's'}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>graphpoly: {title}</title>
<style>
  :root {{ --ink: #22262b; --soft: #626a73; --line: #e3e6e9; --paper: #fff; --ground: #f5f6f7;
    --edge: #a4abb3; --accent: #3b4cc0; --warm: #d0661c;
    --c0: #3b4cc0; --c1: #d0661c; --c2: #2f9e77; --c3: #b0468f; --c4: #c9a227; --c5: #4aa3c7;
    --c6: #8c5a3c; --c7: #6b7fd7; }}
  @media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8eaed; --soft: #9aa3ad;
    --line: #343a41; --paper: #1d2126; --ground: #14171a; --edge: #5d666f; --accent: #8fa0ff;
    --warm: #f0954f; --c0: #8fa0ff; --c1: #f0954f; --c2: #5cc9a0; --c3: #dd86c4; --c4: #e3c25b;
    --c5: #7fc8e6; --c6: #c4957a; --c7: #b7c0ff; }} }}
  * {{ box-sizing: border-box; }}
  body {{ margin: 0; background: var(--ground); color: var(--ink);
    font: 16px/1.55 Inter, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
  main {{ max-width: 1040px; margin: 0 auto; padding: 44px 24px 64px; }}
  .brand {{ font-size: 13px; letter-spacing: .06em; color: var(--soft); margin-bottom: 6px; }}
  h1 {{ font-size: 30px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px; }}
  h2 {{ font-size: 17px; margin: 0 0 4px; }}
  header p {{ max-width: 78ch; margin: 0; color: var(--soft); }}
  header p.summary {{ font-size: 19px; color: var(--ink); margin-bottom: 4px; }}
  section {{ background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
    padding: 22px 26px; margin-top: 20px; }}
  section > p {{ color: var(--soft); margin: 0 0 16px; max-width: 92ch; font-size: 15px; }}
  section > p.note {{ margin: 10px 0 0; font-size: 13.5px; }}
  svg {{ display: block; width: 100%; height: auto; }}
  dl {{ display: grid; grid-template-columns: repeat(6, auto); gap: 0 28px; margin: 22px 0 0; }}
  dt {{ color: var(--soft); font-size: 13px; }}
  dd {{ margin: 0; font-size: 17px; font-weight: 600; }}
  table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums;
    font-size: 14px; }}
  th {{ font-weight: 500; font-size: 13px; color: var(--soft); text-align: right;
    padding: 14px 0 6px 14px; }}
  td {{ text-align: right; padding: 5px 0 5px 14px; border-top: 1px solid var(--line); }}
  tr.first td {{ border-top-color: var(--soft); }}
  th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
  .yes {{ color: var(--ink); }} .no {{ color: var(--edge); }}
  .share {{ display: inline-block; width: 64px; height: 7px; border-radius: 4px;
    background: var(--line); overflow: hidden; vertical-align: 1px; }}
  .share i {{ display: block; height: 100%; background: var(--accent); }}
  .number {{ display: inline-block; min-width: 3.2ch; }}
  .dot {{ display: inline-block; width: 10px; height: 10px; border-radius: 50%;
    margin-right: 8px; }}
  .cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr));
    gap: 28px 34px; }}
  figure {{ margin: 0; }}
  figcaption {{ font-size: 13.5px; line-height: 1.45; color: var(--soft); margin-top: 10px; }}
  figcaption b {{ color: var(--ink); font-weight: 600; }}
  footer {{ color: var(--soft); font-size: 13.5px; margin-top: 24px; }}
  @media (max-width: 760px) {{ dl {{ grid-template-columns: 1fr 1fr; gap: 12px; }}
    main {{ padding: 24px 14px; }} section {{ padding: 18px 16px; }}
    .families {{ display: block; overflow-x: auto; }} }}
  @media print {{ :root {{ --ground: #fff; }} main {{ max-width: none; padding: 0; }}
    section {{ border: 0; padding: 12px 0; margin-top: 12px; }} figure, svg, tr {{
    break-inside: avoid; }} h2 {{ break-after: avoid; }}
    * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }} }}
</style>
</head>
<body>
<main>
<header>
<div class="brand">graphpoly {version}</div>
<h1>{heading}</h1>
<p class="summary">{summary}</p>
<p>{lead}</p>
<dl>{tiles}</dl>
</header>
{sections}
<footer>{footer} All numbers are in this page as JSON, in the element
<code>#report</code>.</footer>
</main>
<script type="application/json" id="report">
{embedded}
</script>
</body>
</html>
"""
