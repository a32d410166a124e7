from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ttest_rel
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.studies import Contest, Search, Tuned, judge_scores
from graphpoly.studies.statistics import corrected_t, critical_difference, wilcoxon_p
from tests.stand_in import StandIn, on_nodes
from tests.studies.searches import SPLITS, stored

needs_optuna = pytest.mark.skipif(
    not __import__("importlib").util.find_spec("optuna"),
    reason="optuna, the extra graphpoly[tune], is not installed",
)
WORDS = ["gcn", "mlp", "actor", "epochs=3", "hidden_channels=8", "num_layers=1"]


@pytest.fixture
def dataset(stand_in: StandIn) -> None:
    stand_in("actor", on_nodes(stored()), splits=SPLITS)


def compare(*words: object) -> Any:
    return CliRunner().invoke(app, ["compare", *map(str, words)])


@needs_optuna
@pytest.mark.usefixtures("dataset")
def test_figures_are_those_of_the_runs(tmp_path: Path) -> None:
    words = (*WORDS, "--trials", 1, "--seeds", 3, "--device", "cpu", "--out", tmp_path)
    done = compare(*words)
    assert done.exit_code == 0, done.output
    held = json.loads((tmp_path / "comparison.json").read_text())
    scores, tried = {}, {}
    for name in ("GCN", "MLP"):
        results = json.loads((tmp_path / held["results"][name]).read_text())
        scores[name] = [run["test"] for run in results["models"][name]["seeds"]]
        tried[name] = json.loads((tmp_path / name.lower() / "search.json").read_text())["trials"]
    assert len(tried["GCN"]) == len(tried["MLP"]) == held["trials"] == 1
    first = held["rows"][0]["model"]
    other = held["rows"][1]["model"]
    assert held["rows"][0]["mean"] == pytest.approx(np.mean(scores[first]))
    assert np.mean(scores[first]) >= np.mean(scores[other])
    gaps = np.subtract(scores[first], scores[other])
    half, p = corrected_t(list(gaps), 15 / 30)  # of 60 nodes 30 train and 15 test
    (pair,) = held["pairs"]
    assert (pair["half"], pair["p_t"]) == pytest.approx((half, p))
    assert pair["p_wilcoxon"] == wilcoxon_p(list(gaps))
    assert sum(held["ranks"].values()) == pytest.approx(3)
    assert held["over"] == "3 divisions"
    assert done.stdout.splitlines()[-1] == held["sentence"]
    assert held["sentence"] in (tmp_path / "comparison.md").read_text()
    before = (tmp_path / "comparison.json").read_text()
    assert compare(*words, "--json").stdout == before
    pytest.importorskip(
        "matplotlib", reason="matplotlib, the extra graphpoly[viz], is not installed"
    )
    svg = (tmp_path / "ranks.svg").read_text()
    assert "Mean rank of test accuracy" in svg
    assert "3 divisions" in svg
    assert (tmp_path / "ranks.png").read_bytes()[:4] == b"\x89PNG"


@needs_optuna
@pytest.mark.usefixtures("dataset")
def test_fewer_runs_are_compared_where_fewer_are_asked_for(tmp_path: Path) -> None:
    words = (*WORDS, "--trials", 1, "--device", "cpu", "--out", tmp_path)
    assert compare(*words, "--seeds", 3).exit_code == 0
    more = json.loads((tmp_path / "comparison.json").read_text())
    done = compare(*words, "--seeds", 2)
    assert done.exit_code == 0, done.output
    fewer = json.loads((tmp_path / "comparison.json").read_text())
    assert (fewer["seeds"], fewer["over"]) == (2, "2 divisions")
    scores = {row["model"]: row["scores"][:2] for row in more["rows"]}
    assert {row["model"]: row["scores"] for row in fewer["rows"]} == scores
    for results in fewer["results"].values():
        assert json.loads((tmp_path / results).read_text())["seeds"] == [0, 1, 2]


