from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import Loaded, csbm, root_neighbors
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe
from tests.stand_in import StandIn, on_nodes

TINY = {"epochs": 2, "hidden_channels": 4, "num_layers": 2}


def published(name: str) -> Any:
    return registry.get("recipe", name).obj


def test_settings_and_figures() -> None:
    # actions by sums, which see degrees; features by means, which the labels are
    mixed = published("cognn-sum-mean/root-neighbors")
    assert (mixed.settings.action_base, mixed.settings.base) == ("sum", "mean")
    assert (mixed.published.mean, mixed.metric, mixed.published.unit) == (0.079, "mae", "")
    assert published("sumgnn/root-neighbors").settings.actions == "standard"
    assert published("meangnn/root-neighbors").settings.base == "mean"
    assert published("cognn/cycles").settings.eval_mode == "sample"
    mines = published("cognn/minesweeper")
    assert (mines.published.mean, mines.metric, mines.protocol.num_splits) == (97.31, "rocauc", 10)
    assert (mines.settings.base, mines.settings.action_base) == ("mean", "mean")


def test_settings_become_the_network() -> None:
    settings = published("cognn-sum-mean/root-neighbors").settings
    model = settings.network(Inputs(in_channels=5, out_channels=3))
    optimizer = settings.optimizer(model)
    assert repr(model) == "CoGNN(5, 32, 3, 1, base='mean', action_base='sum', dropout=0.0)"
    assert optimizer.param_groups[0]["lr"] == 3e-3


@pytest.mark.parametrize("name", ["cognn-sum-mean", "sumgnn"])
def test_a_smaller_error_is_better(name: str, stand_in: StandIn, tmp_path: Path) -> None:
    data, split = root_neighbors(20, seed=0)

    def load(root: object, reading: object, seed: int) -> Loaded:
        sizes = {"num_features": data.num_node_features, "num_outputs": data.y.size(1)}
        return Loaded(data=data, split=lambda name, seed: split, facts={}, **sizes)

    stand_in("root-neighbors", load)
    recipe = f"{name}/root-neighbors"
    outcome = run_recipe(recipe, out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    found = json.loads(outcome.results.read_text())
    compared = found["models"]["CoGNN"]["compared"]
    assert compared["ours"] > compared["published"]
    assert not compared["reached"]
    assert found["splits"]["0"] == found["splits"]["1"]
    assert found["splits"]["0"]["hash"] == split.hash


def test_cycles(tmp_path: Path) -> None:
    outcome = run_recipe("cognn/cycles", out=tmp_path, seeds=1, device="cpu", overrides=TINY)
    found = json.loads(outcome.results.read_text())
    sizes = found["models"]["CoGNN"]["seeds"][0]["task"]["sizes"]
    assert sizes == {"train": 512, "val": 512, "test": 512}
    run = found["models"]["CoGNN"]["seeds"][0]
    assert {run["test"], run["val"]} <= {i / 512 for i in range(513)}


def test_heterophilous_graphs_take_their_splits_in_turn(stand_in: StandIn, tmp_path: Path) -> None:
    data: Data = csbm(40, 4.0, 6, phi=0.5, epsilon=1.0, seed=1)
    part = torch.rand(40, 10, generator=torch.Generator().manual_seed(0))
    data.train_mask, data.test_mask = part < 0.4, part > 0.7
    data.val_mask = ~(data.train_mask | data.test_mask)
    stand_in("tolokers", on_nodes(data))
    outcome = run_recipe("cognn/tolokers", out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    splits = json.loads(outcome.results.read_text())["splits"]
    assert [splits[str(i)]["index"] for i in range(2)] == [0, 1]
