from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from graphpoly.training import TrainConfig, fit
from graphpoly.training import provenance as module
from graphpoly.training.provenance import Provenance, commit_of


class Fixed:
    metric, maximize = "score", True

    def train_epoch(self, model: nn.Module, optimizer: object) -> float:
        time.sleep(0.01)
        return 0.0

    def evaluate(self, model: nn.Module, splits: object = ()) -> dict[str, float]:
        return {"train": 0.5, "val": 0.5, "test": 0.5, "val_loss": 1.0}


class Stops:
    """Progress that ends the process, as far as a run can tell."""

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        pass

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        if done == 4:
            raise KeyboardInterrupt

    def stop(self) -> None:
        pass


def run(folder: Path, **further: object) -> dict[str, object]:
    model = nn.BatchNorm1d(3)
    model.bias.requires_grad_(False)
    optimizer = torch.optim.SGD([model.weight], lr=0.1)
    config = TrainConfig(epochs=6, checkpoint_seconds=0.0, tensorboard=False)
    fit(model, Fixed(), optimizer, config, run_dir=folder, **further)  # type: ignore[arg-type]
    held: dict[str, object] = json.loads((folder / "results.json").read_text())
    return held


def test_each_process_is_entered_and_a_finished_run_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/x/graphpoly/cli/app.py", "train", "a b"])
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=Stops())
    monkeypatch.setattr(sys, "argv", ["/bin/graphpoly", "train", "--resume"])
    held = run(tmp_path, resume=True)
    commands = [each["command"] for each in held["processes"]]  # type: ignore[attr-defined]
    assert commands == ["graphpoly train 'a b'", "graphpoly train --resume"]
    assert held["seconds"] >= 6 * 0.01  # type: ignore[operator]  # of both
    assert (held["num_parameters"], held["all_parameters"]) == (3, 6)
    monkeypatch.setattr(sys, "argv", ["/bin/graphpoly", "third"])
    assert run(tmp_path, resume=True) == held


def test_memory_is_that_of_the_process() -> None:
    provenance = Provenance([{"command": "before"}])
    assert provenance.processes() == [{"command": "before"}]
    provenance.begin(torch.device("cpu"))
    first = provenance.processes()[1]["peak_bytes"]
    held = torch.ones(32 << 20)  # 128 MiB
    assert provenance.processes()[1]["peak_bytes"] >= max(first, 4 * held.numel())


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_that_of_tracked_files(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    for name in ("ours", "installed", "changed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    assert commit_of(tmp_path / "ours") is None  # unless the temporary folder is in a checkout
    commit_of.cache_clear()
    git("init")
    git("add", "ours", "changed")
    git("commit", "-m", "first")
    (tmp_path / "changed" / "__init__.py").write_text("x = 1")
    commit = git("rev-parse", "--short=12", "HEAD")
    assert commit_of(tmp_path / "ours") == commit
    assert commit_of(tmp_path / "changed") == f"{commit}+changes"
    assert commit_of(tmp_path / "installed") is None


@pytest.mark.parametrize(
    ("program", "each", "command"),
    [
        ("/env/graphpoly/__main__.py", 4, "torchrun --nproc-per-node 4 -m graphpoly train GIN"),
        ("/x/cli/app.py", 2, "torchrun --nnodes 2 --nproc-per-node 2 -m graphpoly train GIN"),
        ("/home/me/mine.py", 4, "torchrun --nproc-per-node 4 mine.py train GIN"),
    ],
)
def test_the_command_of_several_processes_starts_as_many(
    program: str, each: int, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "size", lambda: 4)
    monkeypatch.setattr(sys, "argv", [program, "train", "GIN"])
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(each))
    provenance = Provenance()
    provenance.begin(torch.device("cpu"))
    (held,) = provenance.processes()
    assert held["command"] == command
