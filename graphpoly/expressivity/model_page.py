"""The report on a model as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

from graphpoly.expressivity.drawing import draw_pair
from graphpoly.expressivity.ladder import MARGIN, RUNGS, Family, Separation
from graphpoly.expressivity.model import ModelReport
from graphpoly.expressivity.model_figures import (
    draw_counting,
    draw_influence,
    draw_ladder,
    draw_tolerance,
)
from graphpoly.expressivity.polynomial_degree import exact_degree

__all__ = ["model_page"]

_DRAWN = 6  # pairs
_MOST_EDGES = 400  # in both directions


def model_page(report: ModelReport, *, version: str = "") -> str:
    """Return the page.

    Args:
        report: See :func:`~graphpoly.expressivity.analyze_model`.
        version: Of what made it, for the head of the page.
    """
    name = html.escape(report.model)
    draws = "with its own weights" if report.trained else _plural(report.weights, "random weight")
    sections = [
        _section(
            "The ladder",
            "Each square is a pair of graphs, standing at the first rung that tells the two apart: "
            "so many rounds of 1-WL, or folklore k-WL. It is filled where the model tells them "
            f"apart {'' if report.trained else 'for some weights'}. A filled square shows that the "
            "model is not bounded by the rungs before it, an empty one that it was not seen to "
            "reach this rung.",
            draw_ladder(report.families, report.separations, report.bracket) + _families(report),
        ),
        _confused(report),
        _section(
            "Apart, or noise?",
            "Distance between the outputs for the two graphs of each pair, relative to their size; "
            "one point for each pair and each draw of weights. The grey bar is what the output "
            "moves by when the nodes of the same graph are numbered otherwise, its light part "
            f"{MARGIN:g} times that: what rises above it is apart.",
            draw_tolerance(report.families, report.separations) + _dots(),
        ),
        _section(
            "What can be counted",
            "Error of a ridge regression from the model's outputs under random weights to the "
            "number of copies of a pattern, on graphs it has not seen: 0 is exact, 1 is no better "
            "than the mean. Half of the graphs are regular. Nothing was trained but this one "
            "linear map. A bar that ends left of its orange mark is beyond 1-WL.",
            draw_counting(report.counts),
        ),
        _polynomials(report),
        _heard(report),
        _section(
            "Soundness",
            "The largest relative difference between answers that should be equal. Rounding stays "
            f"below the root of the unit in the last place: {_limits(report)}.",
            _soundness(report),
        ),
    ]
    sections += [_section(title, "", _table(rows)) for title, rows in report.further.items()]
    return _PAGE.format(
        name=name,
        version=html.escape(version),
        summary=html.escape(report.describe()),
        lead=_lead(report),
        tiles=_tiles(report, draws),
        sections="\n".join(sections),
        seed=report.seed,
        # a "</script>" inside the JSON would end the element that carries it
        embedded=json.dumps(report.to_dict()).replace("<", "\\u003c"),
    )


def _lead(report: ModelReport) -> str:
    words = []
    if report.bracket.beyond is not None:
        words.append(f"It tells apart {report.bracket.beyond}.")
    if report.bracket.confused is not None:
        words.append(f"The first pair that it confuses: {report.bracket.confused}.")
    if report.declared:
        words.append(f"It says of itself: {report.declared}.")
    return html.escape(" ".join(words))


def _tiles(report: ModelReport, draws: str) -> str:
    low = report.bracket.at_least
    if report.bracket.rounds is not None:
        low = f"1-WL, {_plural(report.bracket.rounds, 'round')}"
    high = report.bracket.at_most or f"{RUNGS[-1]} or more"
    reach = "–"
    if report.hops is not None:
        whole = report.hops >= report.hops_tried
        reach = f"{report.hops_tried} or more" if whole else _plural(report.hops, "hop")
    facts = [
        ("at least", low),
        ("at most", high),
        ("hears", reach),
        ("is a function of graphs", "yes" if report.invariant else "no"),
        ("parameters", f"{report.num_parameters:,}"),
        ("measured", draws),
    ]
    return "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd></div>"
        for key, value in facts
    )


def _families(report: ModelReport) -> str:
    dtypes = list(report.separations[0].gap)
    head = ["family", "pairs", *RUNGS[1:4], *dtypes, "weights"]
    rows = []
    for family, each in zip(report.families, report.separations, strict=True):
        count = len(family.pairs)
        row = [html.escape(_capital(family.title)), str(count)]
        row += [_dot(family.needs <= rung) for rung in range(1, 4)]
        row += [_share(int(each.separated(dtype).sum()), count) for dtype in dtypes]
        row.append(f"{100 * float(each.apart().double().mean()):.0f} %")
        rows.append((family.needs, row))
    lines = []
    before = None
    for needs, row in rows:
        mark = ' class="first"' if needs != before else ""
        before = needs
        lines.append(f"<tr{mark}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>")
    titles = "".join(f"<th>{name}</th>" for name in head)
    return (
        f'<table class="families"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
        '<p class="note">Pairs told apart by each test and by the model. The last column is the '
        "share of pairs and weights in the widest precision.</p>"
    )


def _dot(yes: bool) -> str:
    return f'<span class="{"yes" if yes else "no"}">{"●" if yes else "○"}</span>'


def _share(done: int, count: int) -> str:
    share = 100 * done / max(1, count)
    return (
        f'<span class="share"><i style="width:{share:.0f}%"></i></span>'
        f'<span class="number">{done}</span>'
    )


def _confused(report: ModelReport) -> str:
    held: list[tuple[Family, Separation, list[int]]] = []
    for family, each in zip(report.families, report.separations, strict=True):
        together = (~each.separated()).nonzero().flatten().tolist()
        # CFI over the triangle and the tetrahedron are old friends, others too dense to see much
        seen = family.name in ("cfi-k3", "cfi-k4") or family.graphs[0].num_edges > _MOST_EDGES
        if together and not seen:
            held.append((family, each, together))
    if not held:
        none = all(bool(each.separated().all()) for each in report.separations)
        words = "None of those that were tried." if none else "None that is sparse enough to draw."
        return _section("Pairs that it confuses", words, "")
    chosen: list[int] = []
    for most in (2, _DRAWN):  # of one rung, first a few of each
        for number, (family, _, _) in enumerate(held):
            same = [other for other in chosen if held[other][0].needs == family.needs]
            if len(chosen) < _DRAWN and number not in chosen and len(same) < most:
                chosen.append(number)
    return _section(
        "Pairs that it confuses",
        "One pair of each family, the easiest families of each rung. Nodes that 1-WL gives the "
        "same colour look alike; where 1-WL tells the graphs apart, in the round before it does.",
        f'<div class="cards">{"".join(_card(*held[number]) for number in sorted(chosen))}</div>',
    )


def _card(family: Family, found: Separation, together: list[int]) -> str:
    pair = together[0] if family.rounds else together[-1]
    one, other = (family.graphs[i] for i in family.pairs[pair])
    needs, rounds = RUNGS[family.needs], None
    if family.rounds:
        rounds = family.rounds[pair] - 1
        needs = f"1-WL after {_plural(rounds + 1, 'round')}"
    more = ""
    if len(together) > 1:
        more = f" and {_plural(len(together) - 1, 'other pair')} of this family"
    dtype = next(iter(found.gap))
    gap, noise = (float(held[dtype][:, pair].max()) for held in (found.gap, found.noise))
    title = html.escape(_capital(family.title))
    return (
        f"<figure>{draw_pair(one, other, rounds=rounds)}<figcaption>"
        f"<b>{title}</b>{more}. First told apart by {needs.replace('-', chr(0x2011))}; "
        f"distance {_number(gap)}, noise {_number(noise)}.</figcaption></figure>"
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _polynomials(report: ModelReport) -> str:
    rows: list[list[Any]] = [
        [
            "degree",
            "in all",
            "determined",
            "message passing",
            "PPGN",
            "fitted exactly",
            "largest error",
            "not determined, for instance",
        ]
    ]
    known = []
    for place, words in (("graph", "graphs"), ("node", "nodes")):
        degree = exact_degree(report.polynomials, place)
        if degree is not None:
            known.append(f"{degree} for {words}")
        rows += [
            [
                f"{row.degree}, {words}",
                row.total,
                row.determined,
                row.message_passing,
                row.ppgn,
                "–" if row.fitted is None else row.fitted,
                "–" if row.worst is None else _number(row.worst),
                row.refuted_by or "",
            ]
            for row in report.polynomials
            if row.place == place
        ]
    return _section(
        "Polynomials of the adjacency",
        f"All equivariant polynomials are determined up to degree {' and '.join(known)}: no two of "
        "the graphs (nodes) that were compared have the same output and different values. One that "
        "is not determined is none that a readout can give, however it is trained. Beside it, how "
        "many the operations of message passing and of PPGN compute, and how many a ridge "
        "regression gives exactly. A polynomial is written as its einsum: ab,ac,bc-> counts "
        "triangles.",
        _table(rows),
    )


def _heard(report: ModelReport) -> str:
    if report.hops is None:
        return _section("How far a node hears", "No part of the model has a row for each node.", "")
    whole = report.hops >= report.hops_tried
    reach = "at any distance" if whole else f"up to a distance of {_plural(report.hops, 'hop')}"
    return _section(
        "How far a node hears, and how loudly",
        f"On a path with {report.hops_tried + 1} nodes the features of others change a node's "
        f"output {reach}. Below, the spectral norm of the Jacobian by the "
        "features at each distance, relative to its largest value: each draw of weights, their "
        f"mean, and (dashed) the power {report.influence[0].layers} of the averaging operator. "
        "What falls below the dashed line loses more across a bottleneck than averaging does.",
        draw_influence(report.influence),
    )


def _limits(report: ModelReport) -> str:
    limits = report.violations[0].limit
    return ", ".join(f"{_number(limit)} in {dtype}" for dtype, limit in limits.items())


def _soundness(report: ModelReport) -> str:
    words = {
        "numbering": "the nodes numbered otherwise",
        "batch": "graphs one by one instead of together",
        "repetition": "the same once more",
    }
    dtypes = list(report.separations[0].gap)
    rows: list[list[str]] = [["", *dtypes, ""]]
    for each in report.violations:
        values = [_number(each.by[name]) if name in each.by else "–" for name in dtypes]
        verdict = "violated" if each.violated else ("holds" if each.by else "takes no batch")
        rows.append([words[each.what], *values, verdict])
    dead = f"{100 * report.dead:.1f} %"
    names = ", ".join(report.dead_names[:8]) + (" ..." if len(report.dead_names) > 8 else "")
    tail = f" Without any in every draw: {names}." if names else ""
    return _table(rows) + (
        f'<p class="note">Parameters that get no gradient from random graphs and features: {dead}.'
        f"{html.escape(tail)}</p>"
    )


def _section(title: str, words: str, body: str) -> str:
    lead = f"<p>{html.escape(words)}</p>" if words else ""
    return f"<section><h2>{html.escape(title)}</h2>{lead}{body}</section>"


def _table(rows: Sequence[Sequence[Any]]) -> str:
    head, *body = [[html.escape(str(cell)) for cell in row] for row in rows]
    titles = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _dots() -> str:
    return (
        '<p class="note"><span class="dot" style="background:var(--accent)"></span>apart'
        '<span class="dot" style="background:var(--warm);margin-left:18px"></span>not apart'
        '<span class="dot" style="background:var(--soft);opacity:.5;margin-left:18px"></span>'
        "noise of relabelling</p>"
    )


def _number(value: float) -> str:
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    power = math.floor(math.log10(abs(value)))
    if -3 < power < 3:
        return f"{value:.2g}"
    digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10.0**power:.1f}·10{digits}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>graphpoly: what {name} tells apart</title>
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
<h1>What {name} tells apart</h1>
<p class="summary">{summary}</p>
<p>{lead}</p>
<dl>{tiles}</dl>
</header>
{sections}
<footer>Everything that is drawn follows from the seed {seed}. All numbers are in this page as JSON,
in the element <code>#report</code>.</footer>
</main>
<script type="application/json" id="report">
{embedded}
</script>
</body>
</html>
"""
