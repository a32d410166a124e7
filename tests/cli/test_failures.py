"""What a failure says and leaves, and of which verbs an interrupt may say that they go on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.cli.failures import FAILED, RESUME, failing_with
from graphpoly.data import DatasetError
from tests.stand_in import StandIn


def commands(group: typer.Typer) -> list[typer.models.CommandInfo]:
    found = list(group.registered_commands)
    for inner in group.registered_groups:
        found += commands(inner.typer_instance)
    return found


@pytest.mark.parametrize(
    ("again", "said"),
    [(None, "interrupted\n"), (RESUME, f"interrupted; {RESUME} goes on from here\n")],
)
def test_an_interrupt_is_one_line(
    again: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, failing_with(FAILED, debug=False, again=again):
        raise KeyboardInterrupt
    assert caught.value.exit_code == FAILED
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "arguments", ["list", pytest.param("list --json", marks=pytest.mark.slow), "show csbm"]
)
def test_a_reader_who_has_had_enough_hears_no_complaint(arguments: str) -> None:
    code = (
        f"import sys; sys.argv[1:] = {arguments.split()}; import graphpoly.cli.app as a; a.main()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


MINE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, in_channels, out_channels):
        raise ValueError("no such layer")

def data():
    raise ValueError("no such file")
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train gcn actor", "no network"),
        ("train refusing_mine:Net csbm", "no such layer"),
        ("train gcn refusing_mine:data", "no such file"),
        ("train gcn csbm --device tpu", "unknown device"),
        ("train gcn csbm split=public", "unknown split"),
        ("train demo num_nodes=3", "num_nodes"),
        ("tune gcn csbm", "optuna is missing"),
        ("tune gcn actor", "optuna is missing"),
        ("compare gcn mlp csbm", "optuna is missing"),
        ("compare gcn gcn csbm", "GCN is named twice"),
        ("compare gcn csbm", "expected at least 2"),
    ],
)
def test_what_is_refused_before_it_began_leaves_nothing(
    arguments: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    def absent(*given: object) -> None:
        raise DatasetError("dataset 'actor': no network")

    stand_in("actor", absent)
    (tmp_path / "refusing_mine.py").write_text(MINE)
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code != 0
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["refusing_mine.py"]


@pytest.mark.parametrize("arguments", ["tune gcn actor", "compare gcn mlp actor"])
def test_a_search_without_its_dataset_leaves_nothing(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    pytest.importorskip("optuna", reason="optuna, the extra graphpoly[tune], is not installed")

    def absent(*given: object) -> None:
        raise DatasetError("dataset 'actor': no network")

    stand_in("actor", absent)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments.split())
    assert "no network" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_only_a_verb_that_can_resume_says_so() -> None:
    callbacks = [command.callback for command in commands(app) if command.callback]
    assert len(callbacks) > 15
    for verb in callbacks:
        says = "again=RESUME" in inspect.getsource(verb)
        assert says == ("resume" in inspect.signature(verb).parameters), verb.__name__
