"""Finished runs read again: every number is that of the experiment or counted anew."""

from __future__ import annotations

import json
import math
import re
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.files import to_json
from graphpoly.recipes import Outcome, run_recipe
from graphpoly.studies import (
    Run,
    make_card,
    read_runs,
    run_sentence,
    runs_page,
    runs_record,
    runs_sentence,
)
from graphpoly.studies.runs_figures import draw_curves, draw_scores
from graphpoly.training import CheckpointError
from graphpoly.training.experiment import bootstrap_interval
from graphpoly.training.loggers import read_history
from tests.stand_in import on_nodes, replaced

TINY = {"epochs": 5, "hidden_channels": 4}


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("runs")
    data = csbm(80, 6.0, 12, phi=-0.9, epsilon=4.0, seed=3)
    data.x = data.x.abs()
    with pytest.MonkeyPatch.context() as patch:
        replaced(patch, "texas", on_nodes(data))
        given = {"root": folder, "seeds": 3, "device": "cpu"}
        outcome = run_recipe("gprgnn/texas", out=folder / "a", overrides={**TINY, "K": 2}, **given)
        run_recipe("gprgnn/texas", out=folder / "b", overrides={**TINY, "K": 4}, **given)
    return folder, outcome


@pytest.fixture
def run(held: tuple[Path, Outcome]) -> Run:
    (found,) = read_runs([held[0] / "a"])
    return found


def test_a_run_is_its_experiment(held: tuple[Path, Outcome], run: Run) -> None:
    (experiment,) = held[1].experiments.values()
    scores = [each.test for each in experiment.runs.values()]
    assert run.mean == pytest.approx(100 * np.mean(scores), abs=1e-12)
    assert run.test["std"] == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
    assert run.interval == tuple(100 * side for side in bootstrap_interval(scores))
    assert run.published_interval == pytest.approx((92.95 - 1.31, 92.95 + 1.31))
    histories = [held[0] / "a" / f"seed-{seed}" / "history.csv" for seed in range(3)]
    assert run.curves == [read_history(path) for path in histories]
    assert run.settings["K"] == 2
    assert [each["index"] for each in run.divisions] == [0, 1, 2]


def test_the_sentence_says_what_was_changed_or_whether_they_agree(run: Run) -> None:
    low, high = run.interval
    ours = f"of {run.mean:.2f} % (95 % interval {low:.2f} to {high:.2f}, 3 seeds) on texas"
    theirs = "published is 92.95 % ± 1.31 (95 % confidence interval, 10 runs)"
    changed = "which is not comparable, for K, epochs, hidden_channels differ."
    assert run_sentence(run) == f"GPRGNN reaches a test accuracy {ours}; {theirs}, {changed}"
    for agrees, words in ((True, "agree"), (False, "do not agree")):
        same = replace(run, compared={**run.compared, "comparable": True, "agrees": agrees})
        assert run_sentence(same).endswith(f"{theirs}: the intervals {words}.")
    assert run_sentence(replace(run, published=None)).endswith("no published figure is known.")


def scored(run: Run, label: str, mean: float, ci95: list[float] | None, **more: object) -> Run:
    return replace(run, label=label, test={"mean": mean, "std": None, "ci95": ci95}, **more)


def test_the_best_of_several_is_named_with_what_chance_leaves_of_it(run: Run) -> None:
    a, b = scored(run, "a", 0.6, [0.55, 0.65]), scored(run, "b", 0.7, [0.66, 0.75])
    assert runs_sentence([a, b]) == (
        "On texas b has the best mean test accuracy, 70.00 % (95 % interval 66.00 to 75.00, "
        "3 seeds), before a with 60.00 % (95 % interval 55.00 to 65.00, 3 seeds): their intervals "
        "do not overlap."
    )
    assert runs_sentence([a, scored(run, "b", 0.7, [0.65, 0.75])]).endswith("intervals overlap.")
    assert "b has the best" in runs_sentence([a, b, scored(run, "c", 0.65, None)])
    errors = [replace(each, maximize=False) for each in (a, b)]
    assert "a has the best" in runs_sentence(errors)
    assert runs_sentence([a, scored(run, "b", 0.7, None)]).endswith("chance cannot be said.")


