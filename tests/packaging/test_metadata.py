"""Version and requirements stand in several files, in the words of several tools, and agree."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

import graphpoly

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
# names on conda's side, where they differ
CONDA = {"torch": "pytorch", "torch-geometric": "pytorch_geometric"}


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_one_version(project) -> None:
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    assert project["version"] == graphpoly.__version__ == recipe["context"]["version"]


def test_the_conda_recipe_asks_for_what_pip_asks_for(project) -> None:
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    wanted = {f"python {project['requires-python']}"}
    for line in project["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)(.*)", line).groups()
        wanted.add(f"{CONDA.get(name, name)} {bound}".strip())
    assert set(recipe["requirements"]["run"]) == wanted


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_files_of_the_forge_are_readable(path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("name", ["tests", "wheels"])
def test_workflows_call_targets_and_tests_that_there_are(name) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    text += (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    called = set(re.findall(r"run: make (?:-C \w+ )?([a-z-]+)", text))
    assert called <= set(targets)
    named = set(re.findall(r"tests/[\w/]+(?:\.py)?", text))
    assert named
    assert [word for word in named if not (ROOT / word).exists()] == []
