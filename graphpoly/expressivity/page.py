"""What a dataset's levels look like, as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from graphpoly.expressivity.identify import Level, verdict
from graphpoly.pages import cards, figure, html_page, section, table
from graphpoly.pages.svg import INK, LINE, SOFT, polyline, svg, text

__all__ = ["draw_levels", "levels_page", "levels_record"]

_COLORS = {False: "var(--soft)", True: "var(--accent)"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 440, 290, 46, 44, 40
_LEAST = 340  # pixels


def levels_record(
    name: str, levels: Sequence[Level], *, num_graphs: int, num_nodes: int
) -> dict[str, Any]:
    """Return what was found, as plain values for JSON; arguments as of :func:`levels_page`."""
    return {
        "dataset": name,
        "graphs": num_graphs,
        "nodes": num_nodes,
        "levels": [asdict(level) for level in levels],
        "verdict": verdict(levels),
    }


def levels_page(
    name: str, levels: Sequence[Level], *, num_graphs: int, num_nodes: int, version: str = ""
) -> str:
    """Return the page: what can be gained, then what is identified and can be fitted by each level.

    Args:
        name: Of the dataset.
        levels: See :func:`~graphpoly.expressivity.identify`.
        num_graphs: Number of its graphs.
        num_nodes: Number of their nodes.
        version: Of what made it, for the head of the page.
    """
    single = num_graphs == 1
    what = "nodes" if single else "graphs"
    share = "node_unique" if single else "graph_unique"
    titles = {share: f"{what} identified"} | {
        bound: title
        for bound, title in (("accuracy_bound", "largest accuracy"), ("r2_bound", "largest R²"))
        if any(getattr(level, bound) is not None for level in levels)
    }
    figures = [
        figure(draw_levels(levels, key, title), least=_LEAST) for key, title in titles.items()
    ]
    record = levels_record(name, levels, num_graphs=num_graphs, num_nodes=num_nodes)
    head = ["test", "labels", f"colours of {what}", "identified", *list(titles.values())[1:]]
    rows = [head, *(_row(level, single, list(titles)) for level in levels)]
    return html_page(
        f"What refinement sees of {name}",
        summary=record["verdict"],
        lead=f"A test identifies those of the {what} whose colour nobody else has. Nothing that it "
        "bounds can fit the targets better than the majority of each colour, or its mean.",
        facts=[("graphs", f"{num_graphs:,}"), ("nodes", f"{num_nodes:,}")],
        sections=[
            section("Level by level", "", cards(figures, width=390)),
            section("In numbers", "", table(rows, f"What each test sees of {name}")),
        ],
        footer="The bounds are exact for this data, and say nothing of data that was not seen.",
        report=record,
        version=version,
    )


def draw_levels(levels: Sequence[Level], key: str, title: str) -> str:
    """Draw one quantity over the levels, with labels and without, as SVG.

    Args:
        levels: What to draw.
        key: Attribute of :class:`~graphpoly.expressivity.Level`, a share.
        title: What the quantity is called.
    """
    names = []
    for level in levels:
        if _name(level) not in names:
            names.append(_name(level))
    names.sort(key=_rank)
    x = _places(names)

    def y(value: float) -> float:
        return _TOP + (1 - value) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [text(_LEFT, 16, title, "start", INK, size=13, weight=600)]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts += [
            f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" {LINE}/>',
            text(_LEFT - 6, y(tick) + 4, f"{100 * tick:.0f} %", "end", SOFT),
        ]
    parts += [text(at, _HEIGHT - 20, name, "middle", SOFT) for name, at in x.items()]
    axis = "rounds of 1-WL, its stable colours, 2-FWL"
    parts.append(text((_LEFT + _WIDTH) / 2, _HEIGHT - 4, axis, "middle", SOFT))
    shown = [seen for seen in (False, True) if any(level.features == seen for level in levels)]
    for number, seen in enumerate(shown):
        points = [
            (x[_name(level)], y(value))
            for level in levels
            if level.features == seen and (value := getattr(level, key)) is not None
        ]
        color = _COLORS[seen]
        # where both are equal the lower line is seen on both sides of the upper one
        parts.append(polyline(points, f'stroke="{color}" stroke-width="{2 if seen else 5}"'))
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{color}"/>' for a, b in points]
        at = _WIDTH - 96 * (len(shown) - number)
        parts.append(f'<circle cx="{at}" cy="12" r="3.5" fill="{color}"/>')
        parts.append(text(at + 8, 16, "with labels" if seen else "structure only", "start", SOFT))
    return svg(_WIDTH, _HEIGHT, parts, f"{title}, level by level")


def _places(names: list[str]) -> dict[str, float]:
    """Where each level stands; words need more room than numbers."""
    steps = [0.0, *(1.0 if name.isdigit() else 2.4 for name in names[1:])]
    unit = (_WIDTH - _LEFT - 34) / max(1.0, sum(steps))
    return {name: _LEFT + 14 + unit * sum(steps[: i + 1]) for i, name in enumerate(names)}


def _name(level: Level) -> str:
    if level.test != "1-WL":
        return level.test
    return "stable" if level.rounds is None else str(level.rounds)


def _rank(name: str) -> int:
    return {"stable": 1000, "2-FWL": 1001}.get(name, int(name) if name.isdigit() else 1002)


def _row(level: Level, single: bool, shares: Sequence[str]) -> list[str]:
    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.2f} %"

    classes = level.node_classes if single else level.graph_classes
    how = "stable" if level.rounds is None else f"{level.rounds} rounds"
    return [
        f"1-WL, {how}" if level.test == "1-WL" else level.test,
        "yes" if level.features else "no",
        "–" if classes is None else f"{classes:,}",
        *(percent(getattr(level, key)) for key in shares),
    ]