def test_equal_means_are_nobodys_alone(run: Run) -> None:
    runs = [scored(run, name, mean, None) for name, mean in (("a", 0.7), ("b", 0.6), ("c", 0.7))]
    same = "On texas a and c have the same best mean test accuracy, 70.00 %."
    assert runs_sentence(runs) == same
    assert "a has the best mean" in runs_sentence(runs[:2])


def test_marks_stand_where_the_numbers_are(run: Run) -> None:
    drawn = ET.fromstring(draw_scores([run], 940))
    at = [float(one.get("cx")) for one in drawn.iter("circle")]
    scores = [100 * seed["test"] for seed in run.seeds]
    slope, start = np.polyfit([92.95, run.mean], [_diamond(drawn), _mean(drawn)], 1)
    assert at == pytest.approx([slope * score + start for score in scores], abs=0.2)
    bars = [one for one in drawn.iter("rect") if one.get("class") == "interval"]
    found = [(float(one.get("x")), float(one.get("width"))) for one in bars]
    for (x, width), (low, high) in zip(found, (run.interval, run.published_interval), strict=True):
        assert x == pytest.approx(slope * low + start, abs=0.2)
        assert width == pytest.approx(slope * (high - low), abs=0.2)


def _mean(drawn: ET.Element) -> float:
    (stroke,) = (one for one in drawn.iter("line") if one.get("class") == "mean")
    return float(stroke.get("x1"))


def _diamond(drawn: ET.Element) -> float:
    (path,) = (one.get("d") for one in drawn.iter("path"))
    return float(re.match(r"M([\d.]+) ", path)[1])


def test_the_strong_curve_is_the_mean_and_a_long_one_keeps_its_ends() -> None:
    seeds = [[(i, float(i)) for i in range(1, 1001)], [(i, 3.0 * i) for i in range(1, 501)]]
    drawn = ET.fromstring(draw_curves({"a": ("red", seeds)}, "loss"))
    lines = [
        [tuple(map(float, pair.split(","))) for pair in one.get("points").split()]
        for one in drawn.iter("polyline")
    ]
    assert len(lines) == 3
    assert all(len(line) <= 200 for line in lines)
    first, second, mean = lines
    # the axis of epochs ends with the longer one, and both begin at 1
    assert first[0][0] == second[0][0] == mean[0][0]
    width = first[-1][0] - first[0][0]
    assert (second[-1][0] - second[0][0]) / width == pytest.approx(499 / 999, abs=1e-3)
    # at epoch 500 the mean of 500 and 1500 is 1000, where the first one ends
    assert mean[-1] == pytest.approx((second[-1][0], first[-1][1]), abs=0.1)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_single_epoch_is_a_dot(seeds: int) -> None:
    """Of a line through one point nothing is seen."""
    curves = [[(1, 0.5 + 0.2 * seed)] for seed in range(seeds)]
    long = [(1, 0.0), (2, 1.0)]
    drawn = ET.fromstring(draw_curves({"a": ("red", curves), "b": ("blue", [long])}, "loss"))
    dots = [(each.get("fill"), float(each.get("cy"))) for each in drawn.iter("circle")]
    (line,) = (one for one in drawn.iter("polyline") if "blue" in one.get("stroke"))
    base, top = (float(pair.split(",")[1]) for pair in line.get("points").split())
    values = [0.5] if seeds == 1 else [0.5, 0.7, 0.6]
    assert dots == [
        ("red", pytest.approx(base + value * (top - base), abs=0.2)) for value in values
    ]


def test_runs_of_one_name_are_told_apart_by_their_folders(held: tuple[Path, Outcome]) -> None:
    folders = [held[0] / "a", held[0] / "b"]
    found = read_runs(folders)
    assert [each.label for each in found] == [f"GPRGNN ({folder})" for folder in folders]
    page = runs_page(found)
    (differ,) = re.findall(r"<caption>Settings in which.*?</table>", page, re.DOTALL)
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', differ)
    assert rows == [("K", "2", "4")]
    assert "All runs were measured on the same divisions" in page
    table = re.findall(r"<td><b>([\d.]+)</b></td><td>([\d.]+) to ([\d.]+)</td>", page)
    shown = [(each.mean, *each.interval) for each in found]
    assert table == [tuple(f"{value:.2f}" for value in row) for row in shown]


