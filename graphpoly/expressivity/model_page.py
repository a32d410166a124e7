"""The report on a model as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from typing import Any

from graphpoly.expressivity.drawing import draw_pair
from graphpoly.expressivity.ladder import MARGIN, RUNGS, Family, Separation
from graphpoly.expressivity.ladder_figure import draw_ladder, draw_ladder_upright
from graphpoly.expressivity.model import ModelReport
from graphpoly.expressivity.model_figures import draw_counting, draw_influence, draw_tolerance
from graphpoly.expressivity.polynomial_degree import exact_degree
from graphpoly.pages import (
    cards,
    figure,
    html_page,
    plural,
    section,
    table,
    table_of,
    two_digits,
)

__all__ = ["model_page"]

_DRAWN = 6  # pairs
_MOST_EDGES = 400  # in both directions
_LEAST = 700  # pixels that a figure of 940 needs for its letters


def model_page(report: ModelReport, *, version: str = "") -> str:
    """Return the page.

    Args:
        report: See :func:`~graphpoly.expressivity.analyze_model`.
        version: Of what made it, for the head of the page.
    """
    draws = "with its own weights" if report.trained else plural(report.weights, "random weight")
    sections = [
        section(
            "The ladder",
            "Each square is a pair of graphs, standing at the first rung that tells the two apart: "
            "so many rounds of 1-WL, or folklore k-WL. It is filled where the model tells them "
            f"apart {'' if report.trained else 'for some weights'}. A filled square shows that the "
            "model is not bounded by the rungs before it, an empty one that it was not seen to "
            "reach this rung.",
            _ladder(report) + _families(report),
        ),
        _confused(report),
        section(
            "Apart, or noise?",
            "Distance between the outputs for the two graphs of each pair, relative to their size; "
            "one point for each pair and each draw of weights. The grey bar is what the output "
            "moves by when the nodes of the same graph are numbered otherwise, its light part "
            f"{MARGIN:g} times that: what rises above it is apart.",
            figure(draw_tolerance(report.families, report.separations), _DOTS, least=_LEAST),
        ),
        section(
            "What can be counted",
            "Error of a ridge regression from the model's outputs under random weights to the "
            "number of copies of a pattern, on graphs it has not seen: 0 is exact, 1 is no better "
            "than the mean. Half of the graphs are regular. Nothing was trained but this one "
            "linear map. A bar that ends left of its orange mark is beyond 1-WL.",
            figure(draw_counting(report.counts), least=_LEAST),
        ),
        _polynomials(report),
        _heard(report),
        section(
            "Soundness",
            "The largest relative difference between answers that should be equal. Rounding stays "
            f"below the root of the unit in the last place: {_limits(report)}.",
            _soundness(report),
        ),
    ]
    sections += [section(title, "", table(rows, title)) for title, rows in report.further.items()]
    return html_page(
        f"What {report.model} tells apart",
        summary=report.describe(),
        lead=_lead(report),
        facts=_facts(report, draws),
        sections=sections,
        footer=f"Everything that is drawn follows from the seed {report.seed}.",
        report=report.to_dict(),
        version=version,
    )


def _lead(report: ModelReport) -> str:
    words = []
    if report.bracket.beyond is not None:
        words.append(f"It tells apart {report.bracket.beyond}.")
    if report.bracket.confused is not None:
        words.append(f"The first pair that it confuses: {report.bracket.confused}.")
    if report.declared:
        words.append(f"It says of itself: {report.declared}.")
    return " ".join(words)


def _facts(report: ModelReport, draws: str) -> list[tuple[str, str]]:
    low = report.bracket.at_least
    if report.bracket.rounds is not None:
        low = f"1-WL, {plural(report.bracket.rounds, 'round')}"
    high = report.bracket.at_most or f"{RUNGS[-1]} or more"
    reach = "–"
    if report.hops is not None:
        whole = report.hops >= report.hops_tried
        reach = f"{report.hops_tried} or more" if whole else plural(report.hops, "hop")
    return [
        ("at least", low),
        ("at most", high),
        ("hears", reach),
        ("is a function of graphs", "yes" if report.invariant else "no"),
        ("parameters", f"{report.num_parameters:,}"),
        ("measured", draws),
    ]


def _ladder(report: ModelReport) -> str:
    drawn = report.families, report.separations, report.bracket
    return figure(draw_ladder(*drawn), narrow=draw_ladder_upright(*drawn))


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
        lines.append(("first" if needs != before else "", row))
        before = needs
    return table_of(head, lines, "Pairs told apart in each family") + (
        '<p class="note">Pairs told apart by each test and by the model. The last column is the '
        "share of pairs and weights in the widest precision.</p>"
    )


def _dot(yes: bool) -> str:
    return f'<span role="img" aria-label="{"yes" if yes else "no"}">{"●" if yes else "○"}</span>'


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
        return section("Pairs that it confuses", words, "")
    chosen: list[int] = []
    for most in (2, _DRAWN):  # of one rung, first a few of each
        for number, (family, _, _) in enumerate(held):
            same = [other for other in chosen if held[other][0].needs == family.needs]
            if len(chosen) < _DRAWN and number not in chosen and len(same) < most:
                chosen.append(number)
    return section(
        "Pairs that it confuses",
        "One pair of each family, the easiest families of each rung. Nodes that 1-WL gives the "
        "same colour look alike; where 1-WL tells the graphs apart, in the round before it does.",
        cards([_card(*held[number]) for number in sorted(chosen)]),
    )


def _card(family: Family, found: Separation, together: list[int]) -> str:
    pair = together[0] if family.rounds else together[-1]
    one, other = (family.graphs[i] for i in family.pairs[pair])
    needs, rounds = RUNGS[family.needs], None
    if family.rounds:
        rounds = family.rounds[pair] - 1
        needs = f"1-WL after {plural(rounds + 1, 'round')}"
    more = ""
    if len(together) > 1:
        more = f" and {plural(len(together) - 1, 'other pair')} of this family"
    dtype = next(iter(found.gap))
    gap, noise = (float(held[dtype][:, pair].max()) for held in (found.gap, found.noise))
    title = html.escape(_capital(family.title))
    return figure(
        draw_pair(one, other, rounds=rounds),
        f"<b>{title}</b>{more}. First told apart by {needs.replace('-', chr(0x2011))}; "
        f"distance {two_digits(gap)}, noise {two_digits(noise)}.",
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
                "–" if row.worst is None else two_digits(row.worst),
                row.refuted_by or "",
            ]
            for row in report.polynomials
            if row.place == place
        ]
    return section(
        "Polynomials of the adjacency",
        f"All equivariant polynomials are determined up to degree {' and '.join(known)}: no two of "
        "the graphs (nodes) that were compared have the same output and different values. One that "
        "is not determined is none that a readout can give, however it is trained. Beside it, how "
        "many the operations of message passing and of PPGN compute, and how many a ridge "
        "regression gives exactly. A polynomial is written as its einsum: ab,ac,bc-> counts "
        "triangles.",
        table(rows, "Polynomials of each degree, and how many are determined"),
    )


def _heard(report: ModelReport) -> str:
    if report.hops is None:
        return section("How far a node hears", "No part of the model has a row for each node.", "")
    whole = report.hops >= report.hops_tried
    reach = "at any distance" if whole else f"up to a distance of {plural(report.hops, 'hop')}"
    return section(
        "How far a node hears, and how loudly",
        f"On a path with {report.hops_tried + 1} nodes the features of others change a node's "
        f"output {reach}. Below, the spectral norm of the Jacobian by the "
        "features at each distance, relative to its largest value: each draw of weights, their "
        f"mean, and (dashed) the power {report.influence[0].layers} of the averaging operator. "
        "What falls below the dashed line loses more across a bottleneck than averaging does.",
        figure(draw_influence(report.influence), least=_LEAST),
    )


def _limits(report: ModelReport) -> str:
    limits = report.violations[0].limit
    return ", ".join(f"{two_digits(limit)} in {dtype}" for dtype, limit in limits.items())


def _soundness(report: ModelReport) -> str:
    words = {
        "numbering": "the nodes numbered otherwise",
        "batch": "graphs one by one instead of together",
        "repetition": "the same once more",
    }
    dtypes = list(report.separations[0].gap)
    rows: list[list[str]] = [["what should change nothing", *dtypes, "verdict"]]
    for each in report.violations:
        values = [two_digits(each.by[name]) if name in each.by else "–" for name in dtypes]
        verdict = "violated" if each.violated else ("holds" if each.by else "takes no batch")
        rows.append([words[each.what], *values, verdict])
    dead = f"{100 * report.dead:.1f} %"
    names = ", ".join(report.dead_names[:8]) + (" ..." if len(report.dead_names) > 8 else "")
    tail = f" Without any in every draw: {names}." if names else ""
    return table(rows, "Largest differences between answers that should be equal") + (
        f'<p class="note">Parameters that get no gradient from random graphs and features: {dead}.'
        f"{html.escape(tail)}</p>"
    )


_DOTS = (
    '<span class="dot" style="background:var(--accent)"></span>apart'
    '<span class="dot" style="background:var(--warm);margin-left:18px"></span>not apart'
    '<span class="dot" style="background:var(--soft);opacity:.5;margin-left:18px"></span>'
    "noise of relabelling"
)
