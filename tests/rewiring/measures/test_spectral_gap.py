import math

import networkx as nx
import pytest

from graphpoly.rewiring.measures import spectral_gap
from tests.rewiring.graphs import edges, gap, random_graphs


def test_closed_forms():
    for n in (3, 5, 8):
        assert spectral_gap(edges(nx.cycle_graph(n))) == pytest.approx(
            1 - math.cos(2 * math.pi / n)
        )
        assert spectral_gap(edges(nx.complete_graph(n))) == pytest.approx(n / (n - 1))
        path = spectral_gap(edges(nx.path_graph(n)), normalization="none")
        assert path == pytest.approx(2 - 2 * math.cos(math.pi / n))


def test_brute_force_and_parts():
    for graph in random_graphs(40, 12, seed=2):
        found = spectral_gap(edges(graph), len(graph))
        if nx.is_connected(graph):
            assert found == pytest.approx(gap(graph), abs=1e-10)
            plain = spectral_gap(edges(graph), len(graph), normalization="none")
            assert plain == pytest.approx(
                nx.algebraic_connectivity(graph, method="lanczos"), abs=1e-5
            )
        else:
            assert found == 0
    assert spectral_gap(edges(nx.path_graph(3)), 4) == 0
    assert spectral_gap(edges(nx.empty_graph(1)), 1) == 0


def test_large_graphs():
    n = 1200
    graph = nx.circulant_graph(n, [1, 300, 500])
    expected = min(
        1 - sum(math.cos(2 * math.pi * j * s / n) for s in (1, 300, 500)) / 3 for j in range(1, n)
    )
    assert spectral_gap(edges(graph)) == pytest.approx(expected, abs=1e-8)
    plain = spectral_gap(edges(graph), normalization="none")
    assert plain == pytest.approx(6 * expected, abs=1e-7)


def test_long_graphs():
    """Whose small eigenvalues lie close together, where a Lanczos iteration takes for ever."""
    n = 1100
    for graph, angle in ((nx.path_graph(n), math.pi / n), (nx.cycle_graph(n), 2 * math.pi / n)):
        plain = spectral_gap(edges(graph), normalization="none")
        assert plain == pytest.approx(4 * math.sin(angle / 2) ** 2, rel=1e-6)
    path = spectral_gap(edges(nx.path_graph(n)))
    assert path == pytest.approx(2 * math.sin(math.pi / (n - 1) / 2) ** 2, rel=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="normalization"):
        spectral_gap(edges(nx.path_graph(3)), normalization="rw")
