from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from graphpoly.expressivity import ModelReport, analyze_model, ladder_families, model_page
from graphpoly.expressivity.ladder_figure import draw_ladder
from graphpoly.expressivity.model_figures import draw_counting, draw_tolerance
from tests.expressivity.models import Constant, Gcn, Walks


@pytest.fixture(scope="module")
def report() -> ModelReport:
    families = ladder_families()
    return analyze_model(
        Walks, name="<walks>", weights=2, graphs=40, families=families, declared="2-FWL"
    )


def test_the_page_stands_alone_and_carries_its_numbers(report) -> None:
    page = model_page(report)
    assert "What &lt;walks&gt; tells apart" in page
    for word in ("src=", "href=", "http", "@import", "url("):
        assert word not in page.replace("http://www.w3.org", "")
    embedded = page.split('id="report">')[1].split("</script>")[0]
    assert json.loads(embedded) == json.loads(json.dumps(report.to_dict()))
    for figure in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(figure)
    assert "No part of the model has a row for each node" in page
    # one line a family
    assert page.count('<th scope="row">A star, and a square and a node</th>') == 1


def test_a_square_for_each_pair_filled_where_it_is_apart(report) -> None:
    drawn = ET.fromstring(draw_ladder(report.families, report.separations, report.bracket))
    squares = [one for one in drawn.iter("rect") if one.find("title") is not None]
    assert len(squares) == sum(len(family.pairs) for family in report.families)
    filled = [one for one in squares if one.get("fill") == "var(--accent)"]
    assert len(filled) == sum(int(each.separated().sum()) for each in report.separations)


def test_points_above_the_noise_are_those_apart(report) -> None:
    drawn = ET.fromstring(draw_tolerance(report.families, report.separations))
    points = list(drawn.iter("circle"))
    roofs = sorted(float(one.get("y")) for one in drawn.iter("rect"))
    first = roofs[0]  # of the noise in float64, the highest
    apart = [one for one in points if one.get("fill") == "var(--accent)"]
    assert apart
    assert min(float(one.get("cy")) for one in apart) < first


def test_bars_are_as_long_as_the_errors(report) -> None:
    drawn = ET.fromstring(draw_counting(report.counts))
    bars = [float(one.get("width")) for one in drawn.iter("rect") if one.get("height") == "14"]
    assert len(bars) == len(report.counts)
    errors = [each.graph for each in report.counts]
    assert max(zip(bars, errors, strict=True))[1] == max(errors)


def test_the_extremes_are_drawn_as_well() -> None:
    families = ladder_families()
    for model in (Constant, lambda: Gcn(1)):
        page = model_page(analyze_model(model, weights=1, graphs=40, families=families))
        assert "nan" not in re.sub(r"<script.*</script>", "", page, flags=re.DOTALL)
