"""The report on an attacked network as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from graphpoly.pages import figure, html_page, plural, section, table, two_digits
from graphpoly.pages.svg import LINE, SOFT, polyline, svg, text
from graphpoly.robustness.attack import ATTACKS
from graphpoly.robustness.report import RobustnessReport

__all__ = ["robustness_page", "robustness_table"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720.0, 318.0, 46.0, 16.0, 14.0, 58.0
_CAPTION = "Accuracy against budget"


def robustness_page(report: RobustnessReport, *, version: str = "") -> str:
    """Return the page: accuracy against budget, drawn and as a table.

    Args:
        report: See :func:`~graphpoly.robustness.attack_run`.
        version: Of what made it, for the head of the page.
    """
    attack = report.attack
    lipschitz = "unknown" if report.lipschitz is None else two_digits(report.lipschitz)
    facts = [
        ("networks", str(len(report.seeds))),
        ("attack", attack.kind),
        *([("ball", attack.ball)] if attack.on_features else []),
        ("Lipschitz constant", lipschitz),
        ("length of a node's features", two_digits(report.row_length)),
    ]
    words = "Blue: accuracy on the test nodes under attack; the band is ± the deviation of seeds."
    if report.rows[-1].certified is not None:
        words += " Orange: share of the test nodes that no attack within the budget can turn."
    sections = [
        section(_CAPTION, words, figure(_drawn(report), least=520)),
        section("In numbers", _explained(report), table(robustness_table(report), _CAPTION)),
        section(
            "What this does not say",
            "The attacks know the weights and the labels and change the graph after training; a "
            "stronger one may find more, and only what is certified is certain. Graphs that are "
            "changed before training are not looked at.",
            "",
        ),
    ]
    return html_page(
        f"{report.model} on {report.dataset} under attack",
        summary=report.describe(),
        lead=f"{plural(len(report.seeds), 'trained network')}; {ATTACKS[attack.kind][0]}.",
        facts=facts,
        sections=sections,
        footer=f"Recipe {report.recipe}.",
        report=report.to_dict(),
        version=version,
    )


def robustness_table(report: RobustnessReport) -> list[list[str]]:
    """Return a row for each budget below a head, as text."""
    several = len(report.seeds) > 1
    rows = [["budget", "accuracy %", "certified %", "outputs moved", "bound"]]
    for row in report.rows:
        spread = f" ± {100 * (row.std or 0):.2f}" if several else ""
        rows.append(
            [
                f"{row.budget:g}" if report.attack.on_features else f"{100 * row.budget:g} %",
                f"{100 * row.accuracy:.2f}{spread}",
                "–" if row.certified is None else f"{100 * row.certified:.2f}",
                f"{row.moved:.3g}",
                "–" if row.bound is None else f"{row.bound:.3g}",
            ]
        )
    return rows


def _explained(report: RobustnessReport) -> str:
    words = (
        f"Budget: {_what(report)}. Moved: mean distance of a test node's outputs from where they "
        "were"
    )
    if report.rows[-1].bound is not None:
        mean = ", on average over the draws" if report.attack.kind == "random" else ""
        words += f"; the bound is what the weights and the graph allow{mean}"
    return words + "."


def _what(report: RobustnessReport) -> str:
    return "radius of the ball" if report.attack.on_features else "pairs flipped, in edges"


def _drawn(report: RobustnessReport) -> str:
    rows = report.rows
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(rows) - 1)
    places = [_LEFT + step * number for number in range(len(rows))]

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - min(1.0, max(0.0, share)) * (_HEIGHT - _BOTTOM - _TOP)

    def points(shares: Sequence[float]) -> list[tuple[float, float]]:
        return [(x, y(share)) for x, share in zip(places, shares, strict=True)]

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(share)}" y2="{y(share)}"'
        parts.append(f"<line {ends} {LINE}/>")
        parts.append(text(_LEFT - 8, y(share) + 4, f"{100 * share:g} %", "end", SOFT))
    for x, cells in zip(places, robustness_table(report)[1:], strict=True):
        parts.append(text(x, _HEIGHT - 36, cells[0], "middle", SOFT))
    parts.append(text(_WIDTH - _RIGHT, _HEIGHT - 14, f"budget: {_what(report)}", "end", SOFT))
    above = points([row.accuracy + (row.std or 0) for row in rows])
    below = points([row.accuracy - (row.std or 0) for row in rows])
    band = " ".join(f"{x:.1f},{height:.1f}" for x, height in [*above, *reversed(below)])
    parts.append(f'<polygon points="{band}" fill="var(--accent)" fill-opacity=".16"/>')
    curves = [("--accent", [row.accuracy for row in rows])]
    certified = [row.certified for row in rows if row.certified is not None]
    if len(certified) == len(rows):
        curves.append(("--warm", certified))
    for color, shares in curves:
        look = f'stroke="var({color})" stroke-width="2" stroke-linejoin="round"'
        parts.append(polyline(points(shares), look))
    return svg(_WIDTH, _HEIGHT, parts, "accuracy against budget")