def test_the_command_writes_the_page_and_prints_the_numbers(
    held: tuple[Path, Outcome], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        shutil.copytree(held[0] / name, tmp_path / name)
    folders = [tmp_path / "a", tmp_path / "b"]
    single = CliRunner().invoke(app, ["report", str(folders[0])])
    (one,) = read_runs(folders[:1])
    assert single.stdout == f"{run_sentence(one)}\nreport: {folders[0] / 'run.html'}\n"
    several = CliRunner().invoke(app, ["report", *map(str, folders), "--json"])
    found = read_runs(folders)
    assert json.loads(several.stdout) == json.loads(json.dumps(runs_record(found)))
    embedded = (tmp_path / "runs.html").read_text(encoding="utf-8").split('id="report">')[1]
    assert json.loads(embedded.split("</script>")[0]) == json.loads(several.stdout)


def test_curves_and_axes_say_what_they_are(held: tuple[Path, Outcome], run: Run) -> None:
    titles = [
        re.findall(r'aria-label="([^"]+) over the epochs"', runs_page(some))
        for some in ([run], read_runs([held[0] / "a", held[0] / "b"]))
    ]
    assert titles == [["accuracy, %", "loss"], ["validation accuracy, %", "validation loss"]]
    on_axis = [each.text for each in ET.fromstring(draw_scores([run], 940)).iter("text")]
    assert sum(words.endswith(" %") for words in on_axis) > 2
    share = replace(run, scale=1)
    assert "%" not in draw_scores([share], 940)


def test_a_metric_is_no_markup(run: Run) -> None:
    page = runs_page([replace(run, metric="a<b>&c")])
    assert "<b>&c" not in page.partition('id="report">')[0]


def test_curves_that_are_gone_are_said(held: tuple[Path, Outcome], tmp_path: Path) -> None:
    shutil.copytree(held[0] / "a", tmp_path / "a")
    for path in (tmp_path / "a").glob("seed-*/history.csv"):
        path.unlink()
    assert "No history is left of GPRGNN." in runs_page(read_runs([tmp_path / "a"]))


@pytest.fixture
def broken(held: tuple[Path, Outcome], tmp_path: Path) -> Path:
    """A run whose second seed gave no finite test score, as it is recorded."""
    shutil.copytree(held[0] / "a", tmp_path / "a")
    path = tmp_path / "a" / "results.json"
    content = json.loads(path.read_text())
    model = content["models"]["GPRGNN"]
    model["seeds"][1]["test"] = math.nan
    model["test"] = {"mean": math.nan, "std": math.nan, "ci95": [math.nan, math.nan]}
    path.write_text(to_json(content))
    return tmp_path / "a"


def test_a_seed_without_a_finite_score_is_said(broken: Path, run: Run) -> None:
    (found,) = read_runs([broken])
    words = "GPRGNN has no finite test accuracy on texas in 1 of 3 seeds."
    assert run_sentence(found) == words
    assert runs_sentence([found, run]).startswith(f"On texas {run.label} has the best mean")
    assert runs_sentence([run, found]).endswith(
        "before GPRGNN with no finite one; whether that is chance cannot be said."
    )
    assert runs_sentence([found, found]) == "On texas no run has a finite mean test accuracy."
    drawn = draw_scores([found], 940)
    assert "nan" not in drawn
    assert drawn.count("<circle") == 2
    assert 'class="mean"' not in drawn
    page = runs_page([found])
    assert words in page
    assert "NaN" not in page.split('id="report">')[1]
    card = make_card(broken / "results.json")
    assert math.isnan(card["rows"][0]["test"]["mean"])


def test_what_is_no_run_is_named(held: tuple[Path, Outcome], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no results\.json"):
        read_runs([tmp_path])
    with pytest.raises(ValueError, match=r"runs: got .* expected distinct folders"):
        read_runs([held[0] / "a", held[0] / "b" / ".." / "a"])
    for text, error in (("{}", ValueError), ('{"models": 3}', ValueError), ("{", CheckpointError)):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(error, match=r"results\.json"):
            read_runs([tmp_path])
