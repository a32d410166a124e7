"""The rows of GSPN, on graphs in place of the published ones."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe
from tests.stand_in import on_graphs


@pytest.fixture
def paths(stand_in):
    """Paths with as many nodes of either label, side by side or by turns."""
    ahead = torch.tensor([[0, 1, 2], [1, 2, 3]])
    edges = torch.cat([ahead, ahead.flip(0)], 1)
    graphs = [
        Data(
            x=torch.eye(2)[[[0, 0, 1, 1], [0, 1, 0, 1]][i % 2]],
            edge_index=edges,
            y=torch.tensor([i % 2]),
        )
        for i in range(40)
    ]
    stand_in("NCI1", on_graphs(graphs))


def test_labels_that_hang_on_the_neighbors_are_learned(paths, tmp_path):
    changes = {"split": "stratified", "epochs": 20, "num_layers": 1, "hidden_channels": 4}
    outcome = run_recipe("gspn/nci1", seeds=1, out=tmp_path, overrides={**changes, "lr": 0.1})
    assert outcome.experiments["GSPN"].mean == 1.0


def test_settings_reach_the_network():
    recipe = registry.get("recipe", "gspn/nci1").obj
    inputs = Inputs(in_channels=37, out_channels=2, level="graphs")
    assert repr(recipe.settings.network(inputs)) == (
        "GSPN(37, 20, 2, num_layers=5, emission='categorical', head_channels=32, pool='add')"
    )
    assert recipe.published is None
    assert recipe.protocol.split == "gnn-comparison"
