from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app


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
