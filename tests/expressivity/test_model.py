from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch_geometric.nn import GCN

from graphpoly.expressivity import ModelReport, Probe, analyze_model, ladder_families
from tests.expressivity.models import Constant, Gcn, Gin, Numbered, Walks


def analyze(model) -> ModelReport:
    return analyze_model(model, weights=2, graphs=40, families=ladder_families())


def test_all_that_is_measured_fits_together() -> None:
    report = analyze(lambda: Gin(3))
    assert report.describe() == "at least 3 rounds of 1-WL, at most 1-WL on these families"
    assert report.bracket.confused == "pairs of paths, 1 to 8 rounds apart: after 4 rounds"
    assert (report.hops, report.level, report.invariant, report.dead) == (3, "graph", True, 0)
    assert report.num_parameters == sum(p.numel() for p in Gin(3).parameters())
    assert [each.layers for each in report.influence] == [3, 3, 3]
    held = json.loads(json.dumps(report.to_dict()))
    paths = next(row for row in held["families"] if row["name"] == "paths")
    assert (paths["pairs"], paths["float64"]["separated"]) == (8, 3)
    assert held["counts"][0]["pattern"] == "path3"


def test_rows_of_nodes_are_added_up() -> None:
    probe = Probe(lambda: Gcn(2))
    assert (probe.level, probe.in_channels, probe.takes) == ("node", 4, ("batch",))
    assert analyze(lambda: Gcn(2)).hops == 2


def test_what_is_no_function_of_graphs_is_said_first() -> None:
    report = analyze(Numbered)
    assert not report.invariant
    assert report.describe() == "depends on the numbering: no function of graphs"


def test_walks_are_beyond_and_short_of_refinement() -> None:
    report = analyze(Walks)
    assert report.describe() == "at least nothing, at most 2-FWL on these families"
    assert report.bracket.beyond == "a hexagon and two triangles"
    assert report.hops is None
    assert report.influence == []


def test_weights_that_are_given_are_kept() -> None:
    module = Gin(2)
    probe = Probe(module)
    assert probe.trained
    assert probe.draws(5) == 1
    held = probe.draw(3).state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(held[name], value.double(), rtol=0, atol=0)
    # those of a factory differ from draw to draw, and not from run to run
    first, second = (Probe(Gin).draw(i).head[0].weight for i in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, Probe(Gin).draw(0).head[0].weight)


class Narrow(nn.Module):
    """Knows one precision alone."""

    def __init__(self) -> None:
        super().__init__()
        self.in_channels = 1
        self.register_buffer("weight", torch.ones(1, 2))

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        return x @ torch.ones(1, 2)


def test_models_of_one_precision() -> None:
    assert Probe(Narrow).dtypes == (torch.float32,)


def test_mistakes_are_named() -> None:
    with pytest.raises(TypeError, match="model: got int, expected a factory"):
        Probe(3)
    with pytest.raises(ValueError, match="rows for 2 graphs with 11 nodes"):
        Probe(lambda: lambda x, edge_index, batch: x[:3])
    with pytest.raises(ValueError, match="GCN: cached=True holds one graph"):
        analyze_model(lambda: GCN(1, 8, 2, 4, cached=True))
    with pytest.raises(ValueError, match="needs positions"):
        Probe(lambda: lambda x, edge_index, positions: x)
    assert Probe(Constant).in_channels == 1
