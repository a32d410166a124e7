from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphpoly import __version__
from graphpoly.cli.app import app

# prints what a user would see, and then whether torch was loaded for it
PROBE = """
import sys
from graphpoly.cli.app import main
sys.argv = ["graphpoly", *{arguments!r}]
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["tune", "--help"],
        ["compare", "--help"],
        ["list", "--help"],
        ["bench", "--help"],
        [],
    ],
)
def test_help_loads_no_torch(arguments: list[str]) -> None:
    code = PROBE.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == (0 if arguments else 2)
    assert done.stderr.splitlines()[-1] == "False"


def test_help_answers_within_a_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "graphpoly.cli.app", "--help"], check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of the processor's time: what else the machine is doing does not count
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


VERBS = ("tune", "compare", "report", "filters", "export", "rewire", "robustness", "show")


@pytest.mark.parametrize("arguments", [[verb] for verb in VERBS] + [["expressivity", "model"]])
def test_a_verb_alone_says_how_it_is_used(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr or result.stderr.startswith("error: ")
    assert isinstance(result.exception, SystemExit)


def test_train_alone_is_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "results.json").touch()
    result = CliRunner().invoke(app, ["train"])
    assert result.exit_code == 1
    assert "runs/demo/results.json: the directory holds a run already" in result.stderr


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"graphpoly {__version__}\n")


def test_help_names_the_verbs() -> None:
    result = CliRunner().invoke(app, ["--help"])
    for verb in ("train", "list", "info"):
        assert f"\n  {verb} " in result.stdout


@pytest.mark.parametrize("arguments", [["trainn"], ["--nonsense"], ["list", "--nonsense"]])
def test_what_is_no_command_is_a_usage_error(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
