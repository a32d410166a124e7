from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.cli.list import _KINDS


@pytest.mark.parametrize(
    ("plural", "kind"),
    [
        (None, None),
        ("layers", "layer"),
        ("aggregations", "aggregation"),
        ("models", "model"),
        ("bases", "basis"),
        ("transforms", "transform"),
        ("baselines", "baseline"),
        ("kernels", "kernel"),
        ("datasets", "dataset"),
        ("recipes", "recipe"),
        ("layer", "layer"),
    ],
)
def test_json_is_the_registry(plural: str | None, kind: str | None) -> None:
    result = CliRunner().invoke(app, ["list", *([plural] if plural else []), "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    expected = [(entry.name, entry.kind, entry.paper) for entry in registry.entries(kind)]
    assert [(row["name"], row["kind"], row["paper"]) for row in rows] == expected


@pytest.mark.parametrize("kind", ["recipes", "layers", "datasets"])
def test_text_fits_a_terminal_and_names_everything(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, ["list", kind])
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = set(result.stdout.split())
    assert {entry.name for entry in registry.entries(_KINDS[kind])} <= words


def test_citations_on_request() -> None:
    result = CliRunner().invoke(app, ["list", "layers", "--cite"])
    for entry, line in zip(registry.entries("layer"), result.stdout.splitlines(), strict=True):
        assert line.startswith(entry.name)
        assert entry.paper in line


def test_nothing_of_a_kind_is_said_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entries", lambda kind: [])
    result = CliRunner().invoke(app, ["list", "transforms"])
    assert result.exit_code == 0
    assert result.stderr == "no transforms registered\n"


def test_unknown_kind() -> None:
    result = CliRunner().invoke(app, ["list", "layrs"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "error: unknown kind 'layrs'; did you mean 'layers'?\n"


def test_names_like_a_pattern() -> None:
    result = CliRunner().invoke(app, ["list", "recipes", "SHEAF*/t*", "--json"])
    names = [row["name"] for row in json.loads(result.stdout)]
    every = [entry.name for entry in registry.entries("recipe")]
    assert names == [each for each in every if each.startswith("sheaf") and "/t" in each]
    result = CliRunner().invoke(app, ["list", "models", "nothing*"])
    assert (result.exit_code, result.stderr) == (0, "no models like nothing* registered\n")
