from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.models import ForwardGNN
from graphpoly.recipes import run_recipe, trained_network
from graphpoly.training import LayerWise
from graphpoly.training.checkpoint import load_weights
from tests.stand_in import StandIn, on_nodes

SMALL = {"hidden_channels": 8, "num_layers": 3, "layer_epochs": 6, "layer_patience": 5}


@pytest.fixture
def graph(stand_in: StandIn) -> Data:
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    for name in ("cora", "cora-ml"):
        stand_in(name, on_nodes(data))
    return data


def test_published_settings() -> None:
    recipe = registry.get("recipe", "forwardgnn/citeseer-full").obj
    settings, protocol = recipe.settings, recipe.protocol
    assert (settings.variant, settings.conv, settings.hidden_channels) == ("sf", "gcn", 128)
    steps = settings.layer_steps
    assert (settings.lr, settings.weight_decay, recipe.reading.row_normalize) == (1e-3, 5e-4, True)
    assert (settings.layer_epochs * steps, settings.layer_patience * steps, steps) == (1000, 100, 2)
    assert (protocol.split, protocol.num_splits, protocol.epochs) == ("five-fold", 5, 2000)
    assert recipe.published is None


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("variant", ["sf", "ff-vn", "ff-la", "top2loss", "top2input"])
def test_any_variant_is_stopped_and_goes_on(
    variant: str, graph: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: str, *, resume: bool = False) -> float:
        outcome = run_recipe(
            "forwardgnn/cora-ml",
            out=tmp_path / folder,
            seeds=1,
            device="cpu",
            overrides={**SMALL, "variant": variant},
            resume=resume,
        )
        return outcome.experiments["ForwardGNN"].mean

    whole = run("whole")
    train_epoch = LayerWise.train_epoch
    for times in range(2):
        epochs: list[None] = []

        def stopped(task: LayerWise, *arguments: Any, epochs: list[None] = epochs) -> float:
            epochs.append(None)
            if len(epochs) == 2:
                signal.raise_signal(signal.SIGINT)
            return train_epoch(task, *arguments)

        monkeypatch.setattr(LayerWise, "train_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            run("part", resume=times > 0)
    monkeypatch.setattr(LayerWise, "train_epoch", train_epoch)
    assert run("part", resume=True) == whole
    one, other = (load_weights(tmp_path / n / "seed-0" / "checkpoint") for n in ("whole", "part"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_command_trains_and_its_network_is_found_again(graph: Data, tmp_path: Path) -> None:
    words = ["train", "ForwardGNN", "cora", "variant=sf", "split=stratified"]
    words += [f"{key}={value}" for key, value in SMALL.items()]
    done = CliRunner().invoke(app, [*words, "--seeds", "1", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    run = results["models"]["ForwardGNN"]["seeds"][0]
    assert run["stopped"] == "patience"
    net, loaded = trained_network(tmp_path / "run", root=tmp_path)
    assert isinstance(net, ForwardGNN)
    split = loaded.split("stratified", 0)
    assert torch.equal(net.labels, torch.where(split.train_mask, graph.y, -1))
    found = net.eval()(loaded.data.x, loaded.data.edge_index).argmax(1) == graph.y
    assert float(found[split.test_mask].double().mean()) == pytest.approx(run["test"])


def test_random_features_are_not_drawn_anew(graph: Data, tmp_path: Path) -> None:
    changes = {**SMALL, "rewire": "randomnodeinit", "redraw": True}
    with pytest.raises(ValueError, match="rewire: this model reads the graph once"):
        run_recipe("forwardgnn/cora-ml", out=tmp_path, seeds=1, overrides=changes)
