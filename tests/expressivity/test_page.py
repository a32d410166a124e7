from __future__ import annotations

import xml.etree.ElementTree as ET

from graphpoly.expressivity import draw_levels, hard_pair, identify, levels_page


def test_the_page_shows_each_level() -> None:
    levels = identify(list(hard_pair("hexagon")))
    page = levels_page("two <rings>", levels, num_graphs=2, num_nodes=12)
    assert "two &lt;rings&gt;" in page
    assert page.count("<tr>") == 1 + len(levels)
    assert "100.00 %" in page
    assert "src=" not in page
    assert "href=" not in page


def test_points_lie_at_their_values() -> None:
    levels = identify(list(hard_pair("hexagon")))
    drawn = ET.fromstring(draw_levels(levels, "graph_unique", "identified"))
    points = [float(one.get("cy")) for one in drawn.iter("circle") if one.get("r") == "3.2"]
    assert len(points) == len(levels) == 3
    assert points[0] == points[1] > points[2]
