"""A name that is wrong is answered before torch is read, in the registry's own words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.names_page import PATH
from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.models.settings import settings_of
from tests.children import run


def test_the_committed_names_are_those_of_the_registry() -> None:
    code = "from benchmarks.names_page import render; print(render(), end='')"
    assert PATH.read_text(encoding="utf-8").strip() == run(code).strip()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["optbasis/chamelion"], lambda: registry.get("recipe", "optbasis/chamelion")),
        (["favrd", "cora"], lambda: settings_of("favrd")),
        (["zzz"], lambda: registry.get("recipe", "zzz")),
    ],
)
def test_wrong_names_are_answered_without_torch(words: list[str], asked: object) -> None:
    code = (
        "import sys; from graphpoly.cli.app import app; "
        f"code = app(['train', *{words!r}], standalone_mode=False); "
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "2 False", done.stderr
    assert callable(asked)
    with pytest.raises(ValueError, match="unknown") as raised:
        asked()
    said, expected = done.stderr.strip().removeprefix("error: "), str(raised.value)
    # other tests may have registered more, which a list of all shows
    assert said == expected or (said.startswith(expected.partition("known:")[0]) and "zzz" in words)


@pytest.mark.parametrize(
    "words", [[], ["demo"], ["FAVARD", "cora"], ["here:net", "cora"], ["favard"], ["a", "b", "c"]]
)
def test_what_may_be_right_is_left_to_the_registry(words: list[str]) -> None:
    code = f"from graphpoly.cli.names import check_names; check_names({words!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_model_on_a_dataset_by_the_name_of_its_results_is_told_how_it_is_trained() -> None:
    code = "from graphpoly.cli.names import check_names; check_names(['gcn/csbm'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "unknown recipe 'gcn/csbm'; a model and a dataset are two words" in done.stderr
    assert "graphpoly train gcn csbm" in done.stderr


@pytest.mark.parametrize("name", ["PRMPNN", "fosr"])
def test_a_rewiring_in_place_of_a_model_is_told_how_it_is_used(name: str) -> None:
    code = f"from graphpoly.cli.names import check_names; check_names([{name!r}, 'MUTAG'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert f"graphpoly train MODEL MUTAG rewire={name.lower()}" in done.stderr


@pytest.mark.parametrize("name", ["csbm", "mine.pt"])
def test_a_dataset_before_its_model_is_told_the_order(name: str) -> None:
    code = f"from graphpoly.cli.names import check_names; check_names([{name!r}, 'GCN'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert f"{name}: is no model" in done.stderr
    assert f"graphpoly train GCN {name}" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "train nets/own.py",
        "train nets/own.py cora",
        "tune nets/own.py cora",
        "train gcn nets/own.py",
        "compare gcn nets/own.py cora",
        "show nets/own.py",
        "expressivity model nets/own.py",
        "rewire nets/own.py edges=3",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_file_of_code_is_told_how_it_is_named(
    words: str, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    if there:
        (tmp_path / "nets" / "own.py").write_text("")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert "of a file of code name what is in it, too: nets.own:NAME" in done.stderr
    assert done.stderr.count("\n") == 1
