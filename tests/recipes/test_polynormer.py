from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import csbm
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe
from tests.stand_in import StandIn, on_nodes

SMALL = {"epochs": 4, "warm_up": 2, "hidden_channels": 4, "heads": 2, "local_layers": 2}


@pytest.fixture
def graph(stand_in: StandIn) -> Data:
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    masks = torch.arange(60).unsqueeze(1) % 4 + torch.arange(10)
    data.train_mask, data.val_mask, data.test_mask = masks % 4 < 2, masks % 4 == 2, masks % 4 == 3
    for name in ("minesweeper", "photo"):
        stand_in(name, on_nodes(data))
    return data


@pytest.mark.parametrize("name", ["polynormer/minesweeper", "polynormer/photo"])
def test_both_stages_run(name: str, graph: Data, tmp_path: Path) -> None:
    outcome = run_recipe(name, out=tmp_path, seeds=1, device="cpu", overrides=SMALL)
    assert 0 <= outcome.experiments["Polynormer"].mean <= 1


def test_reads_features_as_the_published_code_does() -> None:
    """It divides the rows of Amazon's graphs by their sums, and leaves the others as they are."""
    for name, expected in (("computers", True), ("photo", True), ("minesweeper", False)):
        recipe = registry.get("recipe", f"polynormer/{name}").obj
        assert recipe.reading.row_normalize is expected, name


def test_starts_locally_on_a_graph_with_self_loops(graph: Data) -> None:
    settings = registry.get("recipe", "polynormer/tolokers").obj.settings
    prepared = settings.prepare(graph)
    assert prepared.num_edges == graph.num_edges + 60
    model = settings.network(Inputs(in_channels=12, out_channels=2, data=prepared))
    optimizer = settings.optimizer(model)
    assert model.stage == "local"
    assert (model.hidden_channels, model.conv.heads, model.conv.beta) == (960, 16, 0.1)
    assert optimizer.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("weighted", [False, True])
def test_no_node_has_two_self_loops(weighted: bool, graph: Data) -> None:
    """Also where those of the graph are kept (``self_loops=true``), twice some of them."""
    loops = torch.tensor([[3, 5, 5], [3, 5, 5]])
    graph.edge_index = torch.cat([loops, graph.edge_index], 1)
    if weighted:
        graph.edge_weight = torch.rand(graph.num_edges)
    prepared = registry.get("recipe", "polynormer/photo").obj.settings.prepare(graph)
    source, target = prepared.edge_index
    assert torch.equal(source[source == target].sort().values, torch.arange(60))
    assert (source != target).sum() == graph.num_edges - 3
