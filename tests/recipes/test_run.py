from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from graphpoly import registry
from graphpoly.recipes import Outcome, Recipe, RunOptions, brec, compare, resolve_device, run_recipe
from graphpoly.training import CheckpointError, Experiment
from graphpoly.training.run_directory import lock


def experiment(mean: float) -> Experiment:
    return Experiment("m", mean, 0.01, 0.01, {}, 1.0, 1)


@pytest.mark.parametrize(
    ("name", "mean", "difference", "within", "reached"),
    [
        ("optbasis/chameleon", 0.7426, 0.0, True, True),
        ("optbasis/chameleon", 0.7360, -0.66, True, True),
        ("optbasis/chameleon", 0.7340, -0.86, False, False),
        ("optbasis/chameleon", 0.7700, 2.74, False, True),
        ("gin/ogbg-molhiv", 0.7600, 0.0042, True, True),
        ("gin/ogbg-molhiv", 0.7400, -0.0158, False, False),
    ],
)
def test_comparison_is_in_the_published_unit(
    name: str, mean: float, difference: float, within: bool, reached: bool
) -> None:
    compared = compare(registry.get("recipe", name).obj, experiment(mean))
    assert compared is not None
    assert compared["difference"] == pytest.approx(difference)
    assert (compared["within_interval"], compared["reached"]) == (within, reached)


def test_nothing_published_nothing_compared() -> None:
    assert compare(registry.get("recipe", "demo").obj, experiment(0.9)) is None


@pytest.mark.parametrize("name", [entry.name for entry in registry.entries("recipe")])
def test_every_recipe_leaves_a_folder_that_holds_a_run_as_it_is(name: str, tmp_path: Path) -> None:
    ran: list[Path] = []

    def execute(recipe: Recipe, options: RunOptions) -> Outcome:
        ran.append(options.out)
        with pytest.raises(CheckpointError, match="another process is writing"):
            contend(run_recipe, recipe, out=options.out, resume=True)
        return Outcome(recipe, {}, options.out / "results.json")

    recipe = dataclasses.replace(registry.get("recipe", name).obj, execute=execute)
    run_recipe(recipe, out=tmp_path / "new")
    assert ran == [tmp_path / "new"]
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "results.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"results\.json: the directory holds a run already"):
        run_recipe(recipe, out=tmp_path / "held")
    assert len(ran) == 1
    run_recipe(recipe, out=tmp_path / "held", resume=True)
    assert len(ran) == 2


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
