from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from graphpoly import registry
from graphpoly.exams import brec
from graphpoly.recipes import compare, resolve_device, run_recipe
from graphpoly.training import CheckpointError, Experiment
from graphpoly.training.run_directory import lock
from tests.stand_in import StandIn


def experiment(mean: float, ci95: float = 0.01) -> Experiment:
    return Experiment("m", mean, 0.01, ci95, {}, 1.0, 1)


@pytest.mark.parametrize(
    ("name", "mean", "ci95", "difference", "agrees", "reached"),
    [
        ("optbasis/chameleon", 0.7426, 0.01, 0.0, True, True),
        ("optbasis/chameleon", 0.7360, 0.001, -0.66, True, True),
        # 74.26 ± 0.74 and 72.60 ± 1 have a point in common, 72.50 ± 1 has none
        ("optbasis/chameleon", 0.7260, 0.01, -1.66, True, False),
        ("optbasis/chameleon", 0.7250, 0.01, -1.76, False, False),
        ("optbasis/chameleon", 0.7700, 0.01, 2.74, False, True),
        ("gin/ogbg-molhiv", 0.7600, 0.001, 0.0042, True, True),
        ("gin/ogbg-molhiv", 0.7400, 0.001, -0.0158, False, False),
        # one run has no interval; a figure without one is judged by ours alone
        ("optbasis/chameleon", 0.7360, math.nan, -0.66, True, True),
        ("image-filter/low", 0.0003, math.nan, 0.0, None, True),
        ("fegnn/actor", 0.4000, 0.006, -0.54, True, False),
    ],
)
def test_comparison_is_in_the_published_unit_and_by_both_intervals(
    name: str, mean: float, ci95: float, difference: float, agrees: bool | None, reached: bool
) -> None:
    compared = compare(registry.get("recipe", name).obj, experiment(mean, ci95))
    assert compared is not None
    assert compared["difference"] == pytest.approx(difference)
    assert (compared["agrees"], compared["reached"]) == (agrees, reached)


def test_nothing_published_nothing_compared() -> None:
    assert compare(registry.get("recipe", "demo").obj, experiment(0.9)) is None


@pytest.mark.parametrize("name", [entry.name for entry in registry.entries("recipe")])
def test_every_recipe_leaves_a_folder_that_holds_a_run_as_it_is(
    name: str, tmp_path: Path, stand_in: StandIn
) -> None:
    ran: list[Path] = []
    recipe = registry.get("recipe", name).obj

    class Reached(Exception):
        pass

    def load(*given: object) -> None:
        ran.append(tmp_path)
        with pytest.raises(CheckpointError, match="another process is writing"):
            contend(run_recipe, recipe, out=tmp_path / "new", resume=True)
        raise Reached

    stand_in(recipe.data.name, load)
    with pytest.raises(Reached):
        run_recipe(recipe, out=tmp_path / "new")
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "results.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"results\.json: the directory holds a run already"):
        run_recipe(recipe, out=tmp_path / "held")
    assert len(ran) == 1


def test_brec_keeps_the_same_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brec, "load_brec", lambda root: None)
    with lock(tmp_path), pytest.raises(CheckpointError, match="another process is writing"):
        contend(brec.run_brec, "GIN", out=tmp_path, pairs=[0], seeds=[0], resume=True)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"results\.json: the directory holds a run already"):
        brec.run_brec("GIN", out=tmp_path, pairs=[0], seeds=[0])


def contend(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call something as another process would see it: without the locks of this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call, *arguments, **options).result()


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="unknown device 'cudaa'; did you mean 'cuda'"):
        resolve_device("cudaa")
    count = torch.cuda.device_count()
    with pytest.raises(ValueError, match=f"device 'cuda:{count}': this machine has"):
        resolve_device(f"cuda:{count}")
