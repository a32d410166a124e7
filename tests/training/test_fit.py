"""The loop: which epoch is best, when it stops, what it reports and where it refuses to write."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
import yaml
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

from graphpoly.training import CheckpointError, NodeTask, TrainConfig, fit
from graphpoly.training.run_directory import lock

from .scripted import ScriptedTask, counter, nan


def play(task, config, **options):
    model, optimizer = counter()
    return fit(model, task, optimizer, config, **options), model


@pytest.mark.parametrize(
    ("val", "patience", "min_epochs", "best", "epochs"),
    [
        # strictly better only: the tie at 4 neither replaces epoch 2 nor renews the patience
        ([0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9], 3, 0, 2, 5),
        # the first epoch counts as an improvement
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 4, 0, 1, 5),
        # an improvement on the last epoch of the patience renews it
        ([0.1, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.9], 3, 0, 4, 7),
        # min_epochs holds patience back, and what is found meanwhile counts
        ([0.5, 0.1, 0.1, 0.1, 0.6, 0.1, 0.1, 0.9], 2, 5, 5, 7),
        ([0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9], 2, 5, 1, 5),
        # no patience: all epochs
        ([0.1, 0.2, 0.1, 0.1, 0.1], None, 0, 2, 5),
        # scores that are not finite are never the best
        ([nan, 0.2, nan, math.inf, 0.1, 0.1], 3, 0, 2, 5),
    ],
)
def test_early_stopping_is_exact(val, patience, min_epochs, best, epochs):
    config = TrainConfig(epochs=len(val), patience=patience, min_epochs=min_epochs)
    result, model = play(ScriptedTask(val), config)
    assert (result.best_epoch, result.epochs) == (best, epochs)
    assert result.val == val[best - 1]
    # scores are those of the restored weights, not the best or the last of the history
    assert (result.train, result.test) == (100 + best, 200 + best)
    assert model.weight.item() == best
    assert result.stopped == ("patience" if epochs < len(val) else "epochs")
    assert result.num_parameters == 1


def test_smaller_is_better():
    task = ScriptedTask([0.5, 0.2, 0.3, 0.2, 0.4], maximize=False)
    result, _ = play(task, TrainConfig(epochs=5, patience=3))
    assert (result.best_epoch, result.epochs, result.val) == (2, 5, 0.2)


def test_monitor_loss():
    task = ScriptedTask([0.9, 0.1, 0.2, 0.3], val_loss=[3.0, 2.0, 1.0, 1.0])
    result, _ = play(task, TrainConfig(epochs=4, monitor="loss"))
    assert (result.best_epoch, result.val, result.val_loss) == (3, 0.2, 1.0)


def test_patience_on_the_last_epoch_is_reported_as_the_end():
    result, _ = play(ScriptedTask([0.5, 0.1, 0.1]), TrainConfig(epochs=3, patience=2))
    assert (result.epochs, result.stopped) == (3, "epochs")


def test_divergence_stops_and_keeps_the_best():
    task = ScriptedTask([0.1, 0.3, 0.2, 0.9], loss=[1.0, 1.0, 1.0, nan])
    result, model = play(task, TrainConfig(epochs=4))
    assert (result.stopped, result.epochs) == ("diverged", 4)
    assert (result.best_epoch, result.test) == (2, 202)
    assert model.weight.item() == 2


def test_divergence_from_the_start_is_an_error():
    with pytest.raises(ValueError, match="no epoch of 1 had a finite validation value"):
        play(ScriptedTask([0.1], loss=[nan]), TrainConfig(epochs=5))


def test_weights_that_became_nan_are_not_the_best():
    """Finite loss, then a step to NaN: the accuracy of NaN must not win."""
    task = ScriptedTask([0.1, 0.9], val_loss=[1.0, nan])
    result, _ = play(task, TrainConfig(epochs=2))
    assert result.best_epoch == 1


def test_watched_splits_alone_are_scored():
    task = ScriptedTask([0.1, 0.2])
    result, _ = play(task, TrainConfig(epochs=2, watch=("val",)))
    assert task.calls == [(1, ("val",)), (2, ("val",)), (2, ("train", "val", "test"))]
    assert (result.train, result.val, result.test) == (102, 0.2, 202)


def linear_data():
    torch.manual_seed(1)
    x = torch.randn(30, 4, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64) + 0.1 * torch.randn(30)
    rows = torch.arange(30)
    split = SimpleNamespace(
        train_mask=rows < 20, val_mask=(rows >= 20) & (rows < 25), test_mask=rows >= 25
    )
    return Data(x=x, y=y), split


def test_linear_model_reaches_the_least_squares_solution():
    data, split = linear_data()
    model = nn.Linear(4, 1, bias=False).double()
    task = NodeTask(data, split, metric="rmse", loss="mse", forward=lambda m, d: m(d.x))
    optimizer = torch.optim.LBFGS(model.parameters())
    x, y = data.x[split.train_mask], data.y[split.train_mask]
    optimum = torch.linalg.lstsq(x, y).solution

    class FullBatch:  # LBFGS takes a closure, so this is also a task of the user's own
        metric, maximize = task.metric, task.maximize
        evaluate = staticmethod(task.evaluate)

        def train_epoch(self, model, optimizer):
            def closure():
                optimizer.zero_grad()
                loss = (model(x).squeeze() - y).square().mean()
                loss.backward()
                return loss

            return optimizer.step(closure).item()

    result = fit(model, FullBatch(), optimizer, TrainConfig(epochs=5))
    # the weights of the best validation epoch, of which the last are the optimum of training
    final = TrainConfig(epochs=1)
    fit(model, FullBatch(), optimizer, final)
    assert torch.allclose(model.weight.squeeze(), optimum, atol=1e-8)
    residual = data.y[split.test_mask] - data.x[split.test_mask] @ optimum
    assert result.test == pytest.approx(residual.square().mean().sqrt().item(), abs=0.05)


@pytest.mark.parametrize("limit", [None, 0.25])
def test_gradient_clipping_bounds_the_step(limit):
    data, split = linear_data()
    model = nn.Linear(4, 1, bias=False).double()
    before = model.weight.detach().clone()
    task = NodeTask(data, split, metric="rmse", loss="mse", forward=lambda m, d: m(d.x))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x, y = data.x[split.train_mask], data.y[split.train_mask]
    gradient = 2 * (x @ before.squeeze() - y) @ x / len(y)
    fit(model, task, optimizer, TrainConfig(epochs=1, grad_clip=limit))
    if limit is not None:
        assert gradient.norm() > limit
        gradient = gradient * limit / gradient.norm()
    assert torch.allclose(before.squeeze() - model.weight.squeeze(), gradient, rtol=1e-5)
    assert not optimizer._optimizer_step_pre_hooks


def test_seed_decides_dropout_and_the_global_flags_come_back():
    data, split = linear_data()

    def train(seed):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1, bias=False)).double()
        task = NodeTask(data, split, metric="rmse", loss="mse", forward=lambda m, d: m(d.x))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        config = TrainConfig(epochs=3, deterministic=True)
        fit(model, task, optimizer, config, seed=seed)
        return model[1].weight

    torch.rand(7)
    assert torch.equal(train(1), train(1))
    assert not torch.equal(train(1), train(2))
    assert not torch.are_deterministic_algorithms_enabled()


def test_scoring_does_not_move_the_training():
    """A model that draws in evaluation trains the same, however much it is scored."""
    data, split = linear_data()

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(4, 1, bias=False)

        def forward(self, x):
            return self.lin(nn.functional.dropout(x, 0.5)) + random.random()

    def train(extra):
        torch.manual_seed(0)
        model = Noisy().double()
        task = NodeTask(data, split, metric="rmse", loss="mse", forward=lambda m, d: m(d.x))
        once = task.evaluate

        def often(model, splits=("train", "val", "test")):
            first = once(model, splits)
            for _ in range(extra):
                once(model, splits)
            return first

        task.evaluate = often
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        return fit(model, task, optimizer, TrainConfig(epochs=4)), model.lin.weight

    few, many = train(0), train(3)
    assert torch.equal(few[1], many[1])
    assert few[0].val == many[0].val


def node_run(run_dir, *, hidden=8, lr=0.01, config=None, data=None, **options):
    torch.manual_seed(0)
    data, split = ring() if data is None else data
    model = TwoLayers(hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    config = TrainConfig(epochs=4, tensorboard=False) if config is None else config
    return fit(model, NodeTask(data, split), optimizer, config, run_dir=run_dir, **options)


class TwoLayers(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.first, self.second = GCNConv(-1, hidden), GCNConv(hidden, 2)

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


def ring(flip=0):
    rows = torch.arange(12)
    edge_index = torch.stack([rows, (rows + 1) % 12])
    y = (rows % 2).clone()
    y[flip] = 1 - y[flip] if flip else y[flip]
    split = SimpleNamespace(
        name="ring",
        hash="0123456789ab",
        train_mask=rows < 6,
        val_mask=(rows >= 6) & (rows < 9),
        test_mask=rows >= 9,
    )
    return Data(x=torch.eye(12), edge_index=edge_index, y=y), split


def test_what_a_run_directory_holds(tmp_path):
    run_dir = tmp_path / "a" / "run"
    result = node_run(run_dir, seed=5, settings={"hidden": 8, "dropout": (0.5, 0.1)})
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert config["seed"] == 5
    assert config["train"] == TrainConfig(epochs=4, tensorboard=False).to_dict()
    assert config["settings"] == {"hidden": 8, "dropout": [0.5, 0.1]}
    assert config["optimizer"]["groups"][0]["lr"] == 0.01
    assert config["task"]["split"] == {"name": "ring", "hash": "0123456789ab"}
    results = json.loads((run_dir / "results.json").read_text())
    assert results["test"] == result.test
    assert results["best_epoch"] == result.best_epoch
    assert results["task"]["sizes"] == {"train": 6, "val": 3, "test": 3}
    rows = [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[result.best_epoch - 1]["test"] == result.test
    lines = (run_dir / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,train,val,val_loss,test"
    assert [float(field) for field in lines[2].split(",")] == list(rows[1].values())


def files_of(directory):
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_occupied_directory_is_refused(tmp_path):
    node_run(tmp_path / "run")
    before = files_of(tmp_path)
    with pytest.raises(CheckpointError, match=r"config.yaml: the directory holds a run already"):
        node_run(tmp_path / "run")
    assert files_of(tmp_path) == before
    # Any single trace of a run is enough, and other files are no reason.
    for name in ("history.csv", "checkpoint"):
        partial = tmp_path / name.replace(".", "-")
        partial.mkdir()
        source = tmp_path / "run" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, partial / name)
        with pytest.raises(CheckpointError, match=name):
            node_run(partial)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    node_run(tmp_path / "notes")
    assert (tmp_path / "notes" / "notes.txt").read_text() == "mine"


CHANGES = {
    "train.epochs = 4, not 5": {"config": TrainConfig(epochs=5, tensorboard=False)},
    "seed = 0, not 1": {"seed": 1},
    r"optimizer.groups\[0\].lr = 0.01, not 0.02": {"lr": 0.02},
    "settings.K = null, not 3": {"settings": {"K": 3}},
    "task.data = ": {"data": ring(flip=11)},
    "model.state.first.bias": {"hidden": 9},
}


@pytest.mark.parametrize("with_config_file", [True, False])
@pytest.mark.parametrize("message", CHANGES)
def test_other_configuration_is_refused(tmp_path, message, with_config_file):
    """By config.yaml, and where that is gone, by the checkpoint; the model only by the latter."""
    node_run(tmp_path)
    if not with_config_file:
        (tmp_path / "config.yaml").unlink()
    before = files_of(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        node_run(tmp_path, resume=True, **CHANGES[message])
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("text", ["train: {epochs", "[]", "train: {epochs: many}", ""])
def test_altered_configuration_file_is_refused(tmp_path, text):
    node_run(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    before = files_of(tmp_path)
    with pytest.raises(CheckpointError, match=r"config.yaml") as caught:
        node_run(tmp_path, resume=True)
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path) == before


def test_resume_of_nothing_begins(tmp_path):
    assert node_run(tmp_path / "run", resume=True).epochs == 4


def test_damaged_checkpoint_is_refused(tmp_path):
    node_run(tmp_path)
    path = tmp_path / "checkpoint" / "state.pt"
    path.write_bytes(path.read_bytes()[:-10])
    before = files_of(tmp_path)
    with pytest.raises(CheckpointError, match=r"state.pt: cut short or altered"):
        node_run(tmp_path, resume=True)
    assert files_of(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="locks are of POSIX")
def test_two_processes_do_not_share_a_directory(tmp_path):
    # a thread knows nothing of the locks of another, as a process does not
    with (
        lock(tmp_path),
        ThreadPoolExecutor(1) as pool,
        pytest.raises(CheckpointError, match="another process"),
    ):
        pool.submit(node_run, tmp_path).result()
    node_run(tmp_path)


def test_without_a_run_directory_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    node_run(None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("first", [1, 4])
def test_the_mean_of_the_last_losses_stops_a_run(seed, first):
    drawn = random.Random(seed)
    losses = [1 / (1 + epoch) + 0.05 * drawn.random() for epoch in range(30)]
    window = 5
    expected = len(losses)
    for epoch in range(first + window + 1, len(losses) + 1):
        before = losses[epoch - 1 - window : epoch - 1]
        if losses[epoch - 1] > sum(before) / window:
            expected = epoch
            break
    task = ScriptedTask([0.5] * 30, val_loss=losses)
    config = TrainConfig(
        epochs=30, patience=window, stopping="mean", monitor="loss", first_epoch=first
    )
    result, _ = play(task, config)
    assert result.epochs == expected
    allowed = losses[first - 1 : expected]
    assert result.best_epoch == first + allowed.index(min(allowed))


def test_a_run_that_the_mean_stops_resumes_exactly(tmp_path):
    losses = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.75, 0.4]
    whole = TrainConfig(epochs=8, patience=3, stopping="mean", checkpoint_seconds=0)
    expected, _ = play(ScriptedTask([0.5] * 8, val_loss=losses), whole)
    assert (expected.epochs, expected.stopped) == (7, "patience")

    class Stops(ScriptedTask):
        def evaluate(self, model, splits=("train", "val", "test")):
            if int(model.weight) == 6 and not getattr(self, "gone", False):
                self.gone = True
                raise RuntimeError("power cut")
            return super().evaluate(model, splits)

    with pytest.raises(RuntimeError, match="power cut"):
        play(Stops([0.5] * 8, val_loss=losses), whole, run_dir=tmp_path)
    resumed, _ = play(
        ScriptedTask([0.5] * 8, val_loss=losses), whole, run_dir=tmp_path, resume=True
    )
    assert (resumed.epochs, resumed.best_epoch) == (expected.epochs, expected.best_epoch)


@pytest.mark.parametrize(
    ("ties", "best", "epochs"),
    [("first", 2, 5), ("last", 4, 7)],
)
def test_ties_keep_the_first_or_the_last_which_renews_the_patience(ties, best, epochs):
    task = ScriptedTask([0.1, 0.5, 0.4, 0.5, 0.3, 0.2, 0.1, 0.9])
    result, _ = play(task, TrainConfig(epochs=8, patience=3, ties=ties))
    assert (result.best_epoch, result.epochs) == (best, epochs)


def test_epochs_before_the_first_one_are_never_the_best():
    task = ScriptedTask([0.9, 0.8, 0.1, 0.2, 0.1, 0.1, 0.1])
    result, _ = play(task, TrainConfig(epochs=7, patience=2, first_epoch=3))
    assert (result.best_epoch, result.epochs) == (4, 6)


@pytest.mark.parametrize("name", ["stopping", "ties", "monitor"])
def test_rules_are_named(name):
    with pytest.raises(ValueError, match=f"unknown {name} 'x'"):
        TrainConfig(**{name: "x"})
