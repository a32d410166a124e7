"""The report on a rewired dataset as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.exams.rewiring import CURVATURES, MEASURES, Example, RewiringReport, Shift
from graphpoly.expressivity.drawing import draw_graph, place_nodes
from graphpoly.pages import cards, figure, html_page, plural, section, table
from graphpoly.pages.svg import INK, SOFT, svg, text

__all__ = ["rewiring_page"]

_WIDTH, _HEIGHT, _TOP, _BOTTOM, _SIDE = 400.0, 190.0, 34.0, 24.0, 8.0
_BINS = 30


@on_cpu()
def rewiring_page(report: RewiringReport, *, version: str = "") -> str:
    """Return the page: a table of before and after, distributions, and a graph to look at.

    Args:
        report: See :func:`~graphpoly.exams.run_rewiring`.
        version: Of what made it, for the head of the page.
    """
    per_graph = report.added / max(1, report.num_graphs)
    facts = [
        ("graphs", f"{report.num_graphs:,}"),
        ("changed", f"{report.changed:,}"),
        ("edges added", f"{report.added:,}"),
        ("removed", f"{report.removed:,}"),
        ("added a graph", f"{per_graph:.3g}"),
        ("deciding took", f"{report.seconds:.3g} s"),
    ]
    sections = [
        section(
            "Before and after", _words(report), table(_rows(report), "Measures before and after")
        ),
        section(
            "How far the graphs moved",
            "Grey is before, colour after; the vertical lines are the means.",
            cards(_figures(report), width=390),
        ),
    ]
    if report.example is not None:
        sections.append(_drawn(report.example))
    sections.append(
        section(
            "What this does not say",
            "A wider bottleneck is not yet a better network. Accuracies published for rewiring by "
            "curvature were found to be outliers of the search for hyperparameters (Tori, Holst "
            "and Ginis, The Effectiveness of Curvature-Based Rewiring and the Role of "
            "Hyperparameters in GNNs Revisited, 2024, arXiv:2407.09381). Train with and without it "
            f"on the same splits: graphpoly train MODEL {report.dataset} {report.method}",
            "",
        )
    )
    return html_page(
        f"{report.dataset} rewired by {report.settings['method']}",
        summary=report.describe(),
        lead=f"Settings: {report.method.partition(' ')[2]}.",
        facts=facts,
        sections=sections,
        footer="Measured on the simple undirected graphs, without loops and duplicates.",
        report=report.to_dict(),
        version=version,
    )


def _words(report: RewiringReport) -> str:
    words = (
        "The gap is the second smallest eigenvalue of the normalised Laplacian, 0 for a graph in "
        "parts; resistances are means over the pairs of nodes that a path joins; curvature is "
        "balanced Forman."
    )
    if report.num_graphs > 1:
        words += " Means over the graphs that have the measure, and in how many it rose and fell."
    return words


def _rows(report: RewiringReport) -> list[list[str]]:
    many = report.num_graphs > 1
    rows = [["measure", "before", "after", *(["rose", "fell"] if many else [])]]
    for title, shift in zip(MEASURES.values(), report.shifts, strict=True):
        row = [title[0].upper() + title[1:]]
        row += [_value(shift, shift.before), _value(shift, shift.after)]
        if many:
            row += [f"{100 * share:.0f} %" for share in (shift.rose, shift.fell)]
        rows.append(row)
    return rows


def _value(shift: Shift, value: float | None) -> str:
    if value is None:
        return "–"
    if shift.measure == "negative":
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else f"{value:.4g}"


def _figures(report: RewiringReport) -> list[str]:
    figures = [_histogram("curvature of the edges", CURVATURES, report.curvature, None)]
    for name in ("gap", "resistance", "least"):
        before, after = report.values[name]
        if len(before) < 2:
            continue
        low, high = min(before + after), max(before + after)
        if not high > low:
            continue
        edges = [low + (high - low) * i / _BINS for i in range(_BINS + 1)]
        counts = tuple(
            torch.histc(torch.tensor(some, dtype=torch.float64), _BINS, low, high).long().tolist()
            for some in (before, after)
        )
        means = sum(before) / len(before), sum(after) / len(after)
        figures.append(_histogram(f"{MEASURES[name]} of the graphs", edges, counts, means))
    return figures


def _histogram(
    title: str,
    edges: Sequence[float],
    counts: Sequence[Sequence[int]],
    means: tuple[float, float] | None,
) -> str:
    low, high, base = edges[0], edges[-1], _HEIGHT - _BOTTOM
    shares = [[count / max(1, sum(some)) for count in some] for some in counts]
    top = max(max(some) for some in shares) or 1.0

    def x(value: float) -> float:
        return _SIDE + (value - low) / (high - low) * (_WIDTH - 2 * _SIDE)

    parts = [text(_SIDE, 16, title, "start", INK, size=12.5, weight=600)]
    looks = (
        'fill="var(--soft)" fill-opacity=".28" stroke="none"',
        'fill="var(--accent)" fill-opacity=".22" stroke="var(--accent)" stroke-width="1.4"',
    )
    for some, look in zip(shares, looks, strict=True):
        path = f"M{x(low):.1f} {base}"
        for left, right, share in zip(edges, edges[1:], some, strict=False):
            y = base - share / top * (base - _TOP)
            path += f"L{x(left):.1f} {y:.1f}L{x(right):.1f} {y:.1f}"
        parts.append(f'<path d="{path}L{x(high):.1f} {base}Z" {look}/>')
    for mean, color in zip(means or (), ("--soft", "--accent"), strict=False):
        parts.append(
            f'<line x1="{x(mean):.1f}" x2="{x(mean):.1f}" y1="{_TOP - 8}" y2="{base}" '
            f'stroke="var({color})" stroke-width="1.4" stroke-dasharray="3 3"/>'
        )
    parts.append(
        f'<line x1="{_SIDE}" x2="{_WIDTH - _SIDE}" y1="{base}" y2="{base}" stroke="var(--line)"/>'
    )
    for value, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end")):
        parts.append(text(x(value), _HEIGHT - 8, f"{value:.3g}", anchor, SOFT))
    return figure(svg(_WIDTH, _HEIGHT, parts, f"{title}, before and after"))


def _drawn(example: Example) -> str:
    count = len(example.nodes)
    held = torch.tensor([*example.edges, *example.removed], dtype=torch.int64).reshape(-1, 2).T
    pairs = torch.cat([held, held.flip(0)], 1)
    places = place_nodes(Data(edge_index=pairs, num_nodes=count))
    size, gap = 420.0, 60.0
    fills = ["var(--ink)"] * count
    plain, gone, new = (
        'stroke="var(--edge)" stroke-width="1.2"',
        'stroke="var(--warm)" stroke-width="1.8"',
        'stroke="var(--accent)" stroke-width="1.8"',
    )
    parts = draw_graph(places, [(plain, example.edges), (gone, example.removed)], fills, 0.0, size)
    parts += draw_graph(
        places, [(new, example.added), (plain, example.edges)], fills, size + gap, size
    )
    # no taller than the graph
    top, base = (size / 2 * (1 + side(y for _, y in places)) for side in (min, max))
    above = max(0.0, top - _SIDE)
    parts = [f'<g transform="translate(0 {-above:.1f})">', *parts, "</g>"]
    whole = count == example.of
    shown = "All" if whole else f"{count} of its"
    caption = (
        f"Graph {example.graph}, the changed one whose size is nearest to the median. "
        f"{shown} {plural(example.of, 'node')}"
        f"{'' if whole else ', around the first change'}; before on the left, after on the right. "
        f"Added: {len(example.added)} edges, blue. Removed: {len(example.removed)}, orange."
    )
    height = min(size, base + _SIDE) - above
    drawing = svg(2 * size + gap, height, parts, "a graph before and after")
    return section("One graph", caption, figure(drawing))
