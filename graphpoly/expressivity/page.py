"""What a dataset's levels look like, as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Sequence

from graphpoly.expressivity.identify import Level

__all__ = ["draw_levels", "levels_page"]

_INK, _SOFT, _LINE = "#22262b", "#626a73", "#e3e6e9"
_COLORS = {False: "#7a8088", True: "#3b4cc0"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 440, 290, 46, 44, 40


def levels_page(name: str, levels: Sequence[Level], *, num_graphs: int, num_nodes: int) -> str:
    """Return the page: what is identified and what can be fitted, level by level.

    Args:
        name: Of the dataset.
        levels: See :func:`~graphpoly.expressivity.identify`.
        num_graphs: Number of its graphs.
        num_nodes: Number of their nodes.
    """
    single = num_graphs == 1
    share = "node_unique" if single else "graph_unique"
    what = "nodes" if single else "graphs"
    figures = [draw_levels(levels, share, f"{what} identified")]
    for bound, title in (("accuracy_bound", "largest accuracy"), ("r2_bound", "largest R²")):
        if any(getattr(level, bound) is not None for level in levels):
            figures.append(draw_levels(levels, bound, title))
    rows = "\n".join(_row(level, single) for level in levels)
    return _PAGE.format(
        name=html.escape(name),
        what=what,
        graphs=f"{num_graphs:,}",
        nodes=f"{num_nodes:,}",
        figures="\n".join(f"<div>{figure}</div>" for figure in figures),
        rows=rows,
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

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)}" '
        f'font-family="Inter, Segoe UI, Helvetica Neue, Arial, sans-serif" font-size="11">',
        f'<text x="{_LEFT}" y="16" font-size="13" font-weight="600" fill="{_INK}">'
        f"{html.escape(title)}</text>",
    ]
    parts += [
        f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
        f'stroke="{_LINE}"/><text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end" '
        f'fill="{_SOFT}">{100 * tick:.0f} %</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [
        f'<text x="{at:.1f}" y="{_HEIGHT - 20}" text-anchor="middle" fill="{_SOFT}">{name}</text>'
        for name, at in x.items()
    ]
    parts.append(
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle" '
        f'fill="{_SOFT}">rounds of 1-WL, its stable colours, 2-FWL</text>'
    )
    shown = [seen for seen in (False, True) if any(level.features == seen for level in levels)]
    for number, seen in enumerate(shown):
        points = [
            (x[_name(level)], y(value))
            for level in levels
            if level.features == seen and (value := getattr(level, key)) is not None
        ]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        color = _COLORS[seen]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{color}"/>' for a, b in points]
        at = _WIDTH - 96 * (len(shown) - number)
        word = "with labels" if seen else "structure only"
        parts.append(
            f'<circle cx="{at}" cy="12" r="3.5" fill="{color}"/>'
            f'<text x="{at + 8}" y="16" fill="{_SOFT}">{word}</text>'
        )
    return "".join(parts) + "</svg>"


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


def _row(level: Level, single: bool) -> str:
    def percent(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.2f} %"

    classes = level.node_classes if single else level.graph_classes
    unique = level.node_unique if single else level.graph_unique
    bound = level.accuracy_bound if level.accuracy_bound is not None else level.r2_bound
    how = "stable" if level.rounds is None else f"{level.rounds} rounds"
    cells = [
        f"1-WL, {how}" if level.test == "1-WL" else level.test,
        "yes" if level.features else "no",
        "–" if classes is None else f"{classes:,}",
        percent(unique),
        percent(bound),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>graphpoly: what refinement sees of {name}</title>
<style>
  body {{ margin: 0; background: #f5f6f7; color: #22262b;
    font: 16px/1.55 Inter, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
  main {{ max-width: 980px; margin: 0 auto; padding: 44px 24px 64px; }}
  h1 {{ font-size: 28px; line-height: 1.2; margin: 0 0 10px; }}
  p {{ color: #626a73; max-width: 72ch; }}
  section {{ background: #fff; border: 1px solid #e3e6e9; border-radius: 10px;
    padding: 20px 24px; margin-top: 20px; }}
  .pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 24px; }}
  svg {{ display: block; width: 100%; height: auto; }}
  table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
  th {{ font-weight: 500; font-size: 13px; color: #626a73; text-align: right; }}
  td {{ text-align: right; padding: 7px 0; border-top: 1px solid #e3e6e9; }}
  th:first-child, td:first-child {{ text-align: left; }}
</style>
</head>
<body>
<main>
<h1>What refinement sees of {name}</h1>
<p>{graphs} graphs, {nodes} nodes. A test identifies those of the {what} whose colour nobody else
has. Nothing that it bounds can fit the targets better than the majority of each colour, or its
mean.</p>
<section><div class="pair">
{figures}
</div></section>
<section><table>
<thead><tr><th>test</th><th>labels</th><th>colours of {what}</th><th>identified</th>
<th>bound</th></tr></thead>
<tbody>
{rows}
</tbody></table></section>
</main>
</body>
</html>
"""
