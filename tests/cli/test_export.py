from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GCN
from typer.testing import CliRunner

from graphpoly import from_pretrained
from graphpoly.cli.app import app
from graphpoly.recipes import recipe_for, run_recipe, trained_network

TINY = {"epochs": 2, "num_nodes": 60, "K": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_recipe("demo", out=folder, seeds=2, device="cpu", overrides=TINY)
    return folder


def call(*arguments: object):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def test_the_network_of_a_run_answers_as_it_did(run: Path, tmp_path: Path) -> None:
    result = call(run, tmp_path, "--model", "OptBasisGNN", "--seed", 1)
    assert (result.exit_code, result.stdout) == (0, f"OptBasisGNN: {tmp_path}\n")
    net, loaded = trained_network(run, model="OptBasisGNN", seed=1)
    again, data = from_pretrained(tmp_path), loaded.data
    with torch.no_grad():
        logits = again(data.x, data.edge_index)
        assert torch.equal(logits, net.eval()(data.x, data.edge_index))
    results = json.loads((run / "results.json").read_text())
    recorded = results["models"]["OptBasisGNN"]["seeds"][1]["test"]
    mask = loaded.split(results["protocol"]["split"], 1).test_mask
    correct = (logits.argmax(1) == data.y)[mask]
    assert correct.double().mean().item() == pytest.approx(recorded)


def test_a_network_within_a_head(tmp_path: Path) -> None:
    graphs = [
        Data(torch.rand(4, 3), torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([index % 2]))
        for index in range(20)
    ]
    torch.save(graphs, tmp_path / "mine.pt")
    recipe = recipe_for("GPRGNN", str(tmp_path / "mine.pt"))
    run_recipe(recipe, out=tmp_path / "run", seeds=1, device="cpu", overrides={"epochs": 2})
    result = call(tmp_path / "run", tmp_path / "net")
    assert result.stdout == f"PooledNet: {tmp_path / 'net'}\n"
    again = from_pretrained(tmp_path / "net")
    net, loaded = trained_network(tmp_path / "run")
    batch = Batch.from_data_list(loaded.graphs)
    with torch.no_grad():
        expected = net.eval()(batch.x, batch.edge_index, batch=batch.batch)
        assert torch.equal(again(batch.x, batch.edge_index, batch=batch.batch), expected)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "OptBasisGN"), "unknown model of this run 'OptBasisGN'; did you mean"),
        (("--seed", 7), "seed: got 7, the run has [0, 1]"),
    ],
)
def test_what_the_run_has_not_is_one_line(
    run: Path, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    result = call(run, tmp_path / "net", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert not (tmp_path / "net").exists()


def test_a_network_that_is_not_ours_is_said_to_have_no_files(tmp_path: Path) -> None:
    given = ["GCN", "csbm", "num_nodes=60", "epochs=1", "--seeds", "1", "--out"]
    trained = CliRunner().invoke(app, ["train", *given, str(tmp_path / "run")])
    assert trained.exit_code == 0
    result = call(tmp_path / "run", tmp_path / "net")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "GCN: is not one of graphpoly's networks" in result.stderr
    assert not (tmp_path / "net").exists()


def test_a_network_around_one_that_is_not_ours_says_what_it_needs(tmp_path: Path) -> None:
    y = 50 * torch.rand(40)
    edges = torch.randint(40, (2, 90))
    torch.save(Data(torch.rand(40, 3), edges, y=y), tmp_path / "mine.pt")
    recipe = recipe_for("GCN", str(tmp_path / "mine.pt"))
    run_recipe(recipe, out=tmp_path / "run", seeds=1, device="cpu", overrides={"epochs": 2})
    result = call(tmp_path / "run", tmp_path / "net")
    assert (result.exit_code, result.stdout) == (0, f"Standardized: {tmp_path / 'net'}\n")
    assert "the GCN within is not one of graphpoly's networks" in result.stderr
    assert f"from_pretrained('{tmp_path / 'net'}', net=...)" in result.stderr
    net, loaded = trained_network(tmp_path / "run")
    plain = GCN(3, net.net.hidden_channels, net.net.num_layers, 1)
    again = from_pretrained(tmp_path / "net", net=plain)
    x, edge_index = loaded.data.x, loaded.data.edge_index
    with torch.no_grad():
        expected = net.eval()(x, edge_index)
    torch.testing.assert_close(again(x, edge_index), expected, rtol=1e-5, atol=1e-4)
