"""Training by several processes: what they write, how they stop, and who goes on from there."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphpoly.distributed import rank
from graphpoly.testing.tolerances import assert_close
from graphpoly.training import CheckpointError, RowTask, TrainConfig, fit
from tests.distributed.divisible import row_problem
from tests.processes import together
from tests.training.scripted import ScriptedTask, counter

CONFIG = TrainConfig(epochs=5, checkpoint_seconds=0, tensorboard=False)


class Noisy(nn.Module):
    """Masks of its own for the rows of a process, and a buffer that follows these rows."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.seen: list[torch.Tensor] = []
        self.register_buffer("centre", torch.zeros(5, dtype=torch.float64))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        kept = F.dropout(torch.ones(1, rows.size(1), dtype=rows.dtype), 0.5, self.training)
        if self.training:
            self.seen.append(kept)
            self.centre = self.centre.lerp(rows.mean(0), 0.2)
        return self.inner((rows - self.centre) * kept)


def trained(folder: Path, *, noisy: bool = False, stop: int = 0, resume: bool = False) -> Any:
    """Train; stopped by Ctrl-C in the last process and in epoch ``stop``, return what it said."""
    model, task = row_problem()
    if noisy:
        model = Noisy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    last = torch.distributed.is_initialized() and rank() == torch.distributed.get_world_size() - 1
    if stop:
        task = Interrupted(task, stop if last else 0)
    # a folder for each: what the others write would be found in theirs
    mine = folder / str(rank())
    try:
        result = fit(model, task, optimizer, CONFIG, run_dir=mine, seed=2, resume=resume)
    except KeyboardInterrupt as interrupt:
        return str(interrupt)
    return {
        "result": {**dataclasses.asdict(result), "seconds": 0.0, "stopped": 0.0},
        "state": {name: value.detach() for name, value in model.state_dict().items()},
        "seen": model.seen if noisy else [],
    }


class Interrupted:
    """A task during whose epoch Ctrl-C is pressed, in one process alone."""

    parallel = True

    def __init__(self, task: RowTask, epoch: int) -> None:
        self._task, self._left = task, epoch
        self.metric, self.maximize = task.metric, task.maximize
        self.evaluate, self.describe = task.evaluate, task.describe
        self.state_dict, self.load_state_dict = task.state_dict, task.load_state_dict

    def train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        self._left -= 1
        if self._left == 0:
            signal.raise_signal(signal.SIGINT)
        return self._task.train_epoch(model, optimizer)


def interrupted(folder: Path, noisy: bool) -> Any:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return trained(folder, noisy=noisy, stop=3)


def resumed(folder: Path, noisy: bool) -> Any:
    return trained(folder, noisy=noisy, resume=True)


def undisturbed(folder: Path, noisy: bool) -> Any:
    return trained(folder, noisy=noisy)


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["result"] == pytest.approx(expected["result"], rel=1e-10)
    for name, value in expected["state"].items():
        assert_close(found["state"][name], value)


def test_two_write_what_one_does_and_one_goes_on_where_two_stopped(tmp_path: Path) -> None:
    """Ctrl-C in one of them ends the epoch in both; one process alone finishes."""
    alone = trained(tmp_path / "alone")
    said = together(interrupted, 2, tmp_path / "a", tmp_path / "two", False)
    assert said == ["stopped after epoch 3; resume=True (--resume) continues"] * 2
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["0"]
    written = {path.name for path in (tmp_path / "alone" / "0").iterdir()}
    assert {path.name for path in (tmp_path / "two" / "0").iterdir()} == written - {"results.json"}
    same(trained(tmp_path / "two", resume=True), alone)


def test_two_go_on_where_one_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = trained(tmp_path / "alone")
    model, task = row_problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(KeyboardInterrupt):
        fit(model, Interrupted(task, 2), optimizer, CONFIG, run_dir=tmp_path / "one" / "0", seed=2)
    for found in together(resumed, 2, tmp_path / "a", tmp_path / "one", False):
        same(found, alone)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["0"]


def test_each_draws_for_itself_and_a_resumed_run_draws_the_same(tmp_path: Path) -> None:
    whole = together(undisturbed, 2, tmp_path / "a", tmp_path / "whole", True)
    together(interrupted, 2, tmp_path / "b", tmp_path / "parts", True)
    parts = together(resumed, 2, tmp_path / "c", tmp_path / "parts", True)
    assert not torch.equal(torch.cat(whole[0]["seen"]), torch.cat(whole[1]["seen"]))
    assert whole[0]["result"] == whole[1]["result"]
    for name, value in whole[0]["state"].items():  # what is scored is what is saved
        assert torch.equal(whole[1]["state"][name], value)
    for one, other in zip(whole, parts, strict=True):
        for name, value in one["state"].items():
            assert torch.equal(other["state"][name], value)
        later = one["seen"][-len(other["seen"]) :]
        assert torch.equal(torch.cat(other["seen"]), torch.cat(later))


def refused(folder: Path) -> list[str]:
    """What is refused in each process, and whether another has said it."""
    return [_words(whole_graph, folder), _words(again, folder)]


def _words(attempt: Callable[[Path], None], folder: Path) -> str:
    with pytest.raises(ValueError) as caught:
        attempt(folder)
    told = getattr(caught.value, "told", False)
    return f"{type(caught.value).__name__} {told}: {caught.value}"


def whole_graph(folder: Path) -> None:
    model, optimizer = counter()
    fit(model, ScriptedTask([0.5]), optimizer, TrainConfig(epochs=1))


def again(folder: Path) -> None:
    model, task = row_problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, task, optimizer, CONFIG, run_dir=folder)


def test_what_is_refused_is_refused_by_all_and_said_by_one(tmp_path: Path) -> None:
    again(tmp_path / "run")
    one, other = together(refused, 2, tmp_path / "a", tmp_path / "run")
    assert one[0] == (
        "ValueError False: 2 processes: this recipe takes each step on a whole graph, which has "
        "no batches to divide; run it without torchrun"
    )
    assert one[1].startswith(f"{CheckpointError.__name__} False: {tmp_path}/run/config.yaml: the")
    assert other == [line.replace(" False:", " True:") for line in one]


def left_alone(folder: Path) -> float:
    """Die in the second epoch, or return how long it took to notice that another has."""
    model, task = row_problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    task.train_epoch(model, optimizer)
    if rank() == 1:
        (folder / "returned-1").write_bytes((folder / "nothing").read_bytes())
        os.kill(os.getpid(), signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(RuntimeError):
        task.train_epoch(model, optimizer)
    return time.monotonic() - began


def test_a_process_that_dies_ends_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    torch.save(None, folder / "nothing")
    seconds, _ = together(left_alone, 2, folder, folder)
    assert seconds < 10
