from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.cli.train import _verdicts
from graphpoly.data import csbm
from graphpoly.recipes import Outcome
from graphpoly.training import Experiment
from tests.stand_in import StandIn, on_nodes

COMMAND = [sys.executable, "-m", "graphpoly.cli.app", "train", "demo"]
TINY = ["num_nodes=60", "avg_degree=6", "num_features=12", "epsilon=1", "epochs=2", "K=2"]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["train", *arguments])


@pytest.fixture
def dataset(stand_in: StandIn) -> None:
    data = csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)
    for name in ("actor", "chameleon", "cora"):
        stand_in(name, on_nodes(data))


def test_the_default_is_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*TINY, "--seeds", "2", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    results = json.loads((tmp_path / "runs" / "demo" / "results.json").read_text())
    assert results["seeds"] == [0, 1]
    lines = result.stdout.splitlines()
    for name, found in results["models"].items():
        (line,) = [line for line in lines if line.strip().startswith(name)]
        assert f"{100 * found['test']['mean']:.2f} ± {100 * found['test']['std']:.2f}" in line
    assert lines[0] == "demo: test accuracy on csbm, split stratified, 2 runs"
    assert "results: runs/demo/results.json" in lines
    pytest.importorskip(
        "matplotlib", reason="matplotlib, the extra graphpoly[viz], is not installed"
    )
    assert "report: runs/demo/report.html" in lines


def test_a_recipe_with_a_published_figure(dataset: None, tmp_path: Path) -> None:
    result = run(
        "optbasis/chameleon", "--out", str(tmp_path), "--seeds", "1", "epochs=2", "K=2", "lr=0.1"
    )
    assert result.exit_code == 0, result.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["settings"]["K"], results["settings"]["lr"]) == (2, 0.1)
    assert not results["models"]["OptBasisGNN"]["compared"]["comparable"]
    assert "74.26 ± 0.74" in result.stdout
    assert (
        "OptBasisGNN: not comparable with the published figure, for K, epochs, lr differ\n"
        in result.stdout
    )
    assert "note: this 'dense' split" in result.stdout


def test_the_verdict_on_an_unchanged_recipe() -> None:
    recipe = registry.get("recipe", "optbasis/chameleon").obj
    several = dict.fromkeys(range(3), None)
    found = Experiment("accuracy", 0.7323, 0.0277, 0.0312, several, 9.0, 1)  # type: ignore[arg-type]
    outcome = Outcome(recipe, {"OptBasisGNN": found}, Path("results.json"))
    assert _verdicts(outcome, 2) == [
        "OptBasisGNN: -1.03 against the published mean ± 0.74 (95 % bootstrap confidence interval, "
        "20 runs); the 95 % interval of these 3 runs is ± 3.12: they agree"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["favrd/citeseer"], "error: unknown recipe 'favrd/citeseer'; did you mean 'favard/cit"),
        (["demo", "epoch=3"], "error: unknown key of demo 'epoch'; did you mean 'epochs'?"),
        (["demo", "K=many"], "error: K: got 'many', expected an integer of at least 0"),
        (["demo", "K", "4"], "error: expected a recipe, or a model and a dataset, and KEY=VALUE"),
        (["favard"], "error: favard is a model; name a dataset, too: train favard cora"),
        (["favrd", "cora"], "error: unknown model 'favrd'; did you mean 'favard'?"),
        (["favard", "coraa"], "error: unknown dataset 'coraa'; did you mean 'cora'?"),
        (["favard", "cora", "Kk=3"], "error: unknown key of favardgnn/cora 'Kk'; did you mean 'K'"),
        (["demo", "K=1", "K=2"], "error: key 'K' is given twice"),
        (["demo", "split=dens"], "error: unknown split 'dens'; did you mean 'dense'?"),
        (["--device", "tpuu"], "error: unknown device 'tpuu'; did you mean 'cpu'?"),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_any_model_on_any_dataset(dataset: None, tmp_path: Path) -> None:
    for place, model in enumerate(("favard", "GCN", "LINKX", "PathNN", "polynormer")):
        out = tmp_path / str(place)
        result = run(model, "actor", "--out", str(out), "--seeds", "1", "epochs=2")
        assert result.exit_code == 0, result.stderr
        results = json.loads((out / "results.json").read_text())
        assert results["recipe"].endswith("/actor")
        assert results["published"] is None


def test_a_model_of_the_user_s_own(
    dataset: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_to_train.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, in_channels, out_channels, hidden=8):\n"
        "        super().__init__()\n"
        "        self.first = torch.nn.Linear(in_channels, hidden)\n"
        "        self.last = torch.nn.Linear(hidden, out_channels)\n"
        "    def forward(self, x, edge_index):\n"
        "        return self.last(self.first(x).relu())\n"
    )
    monkeypatch.chdir(tmp_path)
    result = run("mine_to_train:Net", "actor", "--seeds", "1", "epochs=2", "hidden=5", "--json")
    assert result.exit_code == 0, result.stderr
    results = json.loads(result.stdout)
    assert results["settings"]["hidden"] == 5
    assert results["models"]["mine_to_train:Net"]["num_parameters"] == 12 * 5 + 5 + 5 * 2 + 2
    wrong = run("mine_to_train:Net", "actor", "hiden=5")
    assert "did you mean 'hidden'" in wrong.stderr


def test_json_is_the_result_file(dataset: None, tmp_path: Path) -> None:
    result = run("gcn", "actor", "--out", str(tmp_path), "--seeds", "1", "--json", "epochs=2")
    assert result.stdout == (tmp_path / "results.json").read_text()


def test_seeds_are_a_number_of_at_least_one() -> None:
    assert run("--seeds", "0").exit_code == 2
    assert run("--seeds", "three").exit_code == 2


