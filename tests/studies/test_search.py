from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.studies import Search
from graphpoly.training import CheckpointError
from tests.stand_in import StandIn, on_nodes
from tests.studies.searches import FIXED, SPLITS, WORDS, search, stored

pytest.importorskip("optuna", reason="optuna, the extra graphpoly[tune], is not installed")


@pytest.fixture(autouse=True)
def dataset(stand_in: StandIn) -> None:
    stand_in("actor", on_nodes(stored()), splits=SPLITS)


class Stops:
    """Progress that presses Ctrl-C in a trial."""

    def __init__(self, trial: int) -> None:
        self.label = f"trial {trial}"

    def start(self, label: str, total: int, done: int, what: str = "") -> None:
        self.now = label

    def update(self, done: int, scores: Mapping[str, float]) -> None:
        if self.now == self.label and done == 2:
            raise KeyboardInterrupt

    def stop(self) -> None:
        pass


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "trial"} for row in rows]


def test_interrupted_and_gone_on_with_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", 5, seeds=1).run()
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut", 5, seeds=1).run(progress=Stops(2))
    again = search(tmp_path / "cut", 5, seeds=1).run()
    assert told(again.rows) == told(whole.rows)
    assert again.rows[2]["trial"] == 3
    assert again.chosen is not None
    assert whole.chosen is not None
    assert again.chosen["settings"] == whole.chosen["settings"]
    assert again.outcome is not None
    assert whole.outcome is not None
    assert again.outcome.experiments["GCN"].mean == whole.outcome.experiments["GCN"].mean
    # a shorter search is the beginning of a longer one, and further trials may be added
    fewer = search(tmp_path / "whole", 3, seeds=1).run()
    assert fewer.rows == whole.rows[:3]
    more = search(tmp_path / "cut", 6, seeds=1).run()
    assert told(more.rows)[:5] == told(whole.rows)


def test_the_seed_decides_what_is_tried(tmp_path: Path) -> None:
    tried = [
        [
            row["settings"]
            for row in search(tmp_path / str(i), 2, seeds=1, search_seed=seed).run().rows
        ]
        for i, seed in enumerate((0, 0, 1))
    ]
    assert tried[0] == tried[1]
    assert all(one != other for one, other in zip(tried[0], tried[2], strict=True))
    assert len({row["lr"] for row in tried[0]}) == 2


def test_the_best_validates_best_and_is_run_as_train_runs_it(tmp_path: Path) -> None:
    tuned = search(tmp_path / "search", 4).run()
    assert tuned.chosen is not None
    assert tuned.outcome is not None
    values = {}
    for row in tuned.rows:
        if row["value"] is not None:
            path = tmp_path / "search" / "trials" / f"{row['trial']:04}" / "seed-0"
            values[row["slot"]] = json.loads((path / "results.json").read_text())["val"]
    best = max(values, key=lambda slot: (values[slot], -slot))
    assert (tuned.chosen["slot"], tuned.chosen["value"]) == (best, values[best])
    overrides = {**FIXED, **tuned.chosen["settings"]}
    alone = run_recipe(
        recipe_for("gcn", "actor"), seeds=2, out=tmp_path / "alone", overrides=overrides
    )
    held = json.loads(tuned.outcome.results.read_text())
    known = json.loads(alone.results.read_text())
    assert held["models"]["GCN"]["test"] == known["models"]["GCN"]["test"]
    assert held.keys() == known.keys()
    assert held["notes"] == ["settings chosen among 4 trials by the validation accuracy of seed 0"]
    record = json.loads(tuned.record.read_text())
    assert tmp_path / "search" / record["results"] == tuned.outcome.results
    assert record["chosen"] == tuned.chosen


def test_test_scores_decide_nothing(tmp_path: Path, stand_in: StandIn) -> None:
    plain = search(tmp_path / "plain", 3, seeds=1).run()
    turned = stored()
    turned.y = turned.y.clone()
    hidden = turned.test_mask[:, 0]
    turned.y[hidden] = 1 - turned.y[hidden]  # what is right of the first division is wrong now
    stand_in("actor", on_nodes(turned), splits=SPLITS)
    adverse = search(tmp_path / "adverse", 3, seeds=1).run()
    assert adverse.rows == plain.rows
    assert adverse.chosen == plain.chosen
    assert adverse.outcome is not None
    assert plain.outcome is not None
    one, other = (each.outcome.experiments["GCN"].runs[0] for each in (adverse, plain))  # type: ignore[union-attr]
    assert one.test == pytest.approx(1 - other.test)
    assert one.val == other.val


