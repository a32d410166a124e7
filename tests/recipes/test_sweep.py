from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphpoly import registry
from graphpoly.recipes import run_recipe

TINY = {"epochs": 2, "patience": 1, "num_nodes": 60, "num_features": 20, "steps": 2, "K": 2}


def test_every_model_runs_at_every_position_and_is_drawn(tmp_path: Path) -> None:
    outcome = run_recipe("csbm-sweep", out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    results = json.loads(outcome.results.read_text())
    assert [part["phi"] for part in results["parts"]] == [-1.0, 1.0]
    recipe = registry.get("recipe", "csbm-sweep").obj
    for part in results["parts"]:
        assert list(part["models"]) == list(recipe.models)
        assert all(model["num_seeds"] == 2 for model in part["models"].values())
    left = results["parts"][0]["models"]
    first, yardstick = (left[name]["test"]["mean"] for name in ("OptBasisGNN", "GPRGNN"))
    assert outcome.experiments["OptBasisGNN at phi=-1"].mean == first
    gap = 100 * (first - yardstick)
    assert outcome.messages[0].startswith(
        f"OptBasisGNN against GPRGNN at the heterophilous end: {gap:+.2f} points"
    )
    pytest.importorskip("matplotlib")
    figure = (tmp_path / "sweep.svg").read_text()
    assert figure.startswith("<svg xmlns=")
    assert all(name in figure for name in recipe.models)
