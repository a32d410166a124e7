"""The page of reproduced figures says what the result files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results_page
from graphpoly import registry

ROOT = Path(__file__).parents[2]


def result(**changes: Any) -> dict[str, Any]:
    model = {
        "test": {"mean": 0.5, "std": 0.01, "ci95": [0.49, 0.52]},
        "num_seeds": 3,
        "maximize": True,
        "compared": {"comparable": True, "difference": -3.5},
    }
    recipe = registry.get("recipe", "jacobi/texas").obj.to_dict()
    return {
        **recipe,
        "recipe": "jacobi/texas",
        "overridden": [],
        "settings": {**recipe["settings"], "legacy_sign": True, "a": -0.5, "b": 0.0},
        "published": {"mean": 53.5, "interval": 1.0, "unit": "%", "source": "a table"},
        "models": {"JacobiGNN": model},
        **changes,
    }


def test_the_committed_page_is_that_of_the_committed_files() -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page == results_page.render(results_page.load())


def test_every_result_is_of_a_registered_recipe_and_names_its_splits() -> None:
    for found in results_page.load():
        assert registry.get("recipe", found["recipe"]).name == found["recipe"]
        assert found["seeds"]
        assert "parts" in found or len(found["splits"]) == len(found["seeds"])


def test_a_row_carries_the_figures_and_judges_them() -> None:
    page = results_page.render([result()])
    assert (
        "| `jacobi/texas` | dense | 53.50 ± 1.00 | 50.00 ± 1.00 | 3 | 49.00 to 52.00 | -3.50 "
        "| below |"
    ) in page
    assert "`favard/citeseer`" in page.partition("## Not run")[2]
    assert "`jacobi/texas`" not in page.partition("## Not run")[2]


def test_a_result_of_older_settings_is_no_verdict() -> None:
    now = result()
    assert results_page.outdated(now) == []
    was = result(protocol={**now["protocol"], "stopping": "mean", "num_splits": 3, "patience": 7})
    assert results_page.outdated(was) == ["patience", "stopping"]
    page = results_page.render([was])
    assert "| older settings |" in page
    assert "| below |" not in page
    was["overridden"] = ["patience", "stopping"]
    assert results_page.outdated(was) == []


def test_older_settings_are_named_where_nothing_was_published() -> None:
    model = {**result()["models"]["JacobiGNN"], "compared": None}
    now = result(published=None, models={"JacobiGNN": model})
    was = {**now, "protocol": {**now["protocol"], "stopping": "mean"}}
    assert "| older settings |" not in results_page.render([now])
    assert "| older settings |" in results_page.render([was])


def test_an_error_is_no_share() -> None:
    model = {**result()["models"]["JacobiGNN"], "compared": None}
    assert "| 50.00 " in results_page.render([result(published=None, models={"JacobiGNN": model})])
    model |= {"metric": "mae", "maximize": False}
    assert "| 0.5000 " in results_page.render([result(published=None, models={"JacobiGNN": model})])


@pytest.mark.parametrize(
    ("key", "was"),
    [("dataset", "cornell"), ("metric", "rocauc"), ("rewire", {"method": "FoSR", "edges": 5})],
)
def test_a_result_on_other_data_is_no_verdict(key: str, was: Any) -> None:
    found = result(**{key: was})
    assert results_page.outdated(found) == [key]
    assert "| older settings |" in results_page.render([found])
    found["overridden"] = [key if key != "rewire" else "rewire.edges"]
    assert results_page.outdated(found) == []


@pytest.mark.parametrize(
    ("part", "key", "was"),
    [
        ("protocol", "split", "stratified"),
        ("reading", "directed", True),
    ],
)
def test_a_result_that_read_or_divided_the_data_otherwise_is_no_verdict(
    part: str, key: str, was: Any
) -> None:
    now = result()
    assert results_page.outdated({**now, part: {**now.get(part, {}), key: was}}) == [key]


@pytest.mark.parametrize(
    ("key", "was", "found"),
    [
        ("grad_clip", 1.0, ["grad_clip"]),
        ("least_lr", "none", []),
        ("patience", None, ["patience"]),
        ("batch_size", 32, []),  # left to the task today, which may take as many
    ],
)
def test_none_is_a_value_but_for_the_size_of_batches(key: str, was: Any, found: list[str]) -> None:
    now = result()
    then = {**now["protocol"], key: was}
    assert results_page.outdated({**now, "protocol": then}) == found
    del then[key]
    younger = [] if key != "patience" else ["patience"]
    assert results_page.outdated({**now, "protocol": then}) == younger


def test_intervals_that_touch_agree() -> None:
    near = {"mean": 52.5, "interval": 1.0, "unit": "%", "source": "a table"}
    assert results_page.render([result(published=near)]).count("| agrees |") == 1


def test_another_setting_is_no_reproduction() -> None:
    model = json.loads(json.dumps(result()["models"]["JacobiGNN"]))
    model["compared"]["comparable"] = False
    model["test"]["mean"] = 0.6
    right = result(
        overridden=["legacy_sign"],
        settings={"legacy_sign": False, "a": -0.5, "b": 0.0},
        models={"JacobiGNN": model},
    )
    page = results_page.render([result(), right])
    assert "| `jacobi/texas legacy_sign=False` |" in page
    assert "| other settings |" in page
    assert (
        "texas (a = -0.5, b = 0): 50.00 with the published recurrence, 60.00 with the right one"
    ) in page


def test_runs_are_collected_under_what_differs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    held = result(overridden=["legacy_sign"], root="/home/somebody/data")
    (run / "results.json").write_text(json.dumps(held))
    (run / "sweep.svg").write_text("<svg/>")
    results_page.collect([run], tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["jacobi-texas-legacy_sign=True.json", "jacobi-texas-legacy_sign=True.svg"]
    assert "somebody" not in (tmp_path / "out" / names[0]).read_text()
