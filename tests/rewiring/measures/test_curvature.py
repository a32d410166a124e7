import math

import networkx as nx
import pytest

from graphpoly.rewiring.measures import curvature_statistics
from tests.rewiring.graphs import edges


def test_a_clique_with_a_path():
    """Four edges at 4/3 - ... are told by hand: a triangle with a pendant path."""
    graph = nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)])
    found = curvature_statistics(edges(graph))
    # (0,1): 2/2 + 2/2 - 2 + 1 + 1/2; (0,2), (1,2): 1 + 2/3 - 2 + 2/3 + 1/2; (2,3): 2/3 + 1 - 2
    values = [1.5, 5 / 6, 5 / 6, -1 / 3, 0.0]
    mean = sum(values) / 5
    assert found.least == pytest.approx(-1 / 3)
    assert found.most == pytest.approx(1.5)
    assert found.mean == pytest.approx(mean)
    assert found.spread == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 5))
    assert found.negative == pytest.approx(0.2)


def test_no_edges_and_unknown_kinds():
    assert all(map(math.isnan, curvature_statistics(edges(nx.empty_graph(3)), 3)))
    with pytest.raises(ValueError, match="did you mean 'ollivier_ricci'"):
        curvature_statistics(edges(nx.path_graph(3)), kind="olivier_ricci")
