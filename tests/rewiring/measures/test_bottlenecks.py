"""The measures of many graphs are those of each, and of what NetworkX finds."""

import sys

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.rewiring.measures import (
    bottlenecks,
    curvature_statistics,
    effective_resistance,
    spectral_gap,
)
from graphpoly.rewiring.plan import side_by_side


def of_networkx(graph):
    pairs = torch.tensor(list(graph.edges), dtype=torch.long).reshape(-1, 2).T
    return Data(edge_index=torch.cat([pairs, pairs.flip(0)], 1), num_nodes=len(graph))


GRAPHS = [
    nx.empty_graph(0),
    nx.empty_graph(1),
    nx.empty_graph(4),
    nx.path_graph(7),
    nx.barbell_graph(5, 0),
    nx.disjoint_union(nx.cycle_graph(5), nx.complete_graph(4)),
    nx.disjoint_union(nx.empty_graph(1), nx.petersen_graph()),
    *(nx.gnp_random_graph(12, 0.2, seed=seed) for seed in range(6)),
]


def test_each_measure_is_that_of_the_single_graph():
    some = [of_networkx(graph) for graph in GRAPHS]
    for graph, data, found in zip(GRAPHS, some, bottlenecks(side_by_side(some)), strict=True):
        size, pairs = len(graph), data.edge_index
        assert found.edges == graph.number_of_edges()
        assert found.parts == nx.number_connected_components(graph)
        assert found.degree == max(dict(graph.degree).values(), default=0)
        assert found.gap == pytest.approx(spectral_gap(pairs, size), abs=1e-12)
        resistance = effective_resistance(pairs, size)
        joined = resistance[resistance.isfinite() & ~torch.eye(size, dtype=torch.bool)]
        if joined.numel():
            assert found.resistance == pytest.approx(float(joined.mean()), rel=1e-12)
        else:
            assert found.resistance is None
        if found.edges:
            curvature = curvature_statistics(pairs, size)
            assert (found.least, found.negative) == (curvature.least, curvature.negative)
        else:
            assert (found.least, found.negative) == (None, None)


def test_of_a_graph_too_large_for_dense_matrices_the_rest_is_measured(monkeypatch):
    monkeypatch.setattr(sys.modules[bottlenecks.__module__], "MAX_DENSE", 6)
    (found,) = bottlenecks(side_by_side([of_networkx(nx.path_graph(7))]))
    assert (found.parts, found.gap, found.resistance) == (None, None, None)
    assert (found.edges, found.degree, found.negative) == (6, 2, 0.0)
