"""A run is trained, attacked in four ways, gone on with, drawn and refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCN, SGConv, SSGConv
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.models import GCORN
from graphpoly.robustness import (
    ATTACKS,
    READS,
    Attack,
    BudgetRow,
    RobustnessReport,
    Target,
    robustness_page,
)
from graphpoly.testing import assert_close
from tests.stand_in import on_nodes

TINY = ["split=stratified", "epochs=20", "hidden_channels=8", "--seeds", "2", "--device", "cpu"]


def run(*arguments):
    return CliRunner().invoke(app, ["robustness", *map(str, arguments)])


@pytest.fixture
def cora(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path))  # a folder that is there to be found again
    stand_in("cora", on_nodes(csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)))


def target(net=None):
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    torch.manual_seed(0)
    net = GCORN(12, 8, 2) if net is None else net
    return Target(net, data, torch.arange(60) % 2 == 0)


def test_the_verb_trains_attacks_and_goes_on(cora, tmp_path):
    words = ["GCORN", "cora", *TINY, "--out", tmp_path, "--budgets", "0.01,0.5", "--steps", "5"]
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert "Accuracy falls from" in result.stdout
    assert "are certified to stay right" in result.stdout
    page = (tmp_path / "pgd" / "report.html").read_text(encoding="utf-8")
    held = json.loads((tmp_path / "pgd" / "results.json").read_text(encoding="utf-8"))
    embedded = re.search(r'id="report">\n(.*)\n</script>', page)
    assert json.loads(embedded[1])["rows"] == held["rows"]
    assert [row["budget"] for row in held["rows"]] == [0, 0.01, 0.5]
    for row in held["rows"]:
        assert row["certified"] <= row["accuracy"] <= held["rows"][0]["accuracy"]
        assert row["moved"] <= row["bound"] + 1e-9
    again = run(*words)
    assert again.exit_code == 1
    assert "holds a run already" in again.stderr
    resumed = run(*words, "--resume", "--json")
    assert json.loads(resumed.stdout) == held
    trained = ["--out", tmp_path / "other", "--device", "cpu", "--json"]
    other = run(tmp_path / "train", "--attack", "random", "--samples", "2", *trained)
    assert other.exit_code == 0, other.stderr
    found = json.loads(other.stdout)
    assert found["seeds"] == [0, 1]
    assert found["rows"][0]["accuracy"] == held["rows"][0]["accuracy"]
    (tmp_path / "pgd" / "seeds.jsonl").write_text("")  # the same again from the checkpoints
    assert json.loads(run(*words, "--resume", "--json").stdout) == held


@pytest.mark.parametrize("kind", ["random", "pgd", "flips", "greedy"])
def test_what_an_attack_finds_is_measured_on_the_nodes_that_count(kind):
    here = target()
    before = here.clean.clone()
    attack = Attack(kind=kind, samples=3, steps=4, candidates=50)
    rows = attack.on(here, seed=1)
    assert len(rows) == len(attack.budgets) + 1
    accuracy = (before.argmax(1) == here.y).double().mean()
    assert rows[0]["accuracy"] == float(accuracy)
    assert rows == attack.on(target(), seed=1)  # the same draws, and nothing was changed
    if attack.on_features:
        assert all(row["moved"] <= row["bound"] + 1e-6 for row in rows)
        assert all(row["certified"] <= row["accuracy"] for row in rows)
    else:
        assert {row["bound"] for row in rows} == {None}
    assert rows[-1]["moved"] > rows[1]["moved"] > 0
    assert_close(here.outputs(here.data), before)


def test_an_attack_that_knows_more_does_more_harm():
    blind, knowing = (
        Attack(kind=kind, budgets=(0.3,)).on(target())[1] for kind in ("random", "pgd")
    )
    assert knowing["accuracy"] < blind["accuracy"]
    blind, knowing = (
        Attack(kind=kind, budgets=(0.2,), candidates=None).on(target())[1]
        for kind in ("flips", "greedy")
    )
    assert knowing["accuracy"] < blind["accuracy"]


def test_of_other_networks_nothing_is_certified():
    here = target(GCN(12, 8, 2, 2, norm="batch_norm"))
    rows = Attack(kind="random", budgets=(0.1,), samples=2).on(here)
    assert [row["certified"] for row in rows] == [None, None]
    row = BudgetRow(0.0, 0.5, None, 0.0, None, None)
    report = RobustnessReport("r", "M", "D", Attack(kind="flips"), [0], [row, row], None, 1.0)
    assert report.describe() == (
        "Accuracy stays at 50.0 % where as many pairs are flipped as 0 % of the edges."
    )
    better = replace(report, rows=[row, replace(row, accuracy=0.75)])
    assert better.describe().startswith("Accuracy rises from 50.0 % to 75.0 % where")
    assert "unknown" in robustness_page(report)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["GCORNN", "cora"], "GCORN"),
        (["GCORN", "cora", "--attack", "pgdd"], "did you mean 'pgd'"),
        (["GCORN", "cora", "--ball", "node"], "did you mean 'nodes'"),
        (["GCORN", "cora", "--budgets", "0.5,0.1"], "budgets: got 0.5,0.1"),
        (["GCORN", "cora", "--budgets", "much"], "budgets: got 'much'"),
        (["nowhere"], "nowhere: holds no results.json"),
        (["GCORN", "cora", "K=3"], "unknown key"),
    ],
)
def test_what_cannot_be_understood(words, message, tmp_path):
    result = run(*words, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


OPTIONS = {"ball": "nodes", "samples": "3", "steps": "3", "candidates": "0"}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_option_that_an_attack_does_not_read_is_refused(attack, option, tmp_path):
    out = tmp_path / "out"
    given = ["--attack", attack, f"--{option}", OPTIONS[option], "--out", out]
    # no such device: a command that is understood stops there
    result = run("GCORN", "cora", *given, "--device", "none")
    read = option in READS[attack]
    assert result.exit_code == 2
    assert (f"--{option} is not read by --attack {attack}" in result.stderr) is not read
    assert not out.exists()


def test_each_attack_says_what_it_reads():
    def moved(kind, **settings):
        attack = Attack(kind=kind, budgets=(0.5,), **settings)
        return attack.on(target(GCN(12, 8, 2, 2)))[1]["moved"]

    other = {"ball": "whole", "samples": 3, "steps": 1, "candidates": 1}
    for kind in ATTACKS:
        plain = moved(kind)
        changed = {name for name, value in other.items() if moved(kind, **{name: value}) != plain}
        assert changed == set(READS[kind])


def test_graphs_that_cannot_be_flipped_are_refused():
    here = target()
    here.data.edge_attr = torch.ones(here.data.num_edges, 1)
    with pytest.raises(ValueError, match="dataset: has edge_attr"):
        Attack(kind="flips").on(here)


@pytest.mark.parametrize("kind", ["flips", "greedy"])
def test_a_network_that_keeps_its_first_graph_is_refused(kind):
    attack = Attack(kind=kind, budgets=(0.5,))
    assert attack.on(target(GCN(12, 8, 2, 2)))[1]["moved"] > 0
    with pytest.raises(ValueError, match="model: cached=True holds one graph"):
        attack.on(target(GCN(12, 8, 2, 2, cached=True)))


@pytest.mark.parametrize("kind", ["random", "pgd"])
def test_a_network_that_keeps_its_first_features_is_refused(kind):
    attack = Attack(kind=kind, budgets=(0.5,), samples=2)
    for conv in (SGConv(12, 2, K=2), SSGConv(12, 2, alpha=0.1, K=2)):
        assert attack.on(target(conv))[1]["moved"] > 0
        conv.cached = True
        with pytest.raises(ValueError, match="model: cached=True holds features"):
            attack.on(target(conv))
    of_edges = attack.on(target(GCN(12, 8, 2, 2, cached=True)))
    assert of_edges[1]["moved"] > 0
