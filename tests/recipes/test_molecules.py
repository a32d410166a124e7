from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.models.settings import AssociationSettings
from graphpoly.models.settings.base import Inputs
from graphpoly.recipes import run_recipe
from tests.models.test_molecule_gnn import molecule
from tests.stand_in import StandIn, on_graphs

TINY = {"epochs": 2, "hidden_channels": 4, "num_layers": 2, "batch_size": 4}


@pytest.fixture
def dataset(stand_in: StandIn) -> None:
    graphs: list[Data] = []
    for seed in range(20):
        graph = molecule(seed, 3 + seed % 4)
        graph.y = torch.tensor([[seed % 2]])
        graphs.append(graph)
    stand_in("ogbg-molhiv", on_graphs(graphs, num_outputs=1, categories="ogb"))


@pytest.mark.parametrize("name", ["gin", "gcn"])
def test_runs(name: str, dataset: None, tmp_path: Path) -> None:
    outcome = run_recipe(f"{name}/ogbg-molhiv", out=tmp_path, seeds=1, overrides=TINY)
    results = json.loads(outcome.results.read_text())
    assert results["metric"] == "rocauc"
    assert results["settings"]["conv"] == name
    assert 0 <= outcome.experiments["MoleculeGNN"].mean <= 1


def test_settings_are_those_of_the_example_script() -> None:
    gin = registry.get("recipe", "gin/ogbg-molhiv").obj
    assert (gin.settings.num_layers, gin.settings.hidden_channels) == (5, 300)
    assert (gin.protocol.batch_size, gin.settings.lr, gin.settings.dropout) == (32, 1e-3, 0.5)
    assert (gin.protocol.epochs, gin.protocol.patience, gin.protocol.num_splits) == (100, None, 10)
    assert (gin.published.mean, gin.published.interval) == (0.7558, 0.0140)
    gcn = registry.get("recipe", "gcn/ogbg-molhiv").obj
    assert (gcn.published.mean, gcn.published.interval) == (0.7606, 0.0097)


def test_proteins_have_those_of_their_own_script() -> None:
    for name in ("gin/ogbg-ppa", "gin/ogbg-ppa-virtual"):
        recipe = registry.get("recipe", name).obj
        settings, protocol = recipe.settings, recipe.protocol
        assert recipe.models == ("AssociationGNN",)
        assert (settings.num_layers, settings.hidden_channels, settings.dropout) == (5, 300, 0.5)
        assert (protocol.batch_size, settings.lr, protocol.epochs) == (32, 1e-3, 100)
        assert settings.virtual_node is name.endswith("virtual")
        assert recipe.published is None


def test_proteins_need_numbers_of_edges() -> None:
    with pytest.raises(ValueError, match="has no features of edges, which this model reads"):
        AssociationSettings().network(Inputs(in_channels=1, out_channels=2))
