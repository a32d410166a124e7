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
    assert results["phis"] == [-1.0, 1.0]
    recipe = registry.get("recipe", "csbm-sweep").obj
    assert list(results["models"]) == list(recipe.models)
    for positions in results["models"].values():
        assert len(positions) == 2
        assert all(set(runs) == {"0", "1"} for runs in positions)
    first = results["models"]["OptBasisGNN"][0]
    assert outcome.experiments["OptBasisGNN at -1"].runs[1].test == first["1"]
    yardstick = results["models"]["GPRGNN"][0]
    gap = 50 * sum(first[seed] - yardstick[seed] for seed in ("0", "1"))
    assert outcome.messages[0].startswith(
        f"OptBasisGNN against GPRGNN at the heterophilous end: {gap:+.2f} points"
    )
    pytest.importorskip("matplotlib")
    figure = (tmp_path / "sweep.svg").read_text()
    assert figure.startswith("<svg xmlns=")
    assert all(name in figure for name in recipe.models)
