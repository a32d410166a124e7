from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.data import csbm, dataset_from
from graphpoly.data.dataset import Reading


def show(*arguments: str):
    return CliRunner().invoke(app, ["show", *arguments])


def test_a_recipe_shows_every_key_with_its_value_and_its_meaning() -> None:
    result = show("favard/citeseer", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    recipe = registry.get("recipe", "favard/citeseer").obj
    rows = {row["key"]: row for part in ("settings", "protocol", "reading") for row in found[part]}
    assert sorted(rows) == recipe.keys
    assert rows["K"]["default"] == "8"
    assert rows["K"]["accepts"] == "an integer of at least 0"
    assert rows["epochs"]["meaning"] == "At most this many."
    assert "81.89 ± 0.63" in found["published"]
    first, *rest = found["privacy"]
    assert (first["key"], first["default"]) == ("epsilon", "none")
    assert {"delta", "max_degree", "clip"} <= {row["key"] for row in rest}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("favard", ["FavardGNN", "lr_basis", "hidden_channels", "2302.12432"]),
        ("FavardConv", ["in_channels", "(required)", "K"]),
        ("cora", ["nodes", "directed", "row_normalize", "stratified"]),
        ("GCN", ["baseline", "num_layers", "1609.02907"]),
    ],
)
def test_anything_can_be_shown(name: str, words: list[str]) -> None:
    result = show(name)
    assert result.exit_code == 0, result.stderr
    for word in words:
        assert word in result.stdout


MINE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, in_channels, out_channels, hidden: int = 7, norm="batch", act=None):
        super().__init__()

def net(in_channels, out_channels, hidden=7):
    \"\"\"Return a net of `mine`.

    Args:
        hidden: Its width.
    \"\"\"

def data():
    from graphpoly.data import csbm
    return csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)

def needy(in_channels, out_channels, depth):
    pass

held = data()
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shown_mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    torch.save(data, "classes.pt")
    data.y = data.y.float()
    torch.save(data, "floats.pt")


@pytest.mark.parametrize("name", ["shown_mine:Net", "shown_mine:net", "shown_mine.py:net"])
def test_a_model_of_one_s_own_shows_what_can_be_set(name: str, mine: None) -> None:
    result = show(name, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["name"], found["kind"]) == (name, "model")
    settings = {row["key"]: row["default"] for row in found["settings"]}
    assert {"lr": "0.01", "hidden": "7"}.items() <= settings.items()
    arguments = {row["key"]: row["default"] for row in found["arguments"]}
    assert list(arguments)[:3] == ["in_channels", "out_channels", "hidden"]
    assert (arguments["in_channels"], arguments["hidden"]) == ("(required)", "7")
    assert "Base class" not in result.stdout
    assert found.get("about") == (None if name.endswith("Net") else "Return a net of mine.")


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("classes.pt", "ce"),
        ("floats.pt", "l1"),
        ("shown_mine:data", "ce"),
        ("shown_mine:held", "ce"),
    ],
)
def test_data_of_one_s_own_shows_how_it_was_read(name: str, loss: str, mine: None) -> None:
    result = show(name, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    loaded = dataset_from(name).load(None, Reading(), 0)
    assert (found["kind"], found["task"], found["loss"]) == ("dataset", "nodes", loss)
    assert (found["features"], found["outputs"]) == (12, loaded.num_outputs)
    assert (found["nodes"], found["edges"]) == (60, loaded.data.num_edges)
    assert ("labels" in found) == (loss == "l1")
    assert {row["key"] for row in found["reading"]} == {"directed", "self_loops", "row_normalize"}


def test_labels_that_are_not_known_are_counted(mine: None) -> None:
    data = csbm(60, 4.0, 12, phi=0.5, epsilon=1.0, seed=3)
    data.y[:7] = -1
    torch.save(data, "some.pt")
    assert json.loads(show("some.pt", "--json").stdout)["unlabelled"] == 7
    assert "unlabelled" not in json.loads(show("classes.pt", "--json").stdout)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.pt", "absent.pt: no such file"),
        ("shown_mine:Nett", "unknown factory of shown_mine 'Nett'; did you mean 'net'"),
        ("not_here:Net", "No module named 'not_here'"),
        ("shown_mine:needy", "needs 'depth'"),
    ],
)
def test_what_of_one_s_own_cannot_be_had_is_one_line(name: str, said: str, mine: None) -> None:
    result = show(name)
    assert result.exit_code != 0
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_types_are_shown_as_they_are_written() -> None:
    for name in ("GCN", "FavardConv", "GPRGNN", "FoSR", "GNTK"):
        rows = json.loads(show(name, "--json").stdout)["arguments"]
        assert rows
        for row in rows:
            assert not row["accepts"].startswith("<")
            assert "typing." not in row["accepts"]


def test_the_nearest_name_is_named() -> None:
    result = show("FavradConv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: unknown name 'FavradConv'; did you mean 'FavardConv'")


def test_no_key_runs_into_its_value() -> None:
    first = [line.split(" ")[0] for line in show("FavardConv").stdout.splitlines()]
    assert "expressivity" in first


def test_meanings_read_as_words() -> None:
    """Of everything that is registered: no marks of the pages' language, and nothing but a hint."""
    for kind in ("transform", "model", "layer", "dataset"):
        for entry in registry.entries(kind):
            tables = show(entry.name).stdout.partition("\n\n")[2]
            assert not [mark for mark in (":class:", "``", "Likewise.") if mark in tables], (
                entry.name
            )


@pytest.mark.parametrize("kind", ["baseline", "model", "layer", "aggregation", "transform"])
def test_what_is_said_of_a_name_is_plain_words(kind: str) -> None:
    names = [entry.name for entry in registry.entries(kind)]
    for name in names[:: max(1, len(names) // 8)]:
        about = json.loads(show(name, "--json").stdout)["about"]
        assert about
        assert not re.search(r"[`<>]|:[a-z:]+:", about), about
