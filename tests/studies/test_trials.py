from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from graphpoly.studies.spaces import Choice, Range
from graphpoly.studies.trials import Curve, Trials

SPACE = {"lr": Range(1e-4, 1e-1, log=True), "K": Range(1, 10), "width": Choice((8, 16))}
needs_optuna = pytest.mark.skipif(
    "optuna" not in sys.modules and not __import__("importlib").util.find_spec("optuna"),
    reason="optuna, the extra graphpoly[tune], is not installed",
)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def trials(folder: Path, **further: Any) -> Trials:
    return Trials(folder, SPACE, **{"maximize": True, "epochs": 100, "seed": 0, **further})


def value(trial: Any) -> float:
    return float(trial.params["K"]) - abs(trial.params["lr"] - 0.01)


def finish(held: Trials, count: int) -> None:
    while True:
        with held.next(count) as trial:
            if trial is None:
                return
            held.tell(trial, value(trial))


def in_child(work: Any) -> None:
    """Do something in a process that then ends as if it were killed."""
    child = os.fork()
    if child == 0:
        try:
            Context().run(work)  # in which no folder is held
        finally:
            os._exit(9)
    os.waitpid(child, 0)


@needs_optuna
def test_draws_are_within_the_space(tmp_path: Path) -> None:
    held = trials(tmp_path)
    finish(held, 15)
    for row in held.rows(15):
        settings = row["settings"]
        assert 1e-4 <= settings["lr"] <= 1e-1
        assert type(settings["K"]) is int
        assert 1 <= settings["K"] <= 10
        assert settings["width"] in (8, 16)
    assert held.best(15)["value"] == max(row["value"] for row in held.rows(15))
    assert held.best(4) == max(held.rows(4), key=lambda row: row["value"])


@needs_optuna
@needs_fork
def test_a_killed_trial_is_repeated_in_its_place(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, killed = trials(tmp_path / "whole"), trials(tmp_path / "killed")
    finish(whole, 14)

    def dies() -> None:
        with trials(tmp_path / "killed").next(14):
            os._exit(9)

    finish(killed, 3)
    in_child(dies)
    finish(killed, 12)
    in_child(dies)
    assert not killed.running()
    finish(killed, 14)
    assert [row["settings"] for row in killed.rows(14)] == [
        row["settings"] for row in whole.rows(14)
    ]
    assert [row["trial"] for row in killed.rows(14)] == [0, 1, 2, *range(4, 13), 14, 15]


@needs_optuna
@needs_fork
def test_processes_share_the_trials(tmp_path: Path) -> None:
    held = trials(tmp_path)
    with held.next(3) as mine:
        in_child(lambda: finish(trials(tmp_path), 3))
        assert [row["slot"] for row in held.rows(3)] == [1, 2]
        held.tell(mine, 1.0)

    def watches() -> None:
        with held.next(4) as other:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                running = Context().run(trials(tmp_path).running)
                os.write(write, str(running).encode())
                os._exit(0)
            os.waitpid(child, 0)
            assert os.read(read, 9) == b"True"
            held.tell(other, 0.0)

    watches()
    assert not held.running()
    with held.next(4) as none:
        assert none is None


@needs_optuna
@needs_fork
def test_who_is_killed_while_it_writes_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every write, having written half of it; in a folder whose path is relative."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits for the dead"))
    whole, killed, real = Path("whole"), Path("killed"), os.fsync
    for folder in (whole, killed):
        folder.mkdir()
    finish(trials(whole), 4)
    for number in range(40):
        writes = itertools.count()

        def half_written(handle: int, number: int = number, writes: Any = writes) -> None:
            real(handle)
            if next(writes) == number:
                os.ftruncate(handle, os.fstat(handle).st_size - 9)
                os._exit(9)

        def work(fsync: Any = half_written) -> None:
            os.fsync = fsync
            finish(trials(killed), 4)

        in_child(work)
    finish(trials(killed), 4)
    found, wanted = trials(killed).rows(4), trials(whole).rows(4)
    assert [{**row, "trial": 0} for row in found] == [{**row, "trial": 0} for row in wanted]


@needs_optuna
def test_a_full_disk_is_named_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = trials(tmp_path)
    finish(held, 2)

    def full(handle: int) -> None:
        os.truncate(tmp_path / "trials.log", os.fstat(handle).st_size - 9)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"'.*trials\.log'"):
            finish(held, 3)
    finish(again := trials(tmp_path), 3)
    assert again.rows(2) == held.rows(2)
    assert [row["slot"] for row in again.rows(3)] == [0, 1, 2]


@needs_optuna
def test_smaller_is_better_where_it_is(tmp_path: Path) -> None:
    held = trials(tmp_path, maximize=False)
    finish(held, 4)
    assert held.best(4)["value"] == min(row["value"] for row in held.rows(4))


class Told:
    """A trial that writes down what it is told."""

    number = 0

    def __init__(self) -> None:
        self.reports: list[tuple[float, int]] = []

    def report(self, value: float, step: int) -> None:
        self.reports.append((value, step))

    def should_prune(self) -> bool:
        return len(self.reports) == 3


class OnlyVal(Mapping[str, float]):
    """Scores of which nothing but the validation may be read."""

    def __init__(self, val: float) -> None:
        self.val = val

    def __getitem__(self, key: str) -> float:
        assert key == "val"
        return self.val

    def __iter__(self) -> Iterator[str]:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


@needs_optuna
@pytest.mark.parametrize(("maximize", "best"), [(True, [0.3, 0.9, 0.9]), (False, [0.3, 0.3, 0.1])])
def test_a_curve_reports_the_best_so_far_and_nothing_else(
    maximize: bool, best: list[float], tmp_path: Path
) -> None:
    held, trial = trials(tmp_path, maximize=maximize), Told()  # of 100 epochs every other
    curve = Curve(held, trial)
    curve.start("seed 0", 100, 0)
    values = [float("nan"), 0.3, 0.9, 0.5, 0.1]
    for epoch, val in enumerate(values, 1):
        curve.update(epoch, OnlyVal(val))
    with pytest.raises(held.pruned, match="behind after epoch 6"):
        curve.update(6, OnlyVal(0.2))
    curve.stop()
    assert trial.reports == list(zip(best, (2, 4, 6), strict=True))


def test_without_optuna_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"optuna is missing: pip install 'graphpoly\[tune\]'"):
        trials(tmp_path)
