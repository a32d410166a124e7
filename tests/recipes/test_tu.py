from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import stratified_folds
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe
from tests.stand_in import StandIn, on_graphs

SMALL = {"epochs": 2, "hidden_channels": 8, "num_layers": 1}


@pytest.fixture(autouse=True)
def graphs(stand_in: StandIn) -> None:
    def ring(size: int, label: int) -> Data:
        ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
        edges = torch.cat([ahead, ahead.flip(0)], 1)
        x = torch.eye(3)[torch.full((size,), label)]
        return Data(x=x, edge_index=edges, y=torch.tensor([label]))

    rings = [ring(3 + i % 5, i % 2) for i in range(60)]
    for name in ("MUTAG", "PROTEINS"):
        stand_in(name, on_graphs(rings))


@pytest.mark.parametrize("name", ["pdf/mutag", "pdf/proteins", "mfn/mutag", "mfn/proteins"])
def test_runs_the_model_that_it_names(name: str, tmp_path: Path) -> None:
    overrides = {**SMALL, "split": "stratified"}
    outcome = run_recipe(name, out=tmp_path, seeds=1, device="cpu", overrides=overrides)
    (experiment,) = outcome.experiments.values()
    assert 0 <= experiment.mean <= 1


def test_each_seed_has_its_fold(tmp_path: Path) -> None:
    changes = {**SMALL, "lr": 0.05, "epochs": 40, "dropout": 0, "ties": "last"}
    outcome = run_recipe("mfn/mutag", seeds=[3, 13], out=tmp_path, overrides=changes)
    results = json.loads(outcome.results.read_text())
    folds = stratified_folds(torch.arange(60) % 2)
    assert {s: found["hash"] for s, found in results["splits"].items()} == {
        "3": folds[3].hash,
        "13": folds[3].hash,
    }
    runs = results["models"]["MatrixFunctionGNN"]["seeds"]
    assert [run["task"]["sizes"] for run in runs] == [{"train": 48, "val": 6, "test": 6}] * 2
    assert [run["test"] for run in runs] == [1.0] * 2  # the labels are plain to see


def test_settings_of_pdf_are_the_published_ones() -> None:
    recipe = registry.get("recipe", "pdf/enzymes").obj
    model = recipe.settings.network(Inputs(in_channels=3, out_channels=6, level="graphs"))
    assert model.convs[0].exponents == (-0.2, -0.25, -0.3, -0.35)
    assert model.convs[0].powers == tuple(range(1, 7))
    assert model.convs[0].hops is None
    assert (model.pool, model.dropout, model.layer_dropout, model.activation) == (
        "max",
        0.2,
        0.2,
        "relu",
    )
    assert (recipe.protocol.decay, recipe.protocol.decay_epochs) == (0.6, 40)
    proteins = registry.get("recipe", "pdf/proteins").obj
    assert (proteins.settings.norm, proteins.settings.pool) == (False, "mean")


def test_exponents_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="exponents: got 'a,b', expected numbers separated by"):
        registry.get("recipe", "pdf/enzymes").obj.override({"exponents": "a,b"})
