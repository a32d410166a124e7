"""``graphpoly rewire``: what it prints, writes and refuses."""

import json

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data
from typer.testing import CliRunner

from graphpoly.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, ["rewire", *map(str, arguments)])


@pytest.fixture
def mine(tmp_path):
    pairs = torch.tensor(list(nx.barbell_graph(4, 1).edges)).T
    data = Data(x=torch.ones(9, 1), edge_index=torch.cat([pairs, pairs.flip(0)], 1))
    data.y = torch.zeros(1)
    torch.save([data, data], tmp_path / "mine.pt")
    return tmp_path / "mine.pt"


def test_it_prints_a_table_and_writes_a_page(mine, tmp_path):
    result = run(mine, "edges=3", "--out", tmp_path / "out", "--report", tmp_path / "page.html")
    assert result.exit_code == 0, result.stderr
    assert "6 edges added to 2 graphs" in result.stdout
    assert "spectral gap" in result.stdout
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
    again = run(mine, "edges=3", "--out", tmp_path / "out")
    assert again.exit_code == 1
    assert "holds a run already" in again.stderr
    resumed = run(mine, "edges=3", "--out", tmp_path / "out", "--resume", "--json")
    held = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert json.loads(resumed.stdout) == held
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("method", ["sdrf", "borf", "gtr", "laser", "digl", "expander"])
def test_every_method_that_changes_edges(mine, tmp_path, method):
    result = run(mine, "--method", method, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["settings"]["method"].lower().startswith(method)
    assert found["changed"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "fosrr"], "did you mean"),
        (["edge=3"], "edges"),
        (["edges=many"], "edges"),
    ],
)
def test_what_cannot_be_understood(mine, tmp_path, words, message):
    result = run(mine, *words, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()
