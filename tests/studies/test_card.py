from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.studies import make_card, render_card, write_card
from graphpoly.training.checkpoint import CheckpointError
from tests.stand_in import StandIn, on_nodes


def data() -> Data:
    return csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)


def train(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Any:
    words = ["train", *map(str, arguments), "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/graphpoly", *words])
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done


def test_figures_are_those_of_the_runs(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in("actor", on_nodes(data()))
    arguments = ("gcn", "actor", "epochs=3", "--seeds", 3, "--out", tmp_path, "--card")
    assert f"card: {tmp_path / 'card.md'}\n" in train(monkeypatch, *arguments).stdout
    card = json.loads((tmp_path / "card.json").read_text())
    runs = [json.loads((tmp_path / f"seed-{i}" / "results.json").read_text()) for i in range(3)]
    (row,) = card["rows"]
    for part, key in (("test", "test"), ("validation", "val")):
        scores = [run[key] for run in runs]
        mean = sum(scores) / 3
        std = math.sqrt(sum((score - mean) ** 2 for score in scores) / 2)
        assert row[part]["mean"] == pytest.approx(mean, rel=1e-12)
        assert row[part]["std"] == pytest.approx(std, rel=1e-12)
        assert f"| {mean:.4f} ± {std:.4f} |" in (tmp_path / "card.md").read_text()
    assert row["seconds"] == pytest.approx(sum(run["seconds"] for run in runs))
    assert row["parameters"] == (12 + 1) * 64 + (64 + 1) * 2
    assert row["peak_bytes"] == max(run["processes"][0]["peak_bytes"] for run in runs) > 1e7
    typed = " ".join(["graphpoly train", *map(str, arguments), "--device cpu"])
    assert card["commands"] == [typed]
    assert card["split"]["different"] == 3
    assert card["scored_by"] == "graphpoly"
    assert card["versions"][0]["torch"] == torch.__version__


def test_every_model_and_every_part_has_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = ("num_nodes=60", "avg_degree=6", "num_features=12", "epsilon=1", "epochs=1", "K=2")
    file = tmp_path / "sub" / "own.md"
    train(monkeypatch, "demo", *tiny, "--seeds", 1, "--out", tmp_path / "run", "--card", file)
    card = json.loads(file.with_suffix(".json").read_text())
    assert [row["method"] for row in card["rows"]] == ["OptBasisGNN", "FavardGNN", "GCN"]
    assert [row["test"]["std"] for row in card["rows"]] == [None] * 3
    assert "one run" in file.read_text()
    held = json.loads((tmp_path / "run" / "results.json").read_text())
    parts = [{key: held.pop(key) for key in ("graph", "splits", "models")} for _ in range(1)] * 2
    swept = tmp_path / "swept.json"
    swept.write_text(json.dumps({**held, "parts": [{"phi": -1.0, **parts[0]}, parts[1]]}))
    assert [row["method"] for row in make_card(swept)["rows"]][:4:3] == [
        "OptBasisGNN at phi=-1",
        "OptBasisGNN",
    ]


def test_data_of_ogb_are_scored_by_its_evaluator(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = data()
    split = torch.arange(60) % 3
    masks = {f"{n}_mask": split == i for i, n in enumerate(("train", "val", "test"))}
    entry = on_nodes(Data(**graph.to_dict(), **{k: v.view(-1, 1) for k, v in masks.items()}))

    def scored(y_true: torch.Tensor, y_pred: torch.Tensor) -> float:
        return 0.125 + y_pred.size(1)

    changes = {"splits": ("dense",), "official": scored}
    stand_in("ogbn-arxiv", entry, **changes)
    train(monkeypatch, "gcn", "ogbn-arxiv", "epochs=1", "--seeds", 2, "--out", tmp_path)
    card = make_card(tmp_path / "results.json")
    assert card["rows"][0]["test"] == {"mean": 2.125, "std": 0.0}
    assert card["scored_by"] == "OGB's Evaluator"
    assert "OGB asks for 10 seeds, these are 2" in card["notes"]
    assert "scored by OGB's Evaluator" in render_card(card)


def test_a_file_that_is_called_like_ogbs_data_is_not_ogbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(data(), tmp_path / "ogbn-arxiv.pt")
    out = tmp_path / "run"
    train(monkeypatch, "gcn", tmp_path / "ogbn-arxiv.pt", "epochs=1", "--seeds", 2, "--out", out)
    card = make_card(out / "results.json")
    assert (card["dataset"], card["scored_by"]) == ("ogbn-arxiv", "graphpoly")
    assert not any("OGB" in note for note in card["notes"])


def test_results_older_than_the_record_say_so(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in("actor", on_nodes(data()))
    train(monkeypatch, "gcn", "actor", "epochs=1", "--seeds", 1, "--out", tmp_path)
    path = tmp_path / "results.json"
    held = json.loads(path.read_text())
    for run in held["models"]["GCN"]["seeds"]:
        del run["processes"], run["all_parameters"]
    path.write_text(json.dumps(held))
    text = write_card(path).read_text()
    assert "- Command: not recorded" in text
    assert "| peak memory of the process | not recorded |" in text
    assert f"| parameters | {held['models']['GCN']['num_parameters']:,} |" in text


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"recipe": "demo"}')
    with pytest.raises(ValueError, match=r"not the results of a recipe"):
        write_card(path)
    with pytest.raises(ValueError, match=r"card: got .*, expected a file that ends in \.md"):
        write_card(path, tmp_path / "card.txt")
    with pytest.raises(CheckpointError, match="missing"):
        write_card(tmp_path / "absent.json")
    assert CliRunner().invoke(app, ["train", "--card=x"]).stderr == (
        "error: card: got x, expected a file that ends in .md\n"
    )
