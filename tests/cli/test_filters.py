from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.recipes import run_recipe


def test_writes_the_page_and_says_where(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    tiny = {"epochs": 2, "num_nodes": 60, "K": 2}
    run_recipe("demo", out=tmp_path, seeds=1, device="cpu", overrides=tiny)
    page = tmp_path / "other.html"
    result = CliRunner().invoke(app, ["filters", str(tmp_path), "--out", str(page)])
    assert (result.exit_code, result.stdout) == (0, f"filters: {page}\n")
    assert "<svg" in page.read_text()


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = CliRunner().invoke(app, ["filters", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {tmp_path}: holds no results.json; give the folder of a finished run\n"
    )
