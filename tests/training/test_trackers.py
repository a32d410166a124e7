from __future__ import annotations

import json
import signal

import pytest
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.training import MlflowLogger, WandbLogger
from graphpoly.training.loggers import read_history
from graphpoly.training.trackers import check_trackers, flat

RECIPE = recipe_for("GCN", "csbm").override({"epochs": 6, "num_nodes": 60, "num_features": 8})
NAMES = ("wandb", "mlflow")


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs more than its client


class StoredRun:
    """A run of Weights & Biases as its service would hold it."""

    def __init__(self, made, **named):
        self.made, self.id, self.named = made, named.get("id") or f"run-{len(made)}", named
        self.rows = made.setdefault(self.id, {})
        self.ended = None

    @property
    def step(self):
        return max(self.rows, default=-1) + 1

    def log(self, values, step):
        assert step >= self.step, "steps only grow"
        self.rows[step] = dict(values)

    def finish(self, exit_code):
        self.ended = exit_code


@pytest.fixture
def service(monkeypatch):
    wandb = pytest.importorskip("wandb")
    made, runs = {}, []
    monkeypatch.setattr(
        wandb, "init", lambda **named: runs.append(StoredRun(made, **named)) or runs[-1]
    )
    return made, runs


def rows(run_dir):
    return {
        int(row["epoch"]): {key: value for key, value in row.items() if key != "epoch"}
        for row in read_history(run_dir / "history.csv")
    }


def test_wandb_gets_each_epoch_and_the_settings(service, tmp_path):
    made, (*_,) = service
    run_recipe(RECIPE, seeds=2, out=tmp_path / "run", track=["wandb:mine"])
    for seed, (identity, sent) in enumerate(made.items()):
        assert sent == rows(tmp_path / "run" / f"seed-{seed}")
        held = json.loads((tmp_path / "run" / f"seed-{seed}" / "trackers.json").read_text())
        assert held == {"wandb": identity}
    first = service[1][0]
    assert first.ended == 0
    assert first.named["project"] == "mine"
    assert first.named["config"]["settings.protocol.epochs"] == 6


def mlflow_rows(identity):
    from mlflow import MlflowClient

    client = MlflowClient()
    found: dict[int, dict[str, float]] = {}
    for key in client.get_run(identity).data.metrics:
        history = client.get_metric_history(identity, key)
        assert len({row.step for row in history}) == len(history)  # none was sent twice
        for row in history:
            found.setdefault(row.step, {})[key] = row.value
    return found


def test_mlflow_gets_each_epoch_and_the_settings(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    run_recipe(RECIPE, seeds=1, out=tmp_path / "run", track=["mlflow"])
    identity = json.loads((tmp_path / "run/seed-0/trackers.json").read_text())["mlflow"]
    assert mlflow_rows(identity) == rows(tmp_path / "run/seed-0")
    run = mlflow.MlflowClient().get_run(identity)
    assert run.info.status == "FINISHED"
    assert run.data.params["settings.protocol.epochs"] == "6"


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_goes_on_where_it_was(name, service, tmp_path):
    pytest.importorskip(name)
    place = tmp_path / "run"
    run_recipe(RECIPE.override({"epochs": 3}), seeds=1, out=place, track=[name])
    before = json.loads((place / "seed-0/trackers.json").read_text())
    logger = {"wandb": WandbLogger, "mlflow": MlflowLogger}[name](place / "seed-0")
    logger.open(2)  # the checkpoint is older than what the tracker has
    for epoch in (3, 4, 5):
        logger.log({"epoch": epoch, "loss": 1 / epoch, "other": float("nan")})
    logger.close()
    assert json.loads((place / "seed-0/trackers.json").read_text()) == before
    held = service[0][before[name]] if name == "wandb" else mlflow_rows(before[name])
    expected = rows(place / "seed-0")
    assert held == {**expected, 4: {"loss": 0.25}, 5: {"loss": 0.2}}


class Stops:
    """A progress bar in front of somebody who presses Ctrl-C after the third epoch."""

    def start(self, *_):
        pass

    def update(self, epoch, row):
        if epoch == 3:
            self.end()

    def end(self):
        signal.raise_signal(signal.SIGINT)

    def stop(self):
        pass


class Fails(Stops):
    """One that a run dies of, before it has a checkpoint."""

    def end(self):
        raise RuntimeError("died")


@pytest.mark.parametrize(
    ("progress", "error", "status"),
    [(Stops(), KeyboardInterrupt, "KILLED"), (Fails(), RuntimeError, "FAILED")],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_recipe_goes_on_in_the_same_run(name, progress, error, status, service, tmp_path):
    pytest.importorskip(name)
    place = tmp_path / "run"
    with pytest.raises(error):
        run_recipe(RECIPE, seeds=1, out=place, track=[name], progress=progress)
    before = json.loads((place / "seed-0/trackers.json").read_text())
    assert how_it_ended(before, service) == {"wandb": 1, "mlflow": status}[name]
    run_recipe(RECIPE, seeds=1, out=place, track=[name], resume=True)
    assert json.loads((place / "seed-0/trackers.json").read_text()) == before
    held = service[0][before[name]] if name == "wandb" else mlflow_rows(before[name])
    assert held == rows(place / "seed-0")
    assert sorted(held) == [1, 2, 3, 4, 5, 6]
    assert how_it_ended(before, service) == {"wandb": 0, "mlflow": "FINISHED"}[name]


def how_it_ended(held, service):
    if "wandb" in held:
        return service[1][-1].ended
    from mlflow import MlflowClient

    return MlflowClient().get_run(held["mlflow"]).info.status


@pytest.mark.parametrize("name", NAMES)
def test_nothing_measured_changes(name, tmp_path):
    pytest.importorskip(name)
    plain = run_recipe(RECIPE, seeds=1, out=tmp_path / "plain")
    tracked = run_recipe(RECIPE, seeds=1, out=tmp_path / "tracked", track=[name])
    assert rows(tmp_path / "plain/seed-0") == rows(tmp_path / "tracked/seed-0")
    (one,), (other,) = plain.experiments.values(), tracked.experiments.values()
    assert one.mean == other.mean


def test_what_is_not_there_is_refused_before_training(monkeypatch, tmp_path):
    arguments = ["train", "GCN", "csbm", "epochs=1", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*arguments, "--track", "wanbd"])
    assert done.exit_code == 2
    assert "wandb" in done.output
    done = CliRunner().invoke(app, [*arguments, "--track", "wandb", "--track", "wandb:other"])
    assert done.exit_code == 2
    assert "track: wandb is named 2 times" in done.output
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"graphpoly\[mlflow\]"):
        check_trackers(["mlflow:project"])
    assert not (tmp_path / "run").exists()


def test_settings_become_one_level():
    assert flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}
