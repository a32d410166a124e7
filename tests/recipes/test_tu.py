from __future__ import annotations

import json

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import global_add_pool

from graphpoly.data import stratified_folds
from graphpoly.recipes import Protocol, Recipe, run_recipe, tu


class Pool(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.lin = nn.Linear(features, classes)

    def forward(self, x, edge_index, batch):
        return self.lin(global_add_pool(x, batch))


def recipe(execute, **changed):
    protocol = {"split": "stratified", "num_splits": 10, "epochs": 2, **changed}
    return Recipe(
        name="pool/MUTAG",
        title="a test",
        dataset="MUTAG",
        models=("Pool",),
        metric="accuracy",
        protocol=Protocol(**protocol),
        settings=tu.GraphSettings(batch_size=8, lr=0.1),
        splits=tu.TU_SPLITS,
        paper="none",
        execute=execute,
    )


@pytest.fixture
def graphs(monkeypatch):
    made = []
    for i in range(40):
        edge_index = torch.empty(2, 0, dtype=torch.long)
        x = torch.eye(2)[torch.full((3 + i % 3,), i % 2)]
        made.append(Data(x=x, edge_index=edge_index, y=torch.tensor([i % 2])))
    monkeypatch.setattr(tu, "load_tu", lambda name, root: made)
    return made


def build(features, classes):
    model = Pool(features, classes)
    return model, torch.optim.Adam(model.parameters(), lr=0.1)


def test_each_seed_has_its_fold(graphs, tmp_path):
    calls = []

    def prepare(graph):
        calls.append(graph)
        return graph

    def execute(recipe, options):
        return tu.run_tu(recipe, options, build, prepare=prepare)

    outcome = run_recipe(recipe(execute), seeds=[0, 3, 13], out=tmp_path / "out")
    assert len(calls) == 40
    results = json.loads(outcome.results.read_text())
    folds = stratified_folds(torch.arange(40) % 2)
    assert {s: found["hash"] for s, found in results["splits"].items()} == {
        "0": folds[0].hash,
        "3": folds[3].hash,
        "13": folds[3].hash,
    }
    assert results["graph"]["features"] == 2
    assert results["graph"]["classes"] == 2
    runs = results["models"]["Pool"]["seeds"]
    assert [run["task"]["sizes"] for run in runs] == [{"train": 32, "val": 4, "test": 4}] * 3
    assert [run["test"] for run in runs] == [1.0] * 3  # the labels are plain to see
