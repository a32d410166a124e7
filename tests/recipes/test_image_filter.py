from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphpoly.data import image_filter_task, smooth_images
from graphpoly.recipes import run_recipe
from graphpoly.training import CheckpointError
from tests.stand_in import StandIn, alone


@pytest.fixture
def images(stand_in: StandIn) -> None:
    data = smooth_images(20, 20, 3, seed=1)
    data.x = data.x.double()
    for name in ("low", "high", "band", "comb"):
        stand_in(f"images-{name}", alone(image_filter_task(data, name)))


def run(name: str, out: Path, **overrides: int) -> dict:
    outcome = run_recipe(f"image-filter/{name}", out=out, device="cpu", overrides=overrides)
    return json.loads(outcome.results.read_text())


def test_low_and_high_are_one_problem(images: None, tmp_path: Path) -> None:
    low = run("low", tmp_path / "low")["models"]["OptBasisConv"]
    high = run("high", tmp_path / "high")["models"]["OptBasisConv"]
    assert low["test"]["mean"] == pytest.approx(high["test"]["mean"], rel=1e-6)
    assert low["compared"]["published"] == 0.0003
    assert low["compared"]["agrees"] is None


def test_a_higher_order_fits_better_and_an_override_is_no_comparison(
    images: None, tmp_path: Path
) -> None:
    ten = run("comb", tmp_path / "ten")["models"]["OptBasisConv"]
    four = run("comb", tmp_path / "four", K=4)["models"]["OptBasisConv"]
    assert ten["test"]["mean"] < four["test"]["mean"]
    assert ten["compared"]["comparable"]
    assert not four["compared"]["comparable"]


def test_results_are_not_overwritten(images: None, tmp_path: Path) -> None:
    run("band", tmp_path)
    with pytest.raises(CheckpointError, match="holds a run already"):
        run("band", tmp_path)
