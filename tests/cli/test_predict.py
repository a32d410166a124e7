"""What a run says of nodes, graphs and pairs is what its network gives, and was scored by."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.data import csbm
from graphpoly.recipes import recipe_for, run_recipe, trained_network
from graphpoly.robustness import Attack, attack_run
from graphpoly.studies import predict
from graphpoly.training.forward import call_by_name
from tests.data.test_own import ring, saved


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def trained(model: str, data: Any, folder: Path, **changes: Any) -> Path:
    recipe = recipe_for(model, saved(folder / "mine.pt", data))
    changes = {"epochs": 3, **changes}
    run_recipe(recipe, out=folder / "run", seeds=2, device="cpu", overrides=changes)
    return folder / "run"


def recorded(run: Path, seed: int) -> float:
    (model,) = json.loads((run / "results.json").read_text())["models"].values()
    return model["seeds"][seed]["test"]


@pytest.mark.parametrize("model", ["GCN", "PrecomputedOptBasisGNN", "FavardGNN"])
def test_nodes_are_told_what_was_scored(model: str, tmp_path: Path) -> None:
    data = ring(60, y=torch.arange(60) % 3)
    run = trained(model, data, tmp_path)
    found = predict(run, seed=1, device="cpu")
    _, loaded = trained_network(run, seed=1)
    protocol = json.loads((run / "results.json").read_text())["protocol"]
    split = loaded.split(protocol["split"], 1)
    correct = (found.argmax(1) == data.y)[split.test_mask]
    assert float(correct.double().mean()) == pytest.approx(recorded(run, 1))
    result = call(run, "--seed", 1, "--out", tmp_path / "nodes.csv")
    assert (result.exit_code, result.stdout) == (0, f"60 rows: {tmp_path / 'nodes.csv'}\n")
    rows = list(csv.reader((tmp_path / "nodes.csv").open()))
    assert rows[0] == ["row", "output_0", "output_1", "output_2"]
    assert [int(row[0]) for row in rows[1:]] == list(range(60))
    written = torch.tensor([[float(word) for word in row[1:]] for row in rows[1:]])
    torch.testing.assert_close(written, found, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("changes", [{}, {"secret": True}, {"schedule": "cosine"}])
def test_a_private_run_answers_by_the_edges_it_was_scored_on(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    data = csbm(60, 6.0, 8, phi=0.5, epsilon=1.0, seed=0)
    run = trained("GCN", data, tmp_path, num_layers=1, epsilon=50, clip="1", **changes)
    found = predict(run, seed=1, device="cpu")
    _, loaded = trained_network(run, seed=1)
    results = json.loads((run / "results.json").read_text())
    (model,) = results["models"].values()
    split = loaded.split(results["protocol"]["split"], 1)
    for part in ("train", "val", "test"):
        correct = (found.argmax(1) == data.y)[getattr(split, f"{part}_mask")]
        assert float(correct.double().mean()) == pytest.approx(model["seeds"][1][part])
    attack = Attack(kind="random", budgets=(0.1,), samples=1)
    (before, _) = attack_run(run, attack, out=tmp_path / "attack").rows
    assert before.accuracy == pytest.approx(model["test"]["mean"])
    data.x[split.train_mask] = 100.0  # of which the others must not hear
    saved(tmp_path / "mine.pt", data)
    others = ~split.train_mask
    assert torch.equal(predict(run, seed=1, device="cpu")[others], found[others])


@pytest.mark.parametrize("batch_size", [None, 7])
def test_graphs_are_told_in_their_unit_and_order(batch_size: int | None, tmp_path: Path) -> None:
    graphs = [ring(4 + i % 3, y=torch.tensor([500.0 + i])) for i in range(40)]
    run = trained("GIN", graphs, tmp_path, batch_size=batch_size)
    found = predict(run, device="cpu")
    net, loaded = trained_network(run)
    assert loaded.graphs is not None
    with torch.no_grad():
        whole = call_by_name(net.eval(), Batch.from_data_list(list(loaded.graphs)))
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-4)
    split = loaded.split("random", 0)
    y = torch.stack([graph.y.view(-1) for graph in loaded.graphs])
    error = (found - y)[split.test].abs().mean()
    assert float(error) == pytest.approx(recorded(run, 0), rel=1e-5)
    lines = call(run).stdout.splitlines()
    assert lines[0] == "row,output_0"
    assert len(lines) == 41


@pytest.mark.parametrize("model", ["GCN", "NCN"])
def test_pairs_are_scored_on_the_graph_without_them(model: str, tmp_path: Path) -> None:
    data = ring(60)
    run = trained(model, data, tmp_path)
    pairs = torch.tensor([[0, 3, 10, 5], [1, 30, 9, 5]])  # two of them are edges
    found = predict(run, pairs=pairs, device="cpu")
    net: Any = trained_network(run)[0].eval()
    edges = trained_network(run)[1].data.edge_index
    both = {(0, 1), (1, 0), (10, 9), (9, 10)}
    kept = torch.tensor([tuple(edge) not in both for edge in edges.T.tolist()])
    assert int((~kept).sum()) == 4
    with torch.no_grad():
        expected = net(data.x, edges[:, kept], pairs)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    asked = tmp_path / "pairs.csv"
    for head in ("", "source,target\n"):
        asked.write_text(head + "\n".join(f"{a}, {b}" for a, b in pairs.T.tolist()) + "\n")
        rows = list(csv.reader(call(run, "--pairs", asked).stdout.splitlines()))
        assert rows[0] == ["source", "target", "score"]
        assert [[int(word) for word in row[:2]] for row in rows[1:]] == pairs.T.tolist()
        np.testing.assert_allclose([float(row[2]) for row in rows[1:]], found, rtol=1e-6)
    assert predict(run, pairs=pairs[:, :0], device="cpu").shape == (0,)
    asked.write_text("source,target\n")
    assert call(run, "--pairs", asked).stdout == "source,target,score\n"


def test_a_file_that_is_called_like_a_dataset_is_read_again(tmp_path: Path) -> None:
    data = ring(60, y=torch.arange(60) % 3)
    torch.save(data, tmp_path / "cora.pt")  # recipe gprgnn/cora is another one
    recipe = recipe_for("GPRGNN", str(tmp_path / "cora.pt"))
    assert recipe.name == "gprgnn/cora"
    assert len(recipe.notes) == 1  # of no published settings
    run_recipe(recipe, out=tmp_path / "run", seeds=1, device="cpu", overrides={"epochs": 2})
    loaded = trained_network(tmp_path / "run")[1]
    assert loaded.data is not None
    assert torch.equal(loaded.data.x, data.x)
    assert predict(tmp_path / "run", device="cpu").shape == (60, 3)


def test_weights_of_a_network_that_was_built_otherwise_are_named(tmp_path: Path) -> None:
    run = trained("GCN", ring(60, y=torch.arange(60) % 3), tmp_path)
    saved(tmp_path / "mine.pt", ring(60, y=torch.arange(60) % 5))  # which has other classes
    result = call(run)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "seed-0/checkpoint: holds the weights of a network that was built oth" in result.stderr
    assert "\n" not in result.stderr.strip()


@pytest.mark.parametrize("removed", [True, False])
@pytest.mark.parametrize("model", ["GCN", "NCN", "Polynormer", "ResidualGNN"])
def test_pairs_are_scored_over_messages_as_in_training(
    model: str, removed: bool, tmp_path: Path
) -> None:
    data = ring(60)
    again = torch.tensor([[3, 8, 20], [4, 8, 19]])  # repeated, a loop, turned
    data.edge_index = torch.cat([data.edge_index, again], 1)
    run = trained(model, data, tmp_path, remove_targets=removed)
    pairs = torch.tensor([[0, 3, 10, 5], [2, 30, 9, 5]])
    net: Any = trained_network(run)[0].eval()
    ahead = ring(60).edge_index
    edges = torch.cat([ahead, ahead.flip(0)], 1)
    asked = (edges == 9).any(0) & (edges == 10).any(0)
    edges = edges[:, ~asked] if removed else edges
    if model in ("Polynormer", "ResidualGNN"):  # whose nodes read themselves, asked for or not
        edges = torch.cat([edges, torch.arange(60).repeat(2, 1)], 1)
    with torch.no_grad():
        expected = net(data.x, edges, pairs)
    torch.testing.assert_close(
        predict(run, pairs=pairs, device="cpu"), expected, rtol=1e-5, atol=1e-5
    )


def test_a_table_of_pairs_loses_no_line(tmp_path: Path) -> None:
    run = trained("GCN", ring(60), tmp_path, epochs=1)
    path = tmp_path / "pairs.csv"
    for head in ("", "source,target\n"):
        path.write_text(head + "0,1\n2,3\n", encoding="utf-8-sig")  # as spreadsheets write it
        lines = call(run, "--pairs", path).stdout.splitlines()
        assert [line.rpartition(",")[0] for line in lines] == ["source,target", "0,1", "2,3"]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (None, "pairs: the run is of links, they are what a run of links scores"),
        (torch.tensor([[0], [60]]), "pairs: nodes 0 to 60, there are 60"),
        (torch.tensor([[-1], [2]]), "pairs: nodes -1 to 2, there are 60"),
        (torch.tensor([0, 1]), r"pairs: got \[2\] of torch.int64, expected \[2, P\]"),
        (torch.rand(2, 3), r"pairs: got \[2, 3\] of torch.float32"),
    ],
)
def test_pairs_that_are_none_are_refused(
    pairs: torch.Tensor | None, message: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = trained("GCN", ring(60), tmp_path_factory.mktemp("links"), epochs=1)
    with pytest.raises(ValueError, match=message):
        predict(run, pairs=pairs, device="cpu")


def test_pairs_of_a_run_without_links_are_refused(tmp_path: Path) -> None:
    run = trained("GCN", ring(60, y=torch.arange(60) % 3), tmp_path, epochs=1)
    with pytest.raises(ValueError, match="pairs: the run is of nodes, none are wanted"):
        predict(run, pairs=torch.tensor([[0], [1]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1\n2\n", "expected two columns"),
        ("0,1\n2,x\n", "invalid literal"),
        ("0,1.0\n2,3\n", "invalid literal"),
        ("0;1\n2;3\n", "invalid literal"),
        ("0,1\n\xe9,2\n", "can't decode"),
        (None, "is no file"),
    ],
)
def test_a_file_that_holds_no_pairs_is_named(
    text: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    result = call(tmp_path, "--pairs", path)
    assert result.exit_code != 0
    assert str(path) in result.stderr.replace("\n", "")
    assert message in result.stderr.replace("\n", " ")