def test_trials_of_other_data_do_not_join(tmp_path: Path, stand_in: StandIn) -> None:
    """Such as another file of the same name, or a file that was mended meanwhile."""
    first = search(tmp_path / "search", 1, seeds=1).run()
    other = stored()
    other.x = 2 * other.x
    stand_in("actor", on_nodes(other), splits=SPLITS)
    with pytest.raises(CheckpointError, match=r'search\.json: this run has data = "\w+", not'):
        search(tmp_path / "search", 2, seeds=1).run()
    stand_in("actor", on_nodes(stored()), splits=SPLITS)
    again = search(tmp_path / "search", 2, seeds=1).run()
    assert again.rows[0] == first.rows[0]
    assert len(list((tmp_path / "search" / "trials").iterdir())) == 2


def test_settings_that_cannot_be_trained_are_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphpoly.studies import search as module

    def diverges(recipe: Any, **options: Any) -> Any:
        if recipe.settings.lr > 0.01:
            raise ValueError("no epoch of 4 had a finite validation value")
        return run_recipe(recipe, **options)

    monkeypatch.setattr(module, "run_recipe", diverges)
    tuned = search(tmp_path / "some", 4, seeds=1).run()
    lost = [row for row in tuned.rows if row["settings"]["lr"] > 0.01]
    assert 0 < len(lost) < 4
    assert {(row["value"], row["reason"]) for row in lost} == {
        (None, "no epoch of 4 had a finite validation value")
    }
    assert tuned.chosen is not None
    assert tuned.chosen["settings"]["lr"] <= 0.01

    def fails(recipe: Any, **options: Any) -> Any:
        raise ValueError("heads: 3 do not divide 8")

    monkeypatch.setattr(module, "run_recipe", fails)
    with pytest.raises(ValueError, match="none of 2 was trained; heads: 3 do not divide 8"):
        search(tmp_path / "none", 2).run()


def test_a_folder_is_of_one_search(tmp_path: Path) -> None:
    search(tmp_path / "search", 1, seeds=1).run()
    for other, what in (
        (search(tmp_path / "search", 1, search_seed=1), "search_seed"),
        (search(tmp_path / "search", 1, model="sgc", fixed={"epochs": 4}), "name"),
        (search(tmp_path / "search", 1, fixed={**FIXED, "dropout": 0.5}), "dropout"),
        (search(tmp_path / "search", 1, fixed={**FIXED, "epochs": 5}), "epochs"),
    ):
        with pytest.raises(CheckpointError, match=rf"search\.json: this run has .*{what}"):
            other.run()
    run_recipe(recipe_for("gcn", "actor"), seeds=1, out=tmp_path / "run", overrides=FIXED)
    with pytest.raises(CheckpointError, match="the directory holds a run already"):
        search(tmp_path / "run").run()
    with pytest.raises(CheckpointError, match=r"search\.json: the directory holds a run already"):
        run_recipe(recipe_for("gcn", "actor"), seeds=1, out=tmp_path / "search")
    log = tmp_path / "search" / "trials.log"
    log.write_text("{nonsense\n" + log.read_text())
    with pytest.raises(CheckpointError, match=r"trials\.log: cut short or altered"):
        search(tmp_path / "search", 1).run()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gcn"], "expected a model and a dataset, and KEY=VALUE; got gcn"),
        (["gcn", "actor", "Kk=3"], "unknown key of gcn/actor 'Kk'"),
        (["gcn", "actor", "--trials", "0"], "trials: got 0, expected at least 1"),
        (["gcn", "actor", "--seeds", "0"], "seeds: got 0, expected at least 1"),
        (["gcn", "actr"], "unknown dataset 'actr'"),
        (["gcn", "sr251256"], "dataset: sr251256 asks for pairs and has no part to validate on"),
        (["sgc", "actor", "lr=1", "weight_decay=0", "settings.K=2"], "settings: nothing to search"),
    ],
)
def test_usage_errors_are_one_line(words: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["tune", *words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


def test_the_command(tmp_path: Path) -> None:
    words = ["tune", "gcn", "actor", *WORDS, "--trials", "2", "--seeds", "2", "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "search.json").read_text())
    held = json.loads((tmp_path / record["results"]).read_text())["models"]["GCN"]["test"]
    assert f"{100 * held['mean']:.2f} ± {100 * held['std']:.2f}" in done.stdout
    assert f"validation accuracy {record['chosen']['value']:.4f}, the best of 2" in done.stdout
    as_json = CliRunner().invoke(app, [*words, str(tmp_path), "--json"])
    assert as_json.stdout == (tmp_path / record["results"]).read_text()


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(self: Search, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "run", pressed)
    done = CliRunner().invoke(app, ["tune", "gcn", "actor", "--out", str(tmp_path)])
    assert (done.exit_code, done.stderr) == (
        1,
        "interrupted; the same command goes on from here\n",
    )