def test_a_failed_run_is_one_line_and_leaves_what_was_there(dataset: None, tmp_path: Path) -> None:
    arguments = ["favard/actor", "--out", str(tmp_path), "--seeds", "1", "epochs=2", "K=2"]
    assert run(*arguments).exit_code == 0
    before = (tmp_path / "results.json").read_bytes()
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {tmp_path}")
    assert "--resume" in result.stderr
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "results.json").read_bytes() == before
    assert run(*arguments, "--resume").exit_code == 0


@pytest.mark.parametrize("words", [["demo", *TINY], ["gcn", "actor", "epochs=2"]])
def test_resume_with_fewer_seeds_keeps_the_others(
    words: list[str], dataset: None, tmp_path: Path
) -> None:
    assert run(*words, "--out", str(tmp_path), "--seeds", "3").exit_code == 0
    before = json.loads((tmp_path / "results.json").read_text())
    result = run(*words, "--out", str(tmp_path), "--seeds", "1", "--resume")
    assert result.exit_code == 0, result.stderr
    after = json.loads((tmp_path / "results.json").read_text())
    assert after == before
    assert "3 runs" in result.stdout


def test_resume_with_fewer_seeds_keeps_the_runs_of_one_model_alone(
    dataset: None, tmp_path: Path
) -> None:
    assert run("demo", *TINY, "--out", str(tmp_path), "--seeds", "3").exit_code == 0
    first, *others = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    for other in others:
        shutil.rmtree(other)
    (tmp_path / "results.json").unlink()
    result = run("demo", *TINY, "--out", str(tmp_path), "--seeds", "1", "--resume")
    assert result.exit_code == 0, result.stderr
    after = json.loads((tmp_path / "results.json").read_text())
    runs = {name.lower(): len(held["seeds"]) for name, held in after["models"].items()}
    assert runs == {first.name: 3, **{other.name: 1 for other in others}}
    assert (after["seeds"], list(after["splits"])) == ([0, 1, 2], ["0", "1", "2"])


@pytest.mark.parametrize("how", ["option", "variable"])
def test_debug_shows_the_traceback(
    how: str, dataset: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("settings: [")
    arguments = ["favard/actor", "--out", str(tmp_path), "--seeds", "1"]
    quiet = run(*arguments)
    if how == "option":
        arguments.append("--debug")
    else:
        monkeypatch.setenv("GRAPHPOLY_DEBUG", "1")
    loud = run(*arguments)
    assert quiet.exit_code == loud.exit_code == 1
    assert "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
    assert loud.stderr.splitlines()[-1] == quiet.stderr.splitlines()[-1]


def test_an_error_nobody_foresaw_says_how_to_see_more(stand_in: StandIn, tmp_path: Path) -> None:
    def broken(*args: object) -> None:
        raise KeyError("x")

    stand_in("actor", broken)
    result = run("favard/actor", "--out", str(tmp_path), "--seeds", "1")
    assert result.exit_code == 1
    assert result.stderr == "error: KeyError: 'x' (--debug shows where)\n"


def test_an_absent_dataset_is_one_line(tmp_path: Path, stand_in: StandIn) -> None:
    from graphpoly.data import DatasetError

    def absent(*args: object, **kwargs: object) -> None:
        raise DatasetError("dataset 'actor': no network")

    stand_in("actor", absent)
    result = run("favard/actor", "--root", str(tmp_path), "--out", str(tmp_path / "out"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: dataset 'actor': no network\n"


def test_results_and_progress_go_to_different_streams(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, *TINY, "--seeds", "1", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"results: {tmp_path / 'results.json'}" in done.stdout
    lines = [line for line in done.stderr.splitlines() if "no compiled kernels" not in line]
    assert [line.split(": ")[0] for line in lines] == [
        "OptBasisGNN seed 0",
        "FavardGNN seed 0",
        "GCN seed 0",
    ]


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_killed_and_resumed_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    arguments = [*TINY[:-2], "epochs=40", "K=3", "hidden_channels=8", "--seeds", "1", "--out"]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert run(*arguments, str(undisturbed)).exit_code == 0
    process = subprocess.Popen([*COMMAND, *arguments, str(killed)], stdout=subprocess.DEVNULL)
    # one model is finished by then, and the next one under way
    history = killed / "favardgnn" / "seed-0" / "history.csv"
    while not (history.exists() and history.read_text().count("\n") > 3):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run(*arguments, str(killed), "--resume").exit_code == 0
    for model in ("optbasisgnn", "favardgnn", "gcn"):
        weights = [
            (folder / model / "seed-0" / "checkpoint" / "best.safetensors").read_bytes()
            for folder in (undisturbed, killed)
        ]
        assert weights[0] == weights[1]


def test_a_second_demo_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    arguments = ["demo", *TINY, "--seeds", "1", "--out", str(tmp_path)]
    assert run(*arguments).exit_code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = run(*arguments)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "holds a run already" in again.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX")
def test_a_demo_leaves_alone_what_another_process_trains(tmp_path: Path) -> None:
    arguments = [*TINY[:-2], "epochs=100000", "K=2", "--seeds", "1", "--out", str(tmp_path)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL)
    try:
        history = tmp_path / "optbasisgnn" / "seed-0" / "history.csv"
        while not (history.exists() and history.read_text().count("\n") > 3):
            assert process.poll() is None
            time.sleep(0.01)
        for more in ([], ["--resume"]):
            result = run("demo", *arguments, *more)
            assert (result.exit_code, result.stdout) == (1, "")
            assert ".lock: another process is writing this run" in result.stderr
        assert process.poll() is None
        rows = history.read_text().count("\n")
        while history.read_text().count("\n") <= rows:  # it trains on
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
