from __future__ import annotations

import pytest
import torch

from graphpoly.expressivity import (
    GraphSet,
    Probe,
    count_patterns,
    counting_errors,
    counting_graphs,
    wl_colors,
)
from graphpoly.expressivity.counting import ridge_errors
from tests.expressivity.models import Constant, Gin, Walks


def test_half_of_the_graphs_are_regular() -> None:
    graphs = counting_graphs(20, seed=1)
    for number, data in enumerate(graphs):
        degrees = torch.bincount(data.edge_index[0], minlength=data.num_nodes)
        assert number % 2 == 0 or len(set(degrees.tolist())) == 1
        assert data.num_edges % data.num_nodes == 0


def test_a_linear_map_is_found_exactly_and_noise_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(90, 20, generator=generator, dtype=torch.float64)
    noise = torch.randn(90, 1, generator=generator, dtype=torch.float64)
    test, alone = torch.arange(90) % 3 == 0, torch.arange(90)
    targets = torch.cat([x @ torch.ones(20, 1).double() + 3, noise, torch.ones(90, 1)], 1)
    exact, useless, same = ridge_errors(x, targets, test, alone).tolist()
    assert exact < 1e-9
    assert 0.9 < useless < 1.2
    assert same == 0
    assert ridge_errors(torch.ones(90, 2), targets, test, alone)[0] == 1


def test_errors_are_those_of_the_closed_form() -> None:
    # with one ridge that is next to nothing it is least squares
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    y = (x[:, 0] * 2 - x[:, 2]).unsqueeze(1) + 1e-3 * torch.randn(60, 1, generator=generator)
    test = torch.arange(60) >= 45
    ones = torch.ones(60, 1, dtype=torch.float64)
    design = torch.cat([x, ones], 1)
    weight = torch.linalg.lstsq(design[~test], y[~test]).solution
    expected = (y[test] - design[test] @ weight).norm() / (y[test] - y[~test].mean()).norm()
    found = ridge_errors(x, y, test, torch.arange(60))
    assert abs(float(found) - float(expected)) < 2e-4


def test_closed_walks_count_triangles_exactly() -> None:
    found = {each.pattern: each for each in counting_errors(Probe(Walks), repeats=1, count=120)}
    assert found["triangle"].graph < 1e-6
    assert found["triangle"].node is None
    assert found["triangle"].graph_degrees > 0.2


def test_no_answer_of_refinement_is_better_than_its_bound() -> None:
    found = counting_errors(Probe(lambda: Gin(3)), ("path3", "triangle"), repeats=1, count=160)
    wedges, triangles = found
    assert wedges.graph < 0.1
    assert wedges.graph_wl == wedges.node_wl == 0
    assert wedges.graph_degrees < 1e-6
    # on regular graphs it has to guess
    assert triangles.graph_wl > 0.1
    assert triangles.graph > 0.5 * triangles.graph_wl


def test_the_bound_is_the_spread_within_colours() -> None:
    graphs = counting_graphs(60, seed=0)
    (found,) = counting_errors(Probe(Constant), ("triangle",), repeats=1, count=60)
    total, _ = count_patterns(graphs, "triangle")
    colors, y = wl_colors(GraphSet.of(graphs)).graph, total.double()
    within = sum((y[colors == c] - y[colors == c].mean()).square().sum() for c in colors.unique())
    expected = (within / (y - y.mean()).square().sum()).sqrt()
    assert found.graph_wl == pytest.approx(float(expected))
    assert found.graph == pytest.approx(1, abs=0.1)
