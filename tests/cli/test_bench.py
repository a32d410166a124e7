from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphpoly.cli import bench
from graphpoly.cli.app import app


def test_measures_one_operator_and_writes_the_files(tmp_path: Path) -> None:
    arguments = ["bench", "--size", "cora", "--op", "common_neighbors", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--threads", "1", "--json"])
    assert result.exit_code == 0, result.stderr
    printed = json.loads(result.stdout)
    kept = json.loads((tmp_path / "ops.json").read_text())
    assert kept["cases"] == printed["cases"]
    assert {case["op"] for case in kept["cases"]} == {"common neighbours"}
    ours = [case["contestants"][0] for case in kept["cases"]]
    assert all(row["name"] == "graphpoly" and row["ms"] > 0 for row in ours)
    assert "## common neighbours, cora, F=64, forward" in (tmp_path / "ops.md").read_text()


def test_without_a_checkout_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "_checkout", lambda: None)
    result = CliRunner().invoke(app, ["bench"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "checkout of the source" in result.stderr


def test_an_unknown_size_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["bench", "--size", "coar"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: size: got 'coar'; accepted are cora, arxiv, products\n"
