from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

import networkx as nx
import pytest

from graphpoly.expressivity import cycle_pair, hard_pair, of_networkx, path_pair
from graphpoly.expressivity.drawing import draw_pair, place_nodes


def test_circulant_graphs_stand_on_a_circle() -> None:
    for x, y in place_nodes(cycle_pair(4)[0]):
        assert math.hypot(x, y) == pytest.approx(1)


@pytest.mark.parametrize("name", ["sr16622", "k33-prism", "molecules", "cfi-k3", "regular"])
def test_nodes_keep_apart_and_within_the_frame(name) -> None:
    pair = hard_pair(name) if name != "regular" else cycle_pair(3, 4)
    for data in pair:
        places = place_nodes(data)
        assert max(abs(value) for place in places for value in place) <= 1 + 1e-9
        assert min(math.dist(a, b) for a, b in itertools.combinations(places, 2)) > 0.1


def test_a_symmetry_is_shown() -> None:
    # of the Shrikhande graph eight nodes each stand on two circles
    places = place_nodes(hard_pair("sr16622")[1])
    radii = sorted(round(math.hypot(x, y), 6) for x, y in places)
    assert len(set(radii)) == 2
    assert radii[7] == radii[0] < radii[8]


def test_paths_lie_one_above_another_to_scale() -> None:
    places = place_nodes(path_pair(3)[1])
    assert {round(y, 6) for _, y in places} == {-0.25, 0.25}
    steps = {round(abs(a[0] - b[0]), 6) for a, b in itertools.pairwise(sorted(places[4:]))}
    assert len(steps) == 1


def test_alike_is_what_refinement_takes_for_alike() -> None:
    one, other = path_pair(3)
    for rounds, kinds in ((0, 1), (1, 2), (2, 3)):
        drawn = ET.fromstring(draw_pair(one, other, rounds=rounds))
        fills = [circle.get("fill") for circle in drawn.iter("circle")]
        assert len(set(fills)) == kinds
        assert sorted(fills[:10]) == sorted(fills[10:])
    drawn = ET.fromstring(draw_pair(one, other))
    assert len(list(drawn.iter("line"))) == 16


def test_empty_graphs_and_single_nodes() -> None:
    assert place_nodes(of_networkx(nx.empty_graph(1))) == [(0, 0)]
    assert place_nodes(of_networkx(nx.empty_graph(0))) == []
    assert len(place_nodes(of_networkx(nx.empty_graph(5)))) == 5
