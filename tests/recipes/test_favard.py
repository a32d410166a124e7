from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.data import csbm, make_split
from graphpoly.models.settings import Inputs
from graphpoly.recipes import run_recipe, tasks
from graphpoly.training import CheckpointError
from tests.stand_in import StandIn, on_nodes

TINY = {"epochs": 3, "patience": 2, "K": 2, "hidden_channels": 4}


def published(name: str) -> Any:
    return registry.get("recipe", name).obj


@pytest.fixture
def graph(stand_in: StandIn) -> Data:
    """Stand in for the dataset on disk: a directed graph with a self-loop."""
    data = csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)
    data.x = data.x.abs()
    keep = data.edge_index[0] < data.edge_index[1]
    data.edge_index = torch.cat([data.edge_index[:, keep], torch.tensor([[5], [5]])], dim=1)
    for name in ("chameleon", "citeseer", "actor"):
        stand_in(name, on_nodes(data))
    return data


def test_settings_are_the_published_ones() -> None:
    favard, optbasis = published("favard/citeseer"), published("optbasis/chameleon")
    assert favard.settings.groups() == {
        "linear": {"lr": 0.001, "weight_decay": 1e-6},
        "coefficient": {"lr": 0.001, "weight_decay": 1e-6},
        "basis": {"lr": 0.001, "weight_decay": 1e-8},
    }
    assert (favard.settings.K, favard.settings.dropout, favard.settings.filter_dropout) == (
        8,
        0.7,
        0.9,
    )
    assert (favard.published.mean, favard.published.interval) == (81.89, 0.63)
    assert not favard.reading.row_normalize
    assert optbasis.settings.groups() == {
        "linear": {"lr": 0.01, "weight_decay": 1e-4},
        "coefficient": {"lr": 0.01, "weight_decay": 1e-3},
    }
    assert optbasis.settings.K == 16
    assert optbasis.reading.row_normalize
    assert (optbasis.published.mean, optbasis.published.interval) == (74.26, 0.74)
    protocol = optbasis.protocol
    assert (protocol.split, protocol.num_splits, protocol.epochs, protocol.patience) == (
        "dense",
        20,
        2000,
        300,
    )


@pytest.mark.parametrize("name", ["favard/citeseer", "optbasis/citeseer"])
def test_each_role_gets_its_own_learning_rate(name: str) -> None:
    settings = published(name).override({"lr": 0.5, "lr_coefficient": 0.25}).settings
    model = settings.network(Inputs(in_channels=7, out_channels=3))
    optimizer = settings.optimizer(model)
    rates = {
        id(parameter): group["lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    named = dict(model.named_parameters())
    assert set(rates) == {id(parameter) for parameter in named.values()}
    assert rates[id(named["lin1.weight"])] == rates[id(named["lin2.bias"])] == 0.5
    assert rates[id(named["filter.theta"])] == 0.25
    if name.startswith("favard"):
        assert rates[id(named["filter.gamma"])] == rates[id(named["filter.sqrt_beta"])] == 0.001


def test_results_say_what_was_run_on_what(graph: Data, tmp_path: Path) -> None:
    outcome = run_recipe("optbasis/chameleon", out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    results = json.loads(outcome.results.read_text())
    assert outcome.results == tmp_path / "results.json"
    assert results["recipe"] == "optbasis/chameleon"
    assert results["dataset"] == "chameleon"
    assert results["protocol"]["epochs"] == 3
    assert results["settings"]["K"] == 2
    assert results["published"]["mean"] == 74.26
    # both directions of every edge, and no self-loop
    undirected = graph.edge_index.size(1) - 1
    assert results["graph"] == {"nodes": 60, "edges": 2 * undirected}
    for seed in (0, 1):
        split = make_split(graph, "dense", seed)
        assert results["splits"][str(seed)] == {"name": "dense", "index": seed, "hash": split.hash}
    found = results["models"]["OptBasisGNN"]
    tests = [run["test"] for run in found["seeds"]]
    assert len(tests) == 2
    experiment = outcome.experiments["OptBasisGNN"]
    assert experiment.mean == pytest.approx(sum(tests) / 2)
    assert found["compared"]["ours"] == pytest.approx(100 * experiment.mean)
    assert found["compared"]["difference"] == pytest.approx(100 * experiment.mean - 74.26)


def test_features_are_normalised_where_published(
    graph: Data, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = {}
    original = tasks.node_task

    def spy(data: Data, *args: Any, **kwargs: Any) -> Any:
        seen["sums"] = data.x.sum(1)
        return original(data, *args, **kwargs)

    monkeypatch.setattr(tasks, "node_task", spy)
    run_recipe("favard/chameleon", out=tmp_path / "a", seeds=1, overrides=TINY)
    torch.testing.assert_close(seen["sums"], torch.ones(60))
    run_recipe("favard/citeseer", out=tmp_path / "b", seeds=1, overrides=TINY)
    torch.testing.assert_close(seen["sums"], graph.x.sum(1))


def test_resume_adds_seeds_and_keeps_the_finished_ones(graph: Data, tmp_path: Path) -> None:
    def run(folder: str, seeds: int, *, resume: bool = False) -> dict:
        outcome = run_recipe(
            "favard/actor", out=tmp_path / folder, seeds=seeds, resume=resume, overrides=TINY
        )
        return json.loads(outcome.results.read_text())["models"]["FavardGNN"]

    first = run("a", 1)
    both = run("a", 2, resume=True)
    at_once = run("b", 2)
    assert both["seeds"][0] == first["seeds"][0]
    for resumed, undisturbed in zip(both["seeds"], at_once["seeds"], strict=True):
        assert resumed["test"] == undisturbed["test"]
        assert resumed["val_loss"] == undisturbed["val_loss"]


def test_a_finished_folder_is_left_alone(graph: Data, tmp_path: Path) -> None:
    run_recipe("favard/actor", out=tmp_path, seeds=1, overrides=TINY)
    before = (tmp_path / "results.json").read_text()
    with pytest.raises(CheckpointError, match="holds a run already"):
        run_recipe("favard/actor", out=tmp_path, seeds=1, overrides=TINY)
    with pytest.raises(CheckpointError, match="hidden_channels"):
        run_recipe(
            "favard/actor",
            out=tmp_path,
            seeds=1,
            resume=True,
            overrides={**TINY, "hidden_channels": 5},
        )
    assert (tmp_path / "results.json").read_text() == before


@pytest.mark.parametrize(("seeds", "message"), [(0, "at least 1"), ([1, 1], "distinct"), ([], "")])
def test_seeds_are_checked(seeds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"seeds: got .*{message}"):
        run_recipe("demo", seeds=seeds)
