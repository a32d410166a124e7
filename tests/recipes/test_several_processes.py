"""A recipe by several processes is that of one, and `torchrun` is what starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphpoly.distributed import rank
from graphpoly.recipes import recipe_for, run_recipe
from tests.processes import together

OVERRIDES = {
    "num_nodes": 120,
    "num_features": 12,
    "epochs": 3,
    "dropout": 0.0,
    "filter_dropout": 0.0,
}
MODELS = {  # one has rows to divide, the other one the nodes of its graph
    "PrecomputedOptBasisGNN": OVERRIDES | {"batch_size": 16},
    "BernNet": OVERRIDES,
}
ROOT = Path(__file__).parents[2]


def measured(folder: Path, name: str) -> dict[str, Any]:
    """Run two seeds, each process in a folder of its own, in which only the first may write."""
    recipe = recipe_for(name, "csbm")
    mine = folder / str(rank())
    outcome = run_recipe(recipe, seeds=2, device="cpu", out=mine, overrides=MODELS[name])
    (experiment,) = outcome.experiments.values()
    return {"written": mine.exists(), "test": [run.test for run in experiment.runs.values()]}


def figures(path: Path) -> dict[str, Any]:
    (model,) = json.loads(path.read_text())["models"].values()
    return {"test": model["test"], "val": model["val"]}


@pytest.mark.parametrize("name", MODELS)
def test_two_processes_measure_what_one_does(name: str, tmp_path: Path) -> None:
    alone = measured(tmp_path / "alone", name)
    one, other = together(measured, 2, tmp_path / "meeting", tmp_path / "two", name)
    assert (one["written"], other["written"]) == (True, False)
    assert one["test"] == other["test"] == pytest.approx(alone["test"])
    written = tmp_path / "two" / "0" / "results.json"
    assert figures(written) == figures(tmp_path / "alone" / "0" / "results.json")
    (model,) = json.loads(written.read_text())["models"].values()
    assert [each["world_size"] for run in model["seeds"] for each in run["processes"]] == [2, 2]
    whole = [run["task"].get("batch_size") for run in model["seeds"]]
    assert whole == [MODELS[name].get("batch_size")] * 2  # of a step, not of a process


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_torchrun_starts_the_command(name: str, tmp_path: Path) -> None:
    words = ["train", name, "csbm", "--seeds", "2", "--device", "cpu"]
    words += [f"{key}={value}" for key, value in MODELS[name].items()]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc-per-node", "2", "-m", "graphpoly", *words]
    command += ["--out", str(tmp_path / "two")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results: ") == 1
    measured(tmp_path, name)
    assert figures(tmp_path / "two" / "results.json") == figures(tmp_path / "0" / "results.json")
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert again.returncode == 1
    assert again.stderr.count("the directory holds a run already") == 1
