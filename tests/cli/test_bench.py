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


def _case(family: str, ms: float) -> dict[str, object]:
    row = {"name": "graphpoly", "ms": ms, "fastest_ms": ms, "runs": 3, "error": 0.0, "note": ""}
    peer = {**row, "name": "PyG", "ms": 4 * ms, "fastest_ms": 3 * ms}
    case = {"family": family, "op": family, "graph": "cora", "channels": 64, "order": None}
    return {**case, "direction": "forward", "gathered_bytes": 0, "contestants": [row, peer]}


def test_a_run_of_one_operator_keeps_the_others() -> None:
    from benchmarks import report

    before = {"cases": [_case("one", 1.0), _case("two", 2.0), _case("gone", 9.0)]}
    merged = report.merge(before, {"cases": [_case("two", 5.0)]}, ["two", "one"], ["cora"])
    assert [(c["family"], c["contestants"][0]["ms"]) for c in merged["cases"]] == [
        ("two", 5.0),
        ("one", 1.0),
    ]
    assert report.summary(merged)[2] == "| two, cora, F=64, forward | 5 | PyG | 4.00 | PyG | 4.00 |"
    assert report.all_correct(merged)
