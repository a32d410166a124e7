"""Seeds: the aggregate by hand, what is written, and what resuming skips."""

from __future__ import annotations

import itertools
import json
import math
import statistics

import numpy as np
import pytest
import yaml

from graphpoly.training import CheckpointError, Experiment, TrainConfig, run_seeds
from graphpoly.training.experiment import bootstrap_interval

from .scripted import ScriptedTask, counter

CONFIG = TrainConfig(epochs=4, tensorboard=False)
# Best epochs 2, 3 and 4, so test scores 202, 203 and 204.
SCRIPTS = {0: [0.1, 0.9, 0.2, 0.3], 1: [0.1, 0.2, 0.7, 0.3], 5: [0.1, 0.2, 0.3, 0.4]}


class Builder:
    def __init__(self, scripts=SCRIPTS):
        self.scripts, self.trained, self.fail_in = scripts, [], None

    def __call__(self, seed):
        task = ScriptedTask(self.scripts[seed])
        train_epoch = task.train_epoch

        def recorded(model, optimizer):
            self.trained.append(seed)
            if self.fail_in == seed and self.trained.count(seed) == 3:
                raise KeyboardInterrupt
            return train_epoch(model, optimizer)

        task.train_epoch = recorded
        model, optimizer = counter()
        return model, task, optimizer


def test_aggregate_and_files(tmp_path):
    experiment = run_seeds(
        Builder(), [0, 1, 5], out=tmp_path, config=CONFIG, settings={"model": {"K": 10}}
    )
    assert (experiment.metric, experiment.mean, experiment.std) == ("score", 203.0, 1.0)
    assert {seed: run.best_epoch for seed, run in experiment.runs.items()} == {0: 2, 1: 3, 5: 4}
    assert experiment.summary(digits=1) == "203.0 ± 1.0 (3 seeds)"
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["test"]["mean"] == 203
    assert results["val"]["mean"] == pytest.approx((0.9 + 0.7 + 0.4) / 3)
    assert [row["test"] for row in results["seeds"]] == [202, 203, 204]
    assert results["ci95_method"].startswith("percentile bootstrap")
    low, high = results["test"]["ci95"]
    assert experiment.ci95 == results["ci95_half_width"] == max(203 - low, high - 203)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {
        "seeds": [0, 1, 5],
        "train": CONFIG.to_dict(),
        "settings": {"model": {"K": 10}},
    }


def test_bootstrap_interval_is_near_the_exact_one():
    values = [1.0, 2.0, 4.0, 8.0]
    means = [statistics.fmean(draw) for draw in itertools.product(values, repeat=4)]
    exact = np.quantile(means, [0.025, 0.975])
    assert bootstrap_interval(values) == pytest.approx(exact, abs=0.3)
    assert bootstrap_interval(values) == bootstrap_interval(values)


def test_one_seed_has_no_spread(tmp_path):
    experiment = run_seeds(Builder(), [0], out=tmp_path, config=CONFIG)
    assert math.isnan(experiment.std)
    assert experiment.summary(scale=0.5, digits=2) == "101.00 (1 seed)"
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["test"] == {"mean": 202, "std": None, "ci95": None}
    assert results["ci95_half_width"] is None


def test_resume_skips_finished_seeds_and_goes_on_with_the_others(tmp_path):
    builder = Builder()
    builder.fail_in = 1
    often = TrainConfig(epochs=4, tensorboard=False, checkpoint_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        run_seeds(builder, [0, 1], out=tmp_path, config=often)
    assert builder.trained == [0] * 4 + [1] * 3
    assert not (tmp_path / "results.json").exists()
    with pytest.raises(CheckpointError, match="holds a run already"):
        run_seeds(Builder(), [0, 1], out=tmp_path, config=often)

    resumed = Builder()
    experiment = run_seeds(resumed, [0, 1, 5], out=tmp_path, config=often, resume=True)
    # two epochs of seed 1 were saved; seed 5 is new
    assert resumed.trained == [1] * 2 + [5] * 4
    assert isinstance(experiment, Experiment)
    assert experiment.mean == 203.0


@pytest.mark.parametrize("fewer", [[0], [5], [5, 1]])
def test_resume_with_fewer_seeds_keeps_the_others(tmp_path, fewer):
    whole = run_seeds(Builder(), [0, 1, 5], out=tmp_path, config=CONFIG)
    before = json.loads((tmp_path / "results.json").read_text())
    resumed = Builder()
    experiment = run_seeds(resumed, fewer, out=tmp_path, config=CONFIG, resume=True)
    assert resumed.trained == []
    assert (experiment.mean, experiment.std) == (whole.mean, whole.std)
    after = json.loads((tmp_path / "results.json").read_text())
    assert sorted(row["seed"] for row in after["seeds"]) == [0, 1, 5]
    assert (after["test"]["mean"], after["num_seeds"]) == (before["test"]["mean"], 3)
    assert sorted(yaml.safe_load((tmp_path / "config.yaml").read_text())["seeds"]) == [0, 1, 5]


def test_resume_with_fewer_seeds_leaves_unfinished_ones_alone(tmp_path):
    builder = Builder()
    builder.fail_in = 1
    with pytest.raises(KeyboardInterrupt):
        run_seeds(builder, [5, 1, 0], out=tmp_path, config=CONFIG)
    resumed = Builder()
    experiment = run_seeds(resumed, [0], out=tmp_path, config=CONFIG, resume=True)
    assert (resumed.trained, list(experiment.runs)) == ([0] * 4, [0, 5])


def test_other_settings_are_refused(tmp_path):
    run_seeds(Builder(), [0], out=tmp_path, config=CONFIG, settings={"K": 3})
    written = (tmp_path / "results.json").read_bytes()
    with pytest.raises(CheckpointError, match=r"config\.yaml: this run has settings.K = 3, not 4"):
        run_seeds(Builder(), [0], out=tmp_path, config=CONFIG, settings={"K": 4}, resume=True)
    assert (tmp_path / "results.json").read_bytes() == written


def test_what_cannot_be_built_leaves_no_run(tmp_path):
    def unable(seed):
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"):
        run_seeds(unable, [0], out=tmp_path, config=CONFIG, settings={"K": 3})
    run_seeds(Builder(), [0], out=tmp_path, config=CONFIG, settings={"K": 4})


def test_seed_directory_alone_is_refused(tmp_path):
    (tmp_path / "seed-0").mkdir()
    with pytest.raises(CheckpointError, match="seed-0: the directory holds a run already"):
        run_seeds(Builder(), [0], out=tmp_path, config=CONFIG)


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_wrong_seeds_are_named(tmp_path, seeds):
    with pytest.raises(ValueError, match="seeds must be distinct and at least one"):
        run_seeds(Builder(), seeds, out=tmp_path, config=CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_are_not_plain_are_named(tmp_path):
    with pytest.raises(TypeError, match=r"settings.a\[1\] must be a plain value, got object"):
        run_seeds(Builder(), [0], out=tmp_path, config=CONFIG, settings={"a": [1, object()]})