@pytest.mark.parametrize("share", [0.0, 0.125])
def test_pairs_are_judged_in_the_order_of_the_means(share: float) -> None:
    rng = np.random.default_rng(0)
    means = {"a": 1, "b": 3, "c": 2}
    scores = {name: list(rng.normal(mean, 0.3, 8)) for name, mean in means.items()}
    found = judge_scores(scores, share=share, maximize=True)
    assert [row["model"] for row in found["rows"]] == ["b", "c", "a"]
    assert [pair["models"] for pair in found["pairs"]] == [["b", "c"], ["b", "a"], ["c", "a"]]
    for pair in found["pairs"]:
        one, other = (scores[name] for name in pair["models"])
        assert pair["difference"] == pytest.approx(np.mean(one) - np.mean(other))
        if share == 0:
            assert pair["p_t"] == pytest.approx(ttest_rel(one, other).pvalue)
        assert pair["p_holm"] >= pair["p_t"]
        assert pair["apart"] == (pair["p_holm"] < 0.05)
    for row in found["rows"]:
        mine = scores[row["model"]]
        std = math.sqrt(sum((each - row["mean"]) ** 2 for each in mine) / 7)
        assert row["std"] == pytest.approx(std)
    assert found["critical_difference"] == critical_difference(3, 8)
    turned = judge_scores(scores, share=share, maximize=False)
    assert [row["model"] for row in turned["rows"]] == ["a", "c", "b"]
    for name in "abc":
        assert turned["ranks"][name] == pytest.approx(4 - found["ranks"][name])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("others", ["b", "bc"])
def test_a_run_without_a_finite_score_is_not_compared(bad: float, others: str) -> None:
    scores = {"a": [0.5, bad, 0.7]} | {name: [0.4, 0.5, 0.6] for name in others}
    with pytest.raises(ValueError, match=r"scores: a has no finite one in 1 of 3 runs"):
        judge_scores(scores, share=0.0, maximize=True)


@needs_optuna
@pytest.mark.usefixtures("dataset")
def test_seeds_on_one_division_are_called_that(tmp_path: Path, stand_in: StandIn) -> None:
    stand_in("actor", on_nodes(stored(1)), splits=SPLITS)
    fixed = {"epochs": 1, "hidden_channels": 4, "num_layers": 1}
    contest = Contest(["gcn", "mlp"], "actor", trials=1, seeds=2, fixed=fixed, out=tmp_path)
    compared = contest.run(device="cpu")
    assert compared is not None
    assert (compared.content["over"], compared.content["share"]) == ("2 seeds on one division", 0)
    assert "over 2 seeds on one division (paired t-test p" in compared.content["sentence"]


@needs_optuna
@pytest.mark.parametrize("bonds", [True, False])
def test_what_train_notes_of_a_model_is_noted(tmp_path: Path, bonds: bool) -> None:
    data = csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)
    if bonds:
        data.edge_attr = torch.ones(data.num_edges, 2)
    file = str(tmp_path / "own.pt")
    torch.save(data, file)
    words = ("gcn", "mlp", file, "epochs=1", "hidden_channels=4", "num_layers=1")
    done = compare(*words, "--trials", 1, "--seeds", 2, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    notes = [f"edge_attr of {file} is not read by {name}" for name in ("GCN", "MLP")]
    held = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert held["notes"] == (notes if bonds else [])
    page = (tmp_path / "out" / "comparison.md").read_text()
    for note in notes:
        assert page.count(f"note: {note}\n") == done.stdout.count(f"note: {note}\n") == bonds


@pytest.mark.usefixtures("dataset")
def test_while_others_are_at_work_nothing_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pending(self: Search, **options: Any) -> Tuned:
        return Tuned(self.recipe, [], None, None, self.record)

    monkeypatch.setattr(Search, "run", pending)
    done = compare(*WORDS, "--out", tmp_path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "other processes are still at work" in done.stderr
    assert list(tmp_path.iterdir()) == []


@needs_optuna
@pytest.mark.usefixtures("dataset")
def test_without_matplotlib_the_answer_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "graphpoly.studies.ranks_figure", None)
    done = compare(*WORDS, "--trials", 1, "--seeds", 2, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "ranks: not drawn: pip install 'graphpoly[viz]'" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("On actor ")


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gcn", "actor"], "models: got GCN, expected at least 2"),
        (["actor"], "models: got none, expected at least 2"),
        (["gcn", "GCN", "actor"], "models: GCN is named twice"),
        (["gcn", "gnc", "actor"], "unknown model 'gnc'"),
        (["gcn", "mlp", "actr"], "unknown dataset 'actr'"),
        (["gcn", "sgc", "actor", "num_layers=2"], "unknown key of sgc/actor 'num_layers'"),
        (["gcn", "mlp", "actor", "--seeds", "1"], "seeds: got 1, expected at least 2"),
        (["gcn", "mlp", "actor", "--trials", "0"], "trials: got 0, expected at least 1"),
    ],
)
def test_usage_errors_are_one_line(words: list[str], message: str) -> None:
    done = compare(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
